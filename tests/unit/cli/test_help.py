"""Help reads well in a terminal of 80 columns: paragraphs are filled, lists keep their lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from pipeline.cli.bench import BENCHMARKS
from pipeline.cli.main import build_app
from pipeline.errors import ConfigError


def _walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    if path and path[0] == "bench" and path[-1] in BENCHMARKS:
        return  # they tell their own: tests/unit/benchmarks/test_arguments.py
    yield " ".join(path), command.help or ""
    for name, inside in getattr(command, "commands", {}).items():
        yield from _walk(inside, (*path, name))


HELP = dict(_walk(get_command(build_app())))


@pytest.mark.parametrize("name", HELP)
def test_paragraphs_are_filled_and_lists_keep_their_lines(name: str) -> None:
    first, *rest = HELP[name].split("\n\n")
    assert first.rstrip().endswith(".")
    for paragraph in rest:
        lines = paragraph.strip("\n").splitlines()
        if paragraph.startswith("\b"):
            assert max(map(len, lines)) <= 78, f"too long for 80 columns: {max(lines, key=len)}"
        else:
            assert len(lines) == 1, f"would be broken where the source is: {lines[0]}"


def test_an_id_that_is_too_short_is_told_before_a_broker_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.client.evidence.read_evidence", lambda *_: pytest.fail("a broker was asked"))
    told = CliRunner().invoke(build_app(), ["explain", "abc", "--config", str(tmp_path / "none.yaml")])
    assert isinstance(told.exception, ConfigError)
    assert told.exception.code == "ID_SHORT"
