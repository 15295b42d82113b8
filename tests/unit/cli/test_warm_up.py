"""``streamwarden warm-up``: says what it took and where kernels are kept, and fails when they could not be kept."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import pipeline.service.warmup
from models.kernel_cache import cache_dir
from models.kernel_store import CacheFault, cache_faults
from pipeline.cli.main import build_app

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("n_unkept", [0, 2])
def test_a_cache_that_cannot_be_written_is_an_error(n_unkept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def warm_up(_: Any) -> dict[str, float]:
        for _ in range(n_unkept):
            cache_faults.add(CacheFault("unwritable", cache_dir(), "EROFS", "Read-only file system"))
        return {"metrics": 1.5}

    monkeypatch.setattr(pipeline.service.warmup, "warm_up", warm_up)
    monkeypatch.setattr(cache_faults, "n_by_kind", Counter())
    monkeypatch.setattr(cache_faults, "_told", {})
    done = CliRunner().invoke(build_app(), ["warm-up", "--config", str(ROOT / "topics.yaml")])
    assert "1.50 s  metrics\n" in done.stdout
    assert str(cache_dir()) in done.stdout
    assert done.exit_code == (1 if n_unkept else 0)
    assert (f"{n_unkept} kernels could not be kept in {cache_dir()}" in done.stderr) == bool(n_unkept)
