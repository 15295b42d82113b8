"""The pipeline benchmark's workloads are frozen, and its comparison fails when and only when a ratio fell."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from benchmarks import compare
from benchmarks.pipeline.contender import Point, cost_of
from benchmarks.pipeline.contenders import CONTENDERS, DEFAULT
from benchmarks.pipeline.run import summarise
from benchmarks.pipeline.workload import WORKLOADS
from pipeline.codecs.metric_json import MetricJsonCodec
from pipeline.codecs.record import RecordBatch

FROZEN = {
    "native-2k": "a9cdb2ed0e74986f",
    "native-1": "75569a275adec15d",
    "native-100k": "448c6a2d3874b39b",
}


@pytest.mark.parametrize("name", FROZEN)
def test_a_workload_is_the_same_bytes_for_ever(name: str) -> None:
    digest = hashlib.sha256()
    for message in WORKLOADS[name].messages(3_000):
        digest.update(repr(message).encode())
    assert digest.hexdigest()[:16] == FROZEN[name]


def test_every_message_is_a_sample() -> None:
    messages = list(WORKLOADS["native-2k"].messages(5_000))
    points = MetricJsonCodec().decode(
        RecordBatch.from_rows("m", 0, [(i, one.timestamp_ms, one.key, one.value) for i, one in enumerate(messages)])
    )
    assert (len(points), len(set(points.keys)), points.bad) == (5_000, 2_000, [])


def test_the_cost_leaves_start_up_out() -> None:
    points = [Point(10, 5.0, 0.0), Point(200, 5.2, 1.0), Point(600, 5.6, 2.0), Point(1_000, 6.0, 3.0)]
    cost = cost_of(points, 1.0, {})
    assert cost.cpu_us == pytest.approx(1_000)
    assert (cost.n_messages, cost.startup_cpu_secs) == (800, pytest.approx(5.0))
    with pytest.raises(RuntimeError):
        cost_of([Point(10, 1.0, 1.0)], 0.0, {})


def test_who_takes_part_by_default_is_there() -> None:
    assert set(DEFAULT) <= set(CONTENDERS)


def write(path: Path, worker: list[float], rival: list[float], workload: str = "native-2k") -> Path:
    results = {"worker": [{"cpu_us": one} for one in worker], "rival": [{"cpu_us": one} for one in rival]}
    path.write_text(json.dumps({"benchmark": "pipeline", "workload": workload, "results": results}))
    return path


def test_compare_fails_when_a_ratio_fell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = write(tmp_path / "a.json", [1.0, 1.0], [90.0, 100.0])
    slower = write(tmp_path / "b.json", [1.5, 1.5], [90.0, 100.0])
    # A machine of half the speed, on which all take twice as long.
    other = write(tmp_path / "c.json", [2.0, 2.0], [180.0, 200.0])
    assert compare.main([str(before), str(slower)]) == 1
    assert compare.main([str(before), str(other)]) == 0
    assert compare.main([str(slower), str(before)]) == 0
    assert "-33%" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        compare.main([str(before), str(write(tmp_path / "d.json", [1.0], [1.0], "native-1"))])


def test_ratios_are_taken_within_a_repeat() -> None:
    costs = {"worker": [{"cpu_us": 1.0}, {"cpu_us": 10.0}], "rival": [{"cpu_us": 2.0}, {"cpu_us": 20.0}]}
    assert summarise(costs)["times_worker"]["rival"] == 2.0
