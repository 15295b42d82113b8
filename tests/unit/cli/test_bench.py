"""``streamwarden bench``: arguments reach the benchmark, and what it puts out is whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import bench
from pipeline.cli.main import build_app
from pipeline.errors import ConfigError


def test_models_as_json(capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["bench", "models", "--only", "page_hinkley", "--secs", "0.001", "--no-compile", "--json"]
    result = CliRunner().invoke(build_app(), arguments)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    (case,) = report["results"]
    assert case["model"] == "page_hinkley"
    assert set(case["batch_ns"]) == {"1", "1000", "100000"}
    assert set(case["batch_ns"]["1000"]) == {"1", "100", "10000"}
    assert all(taken > 0.0 for sizes in case["batch_ns"].values() for repeats in sizes.values() for taken in repeats)
    assert case["slot_nbytes"] == 56


@pytest.mark.parametrize("name", bench.BENCHMARKS)
def test_every_benchmark_has_its_own_help(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        bench.run_benchmark(bench.BENCHMARKS[name][0], ["--help"])
    assert stopped.value.code == 0
    assert f"streamwarden bench {name}" in capfd.readouterr().out


def test_an_installed_package_says_where_benchmarks_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bench, "_ROOT", tmp_path)
    with pytest.raises(ConfigError, match="clone it"):
        bench.run_benchmark("benchmarks.models", [])
