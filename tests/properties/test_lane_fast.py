"""The fast way (fetched bytes walked, scanned and looked up by kernels) says, byte for byte, what the ordinary way says."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.codecs import registry
from pipeline.codecs.fetched import Stop, read_fetched
from pipeline.codecs.metric_json import MetricJsonCodec
from pipeline.codecs.record import RecordBatch
from pipeline.config.schema import Config
from pipeline.engine.lane import Lane
from tests.properties.lane_run import facts, published, run_lane
from tests.properties.naughty_log import START_MS, Row, batch_of, make_config, naughty_log, split
from tests.unit.codecs.metric_cases import make_record
from tests.unit.codecs.wire import GZIP, LZ4, SNAPPY, ZSTD, pack_batch
from tests.unit.codecs.wire import Row as WireRow

SEEDS = st.integers(0, 2**32)


def make_lane(config: Config, *, is_scanned: bool) -> Lane:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry.FORMATS, "metric_json", lambda: MetricJsonCodec(is_scanned=is_scanned))
        return Lane(config, config.topics[0], 3, config_hash="h")


def run(lane: Lane, batches: Sequence[RecordBatch]) -> tuple[list[bytes], object, object]:
    output = run_lane(lane, batches)
    return published(output.anomalies), output.dead_letters, facts(lane)


def fetch(rows: Sequence[Row], rng: random.Random) -> RecordBatch:
    """The rows as a broker would send them, in record batches of any size and compression, read by the kernels."""
    parts = []
    at = 0
    while at < len(rows):
        some = [WireRow(*row) for row in rows[at : at + rng.choice([1, 7, 50])]]
        parts.append(pack_batch(some, compression=rng.choice([0, GZIP, SNAPPY, LZ4, ZSTD])))
        at += len(some)
    fetched = read_fetched("m", 3, b"".join(parts))
    assert fetched.stop is Stop.END
    return fetched.batch


@settings(max_examples=50, deadline=None)
@given(
    seed=SEEDS,
    n=st.integers(1, 500),
    cuts=st.lists(st.integers(0, 500), max_size=6),
    max_series=st.sampled_from([2, 6, 50]),
    evict_after_secs=st.sampled_from([40.0, 400.0]),
)
def test_naughty_logs_come_to_the_same(seed: int, n: int, cuts: list[int], max_series: int, evict_after_secs: float) -> None:
    config = make_config(max_series=max_series, evict_after_secs=evict_after_secs)
    pieces = split(naughty_log(seed, n), cuts)
    rng = random.Random(seed)
    ordinary = run(make_lane(config, is_scanned=False), [batch_of(rows) for rows in pieces])
    fast = run(make_lane(config, is_scanned=True), [fetch(rows, rng) for rows in pieces if rows])
    assert fast == ordinary


@settings(max_examples=50, deadline=None)
@given(seed=SEEDS, n=st.integers(1, 200), max_series=st.sampled_from([2, 50]))
def test_odd_and_broken_records_come_to_the_same(seed: int, n: int, max_series: int) -> None:
    rng = random.Random(seed)
    config = make_config(max_series=max_series)
    rows = [(i, START_MS + 10 * i, None, make_record(rng)) for i in range(n)]
    pieces = [rows[: n // 2], rows[n // 2 :]]
    ordinary = run(make_lane(config, is_scanned=False), [batch_of(piece) for piece in pieces])
    fast = run(make_lane(config, is_scanned=True), [fetch(piece, rng) for piece in pieces if piece])
    assert fast == ordinary
