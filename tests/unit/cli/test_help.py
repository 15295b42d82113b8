"""Help reads well in a terminal of 80 columns: paragraphs are filled, lists keep their lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from pipeline.cli.bench import BENCHMARKS
from pipeline.cli.main import build_app


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
