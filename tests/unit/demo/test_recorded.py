"""Recorded data: what is found, how its times are moved, which marks apply."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.demo.recorded import find_recorded
from pipeline.demo.timeline import EPOCH_NS
from pipeline.samples.labels import LabelSet

SEC = 1_000_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cloudwatch = tmp_path / "nab" / "data" / "realAWSCloudwatch"
    cloudwatch.mkdir(parents=True)
    for name, start in (("a", "2014-02-14 00:"), ("b", "2013-10-09 16:")):
        rows = "".join(f"{start}{minute:02d}:00,{minute}\n" for minute in range(0, 60, 5))
        (cloudwatch / f"{name}.csv").write_text("timestamp,value\n" + rows)
    (tmp_path / "nab" / "other.csv").write_text("timestamp,value\n")
    windows = {"realAWSCloudwatch/a.csv": [["2014-02-14 00:20:00.000000", "2014-02-14 00:30:00.000000"]], "x/y.csv": [["", ""]]}
    (tmp_path / "nab" / "combined_windows.json").write_bytes(orjson.dumps(windows))
    logs = tmp_path / "loghub2k"
    logs.mkdir()
    lines = [f"2015-07-29 17:41:{50 - i:02d},747 INFO line {i}" for i in range(40)]
    pq.write_table(pa.table({"line": lines, "content": [f"line {i}" for i in range(40)]}), logs / "Zookeeper.parquet")
    return tmp_path


def test_known_data_sets_are_found_alone(folder: Path) -> None:
    found = find_recorded(folder)
    assert found is not None
    assert [path.name for path in found.metric_files] == ["a.csv", "b.csv"]
    assert [path.name for path in found.log_files] == ["Zookeeper.parquet"]
    assert found.metric_services == {"a", "b"}
    assert found.log_services == {"zookeeper"}


def test_every_file_ends_at_the_end_and_lines_keep_their_order(folder: Path) -> None:
    found = find_recorded(folder)
    assert found is not None
    end_ns = EPOCH_NS + 5 * SEC
    entries = list(found.entries(end_ns))
    times = [timed.event_time_ns for timed in entries]
    assert times == sorted(times)
    assert times[-1] == end_ns
    records = [orjson.loads(timed.entry.to_record().value) for timed in entries]
    metrics = [record for record in records if "value" in record]
    assert [record["name"] for record in metrics].count("a") == 12
    assert all(record["labels"] == {"dataset": "realAWSCloudwatch", "service": record["name"]} for record in metrics)
    lines = [(record["message"], record["ts"]) for record in records if "message" in record]
    assert [message for message, _ in lines] == [f"line {i}" for i in range(40)]
    gaps = {b - a for (_, a), (_, b) in pairwise(lines)}
    assert gaps == {180_000}


def test_marks_move_with_their_file(folder: Path) -> None:
    found = find_recorded(folder)
    assert found is not None
    (expectation,) = found.expectations(EPOCH_NS)
    assert (EPOCH_NS - expectation.start_ns) // SEC == 35 * 60
    assert (EPOCH_NS - expectation.end_ns) // SEC == 25 * 60
    labels = LabelSet({"__name__": "a", "dataset": "realAWSCloudwatch", "service": "realAWSCloudwatch"})
    assert expectation.affected[0].fits(labels)


def test_other_folders(tmp_path: Path) -> None:
    assert find_recorded(tmp_path / "no") is None
    assert find_recorded(tmp_path) is None
    (tmp_path / "gateway.log").write_text("2026-11-24T10:00:00Z x\n")
    (tmp_path / "cpu.csv").write_text("timestamp,value\n2014-02-14 14:30:00,1\n")
    found = find_recorded(tmp_path)
    assert found is not None
    assert (len(found.metric_files), len(found.log_files)) == (1, 1)
    assert len(list(found.entries(EPOCH_NS))) == 2
    assert found.expectations(EPOCH_NS) == ()


def test_the_real_files() -> None:
    shared = Path(os.environ.get("STREAMWARDEN_SHARED", Path(__file__).parents[4] / "shared")) / "data"
    found = find_recorded(shared)
    if found is None:
        pytest.skip(f"no recorded data in {shared}; set STREAMWARDEN_SHARED")
    n = sum(1 for _ in found.entries(EPOCH_NS))
    assert len(found.metric_files) == 17
    assert n > 60_000
    assert len(found.expectations(EPOCH_NS)) > 20
