"""A lane on its way through batches, and what is compared of it."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.codecs.record import RecordBatch
from pipeline.config.schema import Config
from pipeline.engine.anomaly import Anomaly
from pipeline.engine.lane import Lane
from pipeline.engine.lane_output import LaneOutput

__all__ = ["facts", "make_lane", "published", "run_lane"]


def make_lane(config: Config, partition: int = 3) -> Lane:
    """A fresh lane of the first topic."""
    return Lane(config, config.topics[0], partition, config_hash="h")


def run_lane(lane: Lane, batches: Iterable[RecordBatch], emit_from_offset: int = 0) -> LaneOutput:
    """What all the batches come to."""
    whole = LaneOutput([], [])
    for batch in batches:
        output = lane.process(batch, emit_from_offset)
        whole.anomalies.extend(output.anomalies)
        whole.dead_letters.extend(output.dead_letters)
    return whole


def published(anomalies: Iterable[Anomaly]) -> list[bytes]:
    """The bytes on the topic."""
    return [anomaly.to_json() for anomaly in anomalies]


def facts(lane: Lane) -> tuple[object, ...]:
    """What a lane says of itself."""
    return lane.accounting.to_dict(), lane.coverage, lane.watermark_ns, lane.next_offset
