"""A recorded file, when it is there: the same bytes however it is read, and alerts near what people marked."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.codecs.record import RecordBatch
from pipeline.config.schema import Config, DetectorSettings, SourceTopic
from pipeline.engine.lane import Lane
from tests.properties.naughty_log import split

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "nab"
FILE = "realAWSCloudwatch/rds_cpu_utilization_e47b3b.csv"


def read_rows() -> list[tuple[int, int, bytes | None, bytes | None]]:
    path = DATA / "data" / FILE
    if not path.exists():
        pytest.skip(f"{FILE} of the Numenta Anomaly Benchmark is not in ../shared/data/nab/data")
    rows = []
    with path.open() as lines:
        for i, line in enumerate(csv.DictReader(lines)):
            at = datetime.fromisoformat(line["timestamp"]).replace(tzinfo=UTC)
            record = {"name": "cpu", "ts": int(at.timestamp()), "value": float(line["value"])}
            rows.append((i, int(at.timestamp() * 1000), b"cpu", json.dumps(record).encode()))
    return rows


def test_a_recorded_file_gives_the_same_bytes_however_it_is_read() -> None:
    rows = read_rows()
    source = SourceTopic(name="m", kind="metrics", format="metric_json")
    config = Config(version=1, topics=[source], detectors=[DetectorSettings(name="all")])
    told = []
    for pieces in ([rows], [[row] for row in rows], split(rows, range(0, len(rows), 777))):
        lane = Lane(config, source, 0, config_hash="h")
        told.append([one.to_json() for piece in pieces for one in lane.process(RecordBatch.from_rows("m", 0, piece)).anomalies])
        assert lane.accounting.records["scored"] + lane.accounting.records["duplicate"] == len(rows)
    assert told[0] == told[1] == told[2]
    assert told[0]
