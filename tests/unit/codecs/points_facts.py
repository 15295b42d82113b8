"""Points of two ways of decoding, made comparable."""

from __future__ import annotations

from typing import Any

from pipeline.codecs.base import Points
from pipeline.codecs.protobuf_rows import ProtobufCodec
from pipeline.codecs.record import RecordBatch
from pipeline.errors import RecordError


def facts(points: Points) -> dict[str, Any]:
    """Everything a reader can see of points, labels resolved."""

    def labels(key: Any) -> Any:
        try:
            return dict(points.labels_of(key))
        except RecordError as error:
            return error.code

    return {
        "row": points.row.tolist(),
        "position": points.position.tolist(),
        "time": points.event_time_ns.tolist(),
        "value": points.value.tobytes(),
        "labels": [labels(key) for key in points.keys],
        "bad": [(one.row, one.error.code) for one in points.bad],
        "n_empty": points.n_empty,
        "skipped": points.skipped_row.tolist(),
    }


def batch_of(values: list[bytes | None]) -> RecordBatch:
    """A batch of records with these values."""
    return RecordBatch.from_rows("m", 0, [(i, 0, None, value) for i, value in enumerate(values)])


def assert_same(scanned: ProtobufCodec, slow: ProtobufCodec, values: list[bytes | None]) -> dict[str, Any]:
    """What both ways say of the records, which is the same, and says something of every record."""
    found = facts(scanned.decode(batch_of(values)))
    assert found == facts(slow.decode(batch_of(values)))
    n_told = len(set(found["row"]) | set(found["skipped"])) + len(found["bad"]) + found["n_empty"]
    assert n_told == len(values)
    return found
