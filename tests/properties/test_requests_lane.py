"""A lane of remote-write requests: many samples a record, and what comes of them is what comes of one sample a record."""

from __future__ import annotations

import math
import random
from unittest import mock

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.codecs.record import RecordBatch
from pipeline.codecs.remote_write import encode_request
from pipeline.config.schema import Config, DetectorSettings, ModelSettings, SourceTopic, TailThreshold
from pipeline.engine.lane import Lane

START_MS = 1_790_000_000_000
DETECTOR = DetectorSettings(
    name="all", model=ModelSettings(type="gaussian_scorer"), threshold=TailThreshold(probability=1e-3, min_samples=20)
)


def make_lane(record_format: str) -> Lane:
    source = SourceTopic(name="m", kind="metrics", format=record_format)
    return Lane(Config(version=1, topics=[source], detectors=[DETECTOR]), source, 0, config_hash="h")


def make_scrapes(seed: int, n: int) -> list[list[tuple[dict[str, str], int, float]]]:
    draw = random.Random(seed)
    scrapes = []
    for i in range(n):
        scrape = []
        for series in range(4):
            value = draw.gauss(10.0, 1.0) + (80.0 if draw.random() < 0.03 else 0.0)
            value = draw.choice([math.nan, math.inf]) if draw.random() < 0.05 else value
            scrape.append(({"__name__": "load", "node": f"n{series}"}, START_MS + 15_000 * i + series, value))
        scrapes.append(scrape)
    return scrapes


def request_rows(scrapes: list[list[tuple[dict[str, str], int, float]]]) -> list[tuple[int, int, None, bytes]]:
    return [
        (offset, START_MS + 15_000 * offset, None, encode_request((labels, [(ms, value)]) for labels, ms, value in scrape))
        for offset, scrape in enumerate(scrapes)
    ]


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(1, 120), cut=st.integers(0, 120))
def test_requests_score_as_single_samples_do_and_whatever_the_batches(seed: int, n: int, cut: int) -> None:
    scrapes = make_scrapes(seed, n)
    rows = request_rows(scrapes)
    whole, parted = make_lane("remote_write"), make_lane("remote_write")
    output = whole.process(RecordBatch.from_rows("m", 0, rows))
    pieces = [parted.process(RecordBatch.from_rows("m", 0, piece)) for piece in (rows[:cut], rows[cut:]) if piece]
    anomalies = [anomaly.to_json() for anomaly in output.anomalies]
    assert anomalies == [anomaly.to_json() for piece in pieces for anomaly in piece.anomalies]
    assert whole.accounting.to_dict() == parted.accounting.to_dict()

    # Large fetches are taken in parts.
    with mock.patch("pipeline.engine.lane._REQUEST_BYTES", 1_000):
        small = make_lane("remote_write")
        output_of_parts = small.process(RecordBatch.from_rows("m", 0, rows))
    assert [anomaly.to_json() for anomaly in output_of_parts.anomalies] == anomalies
    assert small.snapshot()["head"] == whole.snapshot()["head"]

    single = make_lane("metric_json")
    flat = [one for scrape in scrapes for one in scrape if math.isfinite(one[2])]
    texts = [
        orjson.dumps({"name": "load", "labels": {"node": labels["node"]}, "ts": ms, "value": value}) for labels, ms, value in flat
    ]
    alone = single.process(
        RecordBatch.from_rows("m", 0, [(i, START_MS + 15_000 * n, None, text) for i, text in enumerate(texts)])
    )
    told = [(one.event_time_ns, one.series, one.value, one.score, one.phase) for one in output.anomalies]
    assert told == [(one.event_time_ns, one.series, one.value, one.score, one.phase) for one in alone.anomalies]

    n_skipped = sum(not math.isfinite(value) for scrape in scrapes for _, _, value in scrape)
    assert whole.accounting.samples["filtered"] == n_skipped
    assert sum(whole.accounting.samples.values()) == 4 * n
    n_without = sum(all(not math.isfinite(value) for _, _, value in scrape) for scrape in scrapes)
    assert whole.accounting.records == {
        "scored": n - n_without,
        "late": 0,
        "duplicate": 0,
        "filtered": n_without,
        "dead_lettered": 0,
    }


def test_replayed_samples_without_a_number_are_not_counted_again() -> None:
    lane = make_lane("remote_write")
    rows = request_rows([[({"__name__": "load"}, START_MS + i, math.nan)] for i in range(4)])
    lane.process(RecordBatch.from_rows("m", 0, rows), emit_from_offset=3)
    assert lane.accounting.records["filtered"] == 1
    assert lane.accounting.replayed == 3
    assert lane.accounting.reasons == {("filtered", "no_number"): 1}
