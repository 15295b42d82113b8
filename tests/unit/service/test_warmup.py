"""After the warm-up nothing is compiled any more, whatever comes, through either reader."""

from __future__ import annotations

import random

from models.warmup import compiled_signatures
from pipeline.codecs.fetched import read_fetched
from pipeline.codecs.record import RecordBatch
from pipeline.config.schema import Config, DetectorSettings, SourceTopic
from pipeline.engine.lane import Lane
from pipeline.service.warmup import warm_up
from tests.unit.codecs.metric_cases import make_record
from tests.unit.codecs.wire import GZIP, LZ4, SNAPPY, ZSTD, Row, pack_batch


def test_nothing_is_compiled_after_the_warm_up() -> None:
    source = SourceTopic(name="m", kind="metrics", format="metric_json")
    config = Config(version=1, topics=[source], detectors=[DetectorSettings(name="all")])
    warm_up(config)
    before = compiled_signatures("pipeline")
    assert before["pipeline.codecs.fetched_kernel.walk_records"] == 1
    assert before["pipeline.codecs.metric_json_kernel.scan_metrics"] == 1
    assert before["pipeline.codecs.metric_json_kernel.hash_keys"] == 1
    assert before["pipeline.samples.key_table_kernel.move_rows"] == 1
    rng = random.Random(5)
    lane = Lane(config, source, 0, config_hash="")
    for offset in range(0, 3_000, 300):
        rows = []
        for i in range(300):
            at_ms = 1_700_000_000_000 + 1_000 * (offset + i)
            value = b'{"name":"m%d","ts":%d,"value":%f}' % (offset + i, at_ms, rng.gauss(0, 1))
            rows.append(Row(offset + i, at_ms, None, value if rng.random() < 0.8 else make_record(rng)))
        data = pack_batch(rows[:150], compression=rng.choice([0, GZIP, SNAPPY, LZ4, ZSTD]))
        lane.process(read_fetched("m", 0, data).batch)
        lane.process(RecordBatch.from_rows("m", 0, [row[:4] for row in rows[150:]]))
    lane.process(RecordBatch.from_rows("m", 0, [(3_000, 0, None, b""), (3_001, 0, None, None)]))
    lane.process(RecordBatch.from_rows("m", 0, [], next_offset=4_000))
    assert compiled_signatures("pipeline") == before
