"""Results of every benchmark of the suite are shown on the page of results and compared: what became worse fails, times do not."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as make_bench
from benchmarks import compare, report
from benchmarks.measures import measures_of
from benchmarks.results import KINDS, read_result
from pipeline.cli.bench import BENCHMARKS

COST = {"cpu_us": 2.0, "wall_us": 1.0, "startup_cpu_secs": 2.0, "peak_mb": 500.0}
QUANTILES = {"p50": 20.0, "p99": 80.0, "p99.9": 90.0, "max": 99.0}
LOAD = {"share": 0.5, "rate": 1_000.0, "rate_reached": 990.0, "n_alerts": 30, "n_without_alert": 0}
STARTED = {"ready_secs": 6.0, "scored_secs": 7.0, "cpu_secs": 2.0}
RECOVERED = {"restore_secs": 1.0, "cpu_secs": 0.5, "resident_mb": 400.0, "peak_mb": 450.0, "takeover_secs": 2.0}
MODEL = {"id": "gaussian", "river_ns": [900.0], "one_by_one_ns": [300.0], "slot_nbytes": 32}

RESULTS: dict[str, dict[str, Any]] = {
    "pipeline": {
        "workload": "native-2k",
        "summary": {},
        "results": {"worker": [COST], "rival": [{**COST, "cpu_us": 8.0}]},
    },
    "scale": {"workload": "native-2k", "results": {"1": [COST], "2": [{**COST, "wall_us": 0.6}]}},
    "latency": {"sustained_per_sec": 2_000.0, "results": [{**LOAD, "append_ms": QUANTILES, "due_ms": QUANTILES}]},
    "startup": {
        "workload": "native-2k",
        "model": "default",
        "results": {"cold": [{**STARTED, "scored_secs": 40.0}], "warm": [STARTED, STARTED]},
    },
    "memory": {
        "results": [{"model": "gaussian_scorer", "n_series": 1_000_000, "bytes_per_series": 1_900.0, "peak_mib": 2_200.0}] * 2
    },
    "recovery": {
        "model": "default",
        "results": {
            "native-100k": {"written_mb": 90.0, "scored_mb": 500.0, "repeats": [{**RECOVERED, "takeover_standby_secs": -0.1}]}
        },
    },
    "checkpoints": {"workload": "native-100k", "results": {"with": [{"cpu_us": 1.01}], "without": [{"cpu_us": 1.0}]}},
    "stages": {"results": {"native-2k": {"fetched bytes to columns": [160.0], "scan of the values": [170.0]}}},
    "models": {
        "results": [
            {**MODEL, "batch_ns": {"1000": {"1": [200.0], "10000": [9.0]}}},
            {**MODEL, "id": "default", "river_ns": None, "batch_ns": {"1000": {"10000": [120.0]}}},
        ]
    },
}
MACHINE = {"cpu": "a <CPU>", "n_cpus": 2, "load_before": 0.0, "commit": "0" * 40, "python": "3"}
PACKAGES = dict.fromkeys(("numba", "aiokafka", "faust-streaming", "river", "confluent-kafka"), "1")

# What is changed for the worse in each, and the names of what is told then.
WORSE: dict[str, tuple[Any, ...]] = {
    "pipeline": ("results", "worker", 0, "cpu_us", 3.0),
    "scale": ("results", "2", 0, "wall_us", 0.9),
    "latency": ("results", 0, "n_without_alert", 3),
    "startup": ("results", "warm", slice(None), "scored_secs", 20.0),
    "memory": ("results", slice(None), "bytes_per_series", 3_000.0),
    "recovery": ("results", "native-100k", "written_mb", 200.0),
    "checkpoints": ("results", "with", 0, "cpu_us", 1.5),
    "stages": ("results", "native-2k", "scan of the values", [400.0]),
    "models": ("results", 0, "batch_ns", "1000", "10000", [20.0]),
}


def write(folder: Path, kind: str, *changes: tuple[Any, ...], name: str = "a") -> Path:
    """A result; each change is a way into it and the value to be put there."""
    told = copy.deepcopy(RESULTS[kind])
    told |= {"benchmark": kind, "machine": MACHINE | PACKAGES, "seed": 1, "n_messages": 10, "broker": "b"}
    for *way, last, value in changes:
        places = [told]
        for step in way:
            places = [one for place in places for one in (place[step] if isinstance(step, slice) else [place[step]])]
        for place in places:
            place[last] = value
    path = folder / f"{kind}-{name}.json"
    path.write_text(json.dumps(told))
    return path


def test_every_kind_is_here() -> None:
    assert set(KINDS) == set(RESULTS) == set(WORSE)


def test_one_page_shows_them_all(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    paths = [write(tmp_path, kind) for kind in reversed(KINDS)]
    assert report.main([*map(str, paths), "-o", str(page)]) == 0
    text = page.read_text()
    assert text.count("<h2>") == len(KINDS)
    groups = {
        (kind, one.group) for kind in KINDS if kind != "pipeline" for one in measures_of(read_result(write(tmp_path, kind)))
    }
    assert text.count("<svg") == len(groups) + 1
    assert "a &lt;CPU&gt;" in text
    for cell in ("<td>warm</td><td>7</td><td>7</td><td>7</td><td>2</td>", "<td>throughput</td><td>1.667</td>", "<td>80</td>"):
        assert cell in text
    assert text.count("<span class=met>") == 3, "half load, and a million series twice"
    assert "src=" not in text
    assert 'href="http' not in text


def test_the_page_says_what_is_missing(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    path = write(tmp_path, "pipeline", ("failures", {"java-<bare>": "no Java"}), ("unfinished", {"rival": [COST]}))
    assert report.main([str(path), "-o", str(page)]) == 0
    assert "Did not come through: java-&lt;bare&gt;." in page.read_text()
    assert "cut off" in page.read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_what_became_worse_fails(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, worse = write(tmp_path, kind), write(tmp_path, kind, WORSE[kind], name="b")
    assert compare.main([str(before), str(before)]) == 0
    assert " worse" not in capsys.readouterr().out.replace("became worse", "")
    assert compare.main([str(before), str(worse)]) == 1
    assert " worse" in capsys.readouterr().out
    assert compare.main([str(worse), str(before)]) == 0


def test_times_are_judged_only_when_asked_for(tmp_path: Path) -> None:
    before = write(tmp_path, "startup")
    slower = write(
        tmp_path,
        "startup",
        *(("results", how, slice(None), name, 2 * STARTED[name]) for how in ("cold", "warm") for name in STARTED),
    )
    before = write(tmp_path, "startup", ("results", "cold", slice(None), "scored_secs", 7.0), name="b")
    assert compare.main([str(before), str(slower)]) == 0
    assert compare.main([str(before), str(slower), "--times"]) == 1


@pytest.mark.parametrize("text", [None, "", "[]", '{"benchmark": "quality"}', '{"benchmark": "scale", "results": {}}'])
def test_what_cannot_be_compared_is_named(text: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "odd.json"
    if text is not None:
        path.write_text(text)
    for pair in ((path, write(tmp_path, "scale")), (write(tmp_path, "scale"), path)):
        with pytest.raises(SystemExit) as stopped:
            compare.main(list(map(str, pair)))
        assert stopped.value.code == 2
        assert "odd.json" in capsys.readouterr().err


def test_only_the_same_is_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for other in (write(tmp_path, "scale"), write(tmp_path, "startup", ("model", "gaussian_scorer"), name="b")):
        with pytest.raises(SystemExit):
            compare.main([str(write(tmp_path, "startup")), str(other)])
        assert "startup, native-2k, default" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "name", "has_file"),
    [
        ([], "pipeline", True),
        (["--messages", "5"], "pipeline", True),
        (["startup"], "startup", True),
        (["quality"], "quality", False),
        (["report", "a.json"], "report", False),
        (["scale", "--json", "a.json"], "scale", False),
        (["--suite", "full", "--resume"], "pipeline", False),
    ],
)
def test_make_bench_keeps_results(
    arguments: list[str], name: str, has_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    seen: list[Any] = []
    monkeypatch.setattr(make_bench, "run_benchmark", lambda *given: seen.append(given) or 0)
    assert make_bench.main(list(arguments)) == 0
    ((module, options),) = seen
    assert module == BENCHMARKS[name][0]
    own = arguments[1:] if arguments[:1] == [name] else arguments
    assert options[: len(own)] == own
    assert [option.partition("-2")[0] for option in options[len(own) :]] == (["--json", f".bench/{name}"] if has_file else [])
