"""The pipeline benchmark's workloads are frozen, and its comparison fails when and only when a ratio fell."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import compare
from benchmarks.pipeline.contender import Point, cost_of
from benchmarks.pipeline.contenders import CONTENDERS, DEFAULT
from benchmarks.pipeline.summary import summarise
from benchmarks.pipeline.workloads import WORKLOADS
from pipeline.codecs.metric_json import MetricJsonCodec
from pipeline.codecs.otlp_metrics import OtlpMetricsCodec
from pipeline.codecs.protobuf_rows import ProtobufCodec
from pipeline.codecs.record import RecordBatch
from pipeline.codecs.remote_write import RemoteWriteCodec
from pipeline.codecs.snappy_block import unpack_block

FROZEN = {
    "native-2k": "a9cdb2ed0e74986f",
    "native-1": "75569a275adec15d",
    "native-100k": "448c6a2d3874b39b",
    "native-1-calm": "75569a275adec15d",
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


# Of the requests as they are before snappy: another release of its library may pack them otherwise.
FROZEN_REQUESTS = {
    "remote-write-2k": "c4b000124b3f2c4f",
    "remote-write-20k": "0b4d3f454da4aca6",
    "otlp-20k": "444e536043b26909",
}


@pytest.mark.parametrize("name", FROZEN_REQUESTS)
def test_a_workload_of_requests_is_the_same_bytes_for_ever(name: str) -> None:
    digest = hashlib.sha256()
    for key, value, timestamp_ms in WORKLOADS[name].messages(110):
        digest.update(repr((key, unpack_block(value) or value, timestamp_ms)).encode())
    assert digest.hexdigest()[:16] == FROZEN_REQUESTS[name]


@pytest.mark.parametrize("codec", [RemoteWriteCodec(), OtlpMetricsCodec()])
def test_every_sample_of_a_request_is_a_sample(codec: ProtobufCodec) -> None:
    (workload,) = (one for one in WORKLOADS.values() if one.format == codec.name and one.n_series == 20_000)
    # Other requests than these 12 differ in values and times only: two rounds begin with the same series.
    messages = list(workload.messages(12))
    batch = RecordBatch.from_rows("m", 0, [(i, one.timestamp_ms, one.key, one.value) for i, one in enumerate(messages)])
    points, slow = codec.decode(batch), type(codec)(is_scanned=False).decode(batch)
    assert (len(points), len(set(points.keys)), points.bad) == (24_000, 20_000, [])
    assert points.keys[0] == points.keys[20_000]
    assert {len(points.labels_of(key)) for key in points.keys[:2_000]} <= {8, 9}
    assert (points.value.tobytes(), points.event_time_ns.tobytes()) == (slow.value.tobytes(), slow.event_time_ns.tobytes())
    assert int(points.event_time_ns[-1]) == messages[-1].timestamp_ms * 1_000_000
    assert (points.event_time_ns[20_000:] - points.event_time_ns[:4_000]).tolist() == [15_000_000_000] * 4_000


def test_a_sample_of_a_request_spikes_when_its_series_has_had_a_hundred() -> None:
    workload = replace(WORKLOADS["remote-write-2k"], n_series=40, samples_per_message=40, spike_every=1_009)
    points = RemoteWriteCodec().decode(
        RecordBatch.from_rows("m", 0, [(i, one.timestamp_ms, one.key, one.value) for i, one in enumerate(workload.messages(200))])
    )
    values = points.value.reshape(200, 40)
    # Ten standard deviations of any of these series are less than a spike, of which each is fifteen.
    off = np.abs(values - np.median(values, axis=0)) > 10 * np.std(values[:100], axis=0)
    assert np.flatnonzero(off.ravel()).tolist() == [4_036, 5_045, 6_054, 7_063]


def test_the_cost_leaves_start_up_out() -> None:
    points = [Point(10, 5.0, 0.0), Point(200, 5.2, 1.0), Point(600, 5.6, 2.0), Point(1_000, 6.0, 3.0)]
    cost = cost_of(points, 1.0, {})
    assert cost.cpu_us == pytest.approx(1_000)
    assert (cost.n_messages, cost.startup_cpu_secs) == (800, pytest.approx(5.0))
    with pytest.raises(RuntimeError):
        cost_of([Point(10, 1.0, 1.0)], 0.0, {})


def test_who_takes_part_by_default_is_there() -> None:
    assert set(DEFAULT) <= set(CONTENDERS)


def write(path: Path, worker: list[float], rival: list[float], workload: str = "native-2k", reference: str = "worker") -> Path:
    results = {reference: [{"cpu_us": one} for one in worker], "rival": [{"cpu_us": one} for one in rival]}
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


def test_requests_are_compared_with_the_default_worker(tmp_path: Path) -> None:
    before = write(tmp_path / "a.json", [400.0, 410.0], [900.0, 990.0], "otlp-20k", "worker-default")
    slower = write(tmp_path / "b.json", [600.0, 610.0], [900.0, 990.0], "otlp-20k", "worker-default")
    assert compare.main([str(before), str(slower)]) == 1
    assert compare.main([str(slower), str(before)]) == 0
    for other in (
        write(tmp_path / "c.json", [1.0], [1.0], "otlp-20k"),
        write(tmp_path / "d.json", [1.0], [1.0], "otlp-20k", "x"),
    ):
        with pytest.raises(SystemExit):
            compare.main([str(before), str(other)])


def test_ratios_are_taken_within_a_repeat() -> None:
    costs = {"worker": [{"cpu_us": 1.0}, {"cpu_us": 10.0}], "rival": [{"cpu_us": 2.0}, {"cpu_us": 20.0}]}
    assert summarise(costs)["times_worker"]["rival"] == 2.0
