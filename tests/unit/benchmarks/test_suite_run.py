"""A run of the suite that is cut off has lost nothing: every case is on disk when it is done, and the next run does the rest."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.pipeline import run
from benchmarks.pipeline.contender import Contender, Cost, Point, cost_of
from benchmarks.pipeline.result_file import ResultFile
from benchmarks.pipeline.run import Clock, count_warm, plan
from benchmarks.pipeline.workloads import WORKLOADS

FACTS = {
    "benchmark": "pipeline",
    "workload": "native-2k",
    "seed": 1,
    "n_messages": 10,
    "samples_per_message": 1,
    "machine": {"commit": "a"},
}


class Fake(Contender):
    """Costs a microsecond more each time; `cut_at` ends the process before so many runs, `broken` always fails."""

    runs: list[str] = []  # noqa: RUF012 - of all of them together
    cut_at = 10**6
    broken = ""

    def run(self, bootstrap: str, topic: str, n_messages: int, record_format: str = "metric_json", n_warm: int = 0) -> Cost:
        if len(Fake.runs) == Fake.cut_at:
            raise KeyboardInterrupt
        Fake.runs.append(self.name)
        if self.name == Fake.broken:
            raise RuntimeError("it ended with 1")
        return Cost(float(len(Fake.runs)), 1.0, n_messages, n_warm, 0.0, 1.0, {})


@pytest.fixture
def suite(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Everybody a fake, no broker."""

    @contextmanager
    def open_broker(bootstrap: Any, say: Any) -> Any:
        yield "nowhere", "no broker"

    fakes = {name: Fake(name, "", 1.0) for name in run.CONTENDERS}
    for name, value in {
        "CONTENDERS": fakes,
        "open_broker": open_broker,
        "fill": lambda *_: None,
        "delete_topics": lambda *_: None,
    }.items():
        monkeypatch.setattr(run, name, value)
    monkeypatch.setattr(Fake, "runs", [])
    monkeypatch.setattr(Fake, "cut_at", 10**6)
    monkeypatch.setattr(Fake, "broken", "")
    return run.main


def quick(path: Path, *more: str) -> list[str]:
    return ["--only", "worker", "java-bare", "flink", "--messages", "1000", "--repeats", "3", "--json", str(path), *more]


def test_a_run_that_is_cut_off_goes_on_where_it_was(suite: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    monkeypatch.setattr(Fake, "cut_at", 5)
    with pytest.raises(KeyboardInterrupt):
        suite(quick(path))
    cut = json.loads(path.read_text())
    assert {name: len(some) for name, some in cut["results"].items()} == {"worker": 1, "java-bare": 1, "flink": 1}
    assert {name: len(some) for name, some in cut["unfinished"].items()} == {"worker": 1, "java-bare": 1}
    assert cut["summary"]["times_worker"] == {"worker": 1.0, "java-bare": 2.0, "flink": 3.0}
    monkeypatch.setattr(Fake, "cut_at", 10**6)
    assert suite(quick(path, "--resume")) == 0
    whole = json.loads(path.read_text())
    assert Fake.runs == ["worker", "java-bare", "flink"] * 3
    assert [one["cpu_us"] for one in whole["results"]["flink"]] == [3.0, 6.0, 9.0]
    assert ("unfinished" in whole, whole["n_sessions"]) == (False, 2)
    assert suite(quick(path, "--resume")) == 0
    assert len(Fake.runs) == 9
    assert suite(quick(path)) == 0
    assert len(Fake.runs) == 18, "without --resume it begins anew"


def test_only_the_same_run_is_gone_on_with(suite: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.json"
    suite(quick(path))
    told = json.loads(path.read_text())
    for change, named in (
        ({"n_messages": 7}, "n_messages"),
        ({"machine": {"commit": "x"}}, "commit"),
        ({"machine": 1}, "a.json"),
    ):
        path.write_text(json.dumps({**told, **change}))
        with pytest.raises(SystemExit):
            suite(quick(path, "--resume"))
        assert named in capsys.readouterr().err
    with pytest.raises(SystemExit):
        suite(["--resume"])


def test_one_that_fails_costs_the_others_nothing(suite: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fake, "broken", "java-bare")
    path = tmp_path / "a.json"
    assert suite(quick(path)) == 1
    told = json.loads(path.read_text())
    assert told["failures"] == {"java-bare": "it ended with 1"}
    assert {name: len(some) for name, some in told["results"].items()} == {"worker": 3, "flink": 3}
    assert Fake.runs.count("java-bare") == 1


def test_the_full_suite_fits_into_a_time(suite: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(run.time, "monotonic", lambda: now[0])
    real = Fake.run
    monkeypatch.setattr(Fake, "run", lambda self, *args: (now.__setitem__(0, now[0] + 10.0), real(self, *args))[1])
    full = ["--suite", "full", "--messages", "3000", "--repeats", "1", "--json", str(tmp_path / "f.json"), "--minutes", "5"]
    assert suite(full) == 0
    assert 25 <= len(Fake.runs) <= 30
    assert now[0] <= 300.0
    n_cases = sum(len(names) for _, names, _ in plan("full", None, "native-2k", 3_000))
    for _ in range(8):
        assert suite([*full, "--resume"]) == 0
    assert len(Fake.runs) == n_cases
    assert len(list(tmp_path.glob("f-*.json"))) == len(plan("full", None, "native-2k", 3_000))


def test_the_rest_is_reckoned_from_what_the_first_took(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(run.time, "monotonic", lambda: now[0])
    clock = Clock(1_000.0, None)
    assert clock.remaining_secs == 1_000.0
    now[0] = 1_140.0
    # Twice as slow, beside a minute as estimated.
    clock.finish(540.0)
    assert clock.remaining_secs == 460.0 * 2
    clock.skip(60.0)
    assert clock.remaining_secs == 400.0 * 2


def test_a_million_series_are_measured_when_all_have_been_seen() -> None:
    workload = WORKLOADS["native-1m"]
    ((_, _, n_messages),) = [one for one in plan("full", None, "native-2k", 10) if one[0] is workload]
    n_warm = count_warm(workload, n_messages)
    assert workload.n_series < n_warm < n_messages - workload.n_series
    # First sights cost 10 µs, all others 1.
    points = [Point(n, n * 1e-6 + 10e-6 * min(n, workload.n_series), float(n)) for n in range(100_000, n_messages + 1, 100_000)]
    cost = cost_of(points, 0.0, {}, n_warm=n_warm)
    assert (cost.cpu_us, cost.n_before) == (pytest.approx(1.0), n_warm)
    assert cost.startup_cpu_secs == pytest.approx(10.0)


def test_every_workload_of_the_suite_is_measured_when_its_series_are_known() -> None:
    for workload, _, n_messages in plan("full", None, "native-2k", 10_000):
        n_rounds = n_messages * workload.samples_per_message / workload.n_series
        assert n_rounds >= (10 if workload.samples_per_message > 1 else 3)
        assert n_rounds >= 200 or count_warm(workload, n_messages) == n_messages // 2


def test_results_without_a_whole_repeat_have_who_was_measured() -> None:
    result = ResultFile(None, FACTS, ["worker", "rival"])
    assert result.report()["results"] == {}
    result.add("worker", {"cpu_us": 1.0})
    assert result.report()["results"] == {"worker": [{"cpu_us": 1.0}]}
