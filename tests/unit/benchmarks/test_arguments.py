"""Command lines of the benchmarks teach what is measured, and refuse what cannot be run before anything runs."""

from __future__ import annotations

import importlib

import pytest

from pipeline.cli.bench import BENCHMARKS


def _run(name: str, arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(BENCHMARKS[name][0]).main(arguments)
    return int(ended.value.code or 0)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_help_is_the_whole_docstring_and_fits_the_terminal(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert _run(name, ["--help"]) == 0
    told = capsys.readouterr().out
    assert f"usage: streamwarden bench {name} " in told
    assert f"\n    streamwarden bench {name}" in told, "an example to copy, on a line of its own"
    doc = importlib.import_module(BENCHMARKS[name][0]).__doc__ or ""
    last = doc.strip().replace("``", "`").split()[-1]
    assert last in told
    for line in told.splitlines():
        assert len(line) <= 80 or line.startswith("    "), line


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("calibration", ["--trials", "0"]),
        ("forest", ["--files", "-1"]),
        ("opinion", ["--most", "many"]),
        ("models", ["--secs", "-1"]),
        ("models", ["--memory-gb", "nan"]),
        ("models", ["--only", "loda", "lodda"]),
        ("memory", ["--series", "0"]),
        ("stages", ["--repeats", "0"]),
        ("latency", ["--shares", "0"]),
        ("pipeline", ["--minutes", "0"]),
        ("quality", ["--scorers", "nobody"]),
    ],
)
def test_what_cannot_be_run_is_refused_with_what_was_expected(
    name: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(name, arguments) == 2
    told = capsys.readouterr().err
    assert arguments[0] in told or "scorers" in told
    assert "expected" in told or "known" in told
    assert arguments[-1] in told
