"""What the engine says of records without Kafka: the yardstick for what the worker publishes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.codecs.record import RecordBatch
from pipeline.config.load import config_hash, load_config
from pipeline.engine.anomaly import Anomaly
from pipeline.engine.lane import Lane
from tests.integration.topic_set import Read


def expected_anomalies(config_path: Path, topic: str, records: Sequence[Read], batch_size: int = 1_000) -> list[Anomaly]:
    """Anomalies of a topic's records, partition by partition."""
    config = load_config(config_path)
    source = next(one for one in config.topics if one.name == topic)
    anomalies: list[Anomaly] = []
    for partition in sorted({record.partition for record in records}):
        rows = [(r.offset, r.timestamp_ms, r.key, r.value) for r in records if r.partition == partition]
        lane = Lane(config, source, partition, config_hash=config_hash(config))
        for start in range(0, len(rows), batch_size):
            anomalies += lane.process(RecordBatch.from_rows(topic, partition, rows[start : start + batch_size])).anomalies
    return anomalies
