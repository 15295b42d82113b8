"""Points of two ways of decoding, made comparable."""

from __future__ import annotations

import random
from collections.abc import Callable
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


INTERESTING = bytes([0, 1, 2, 7, 8, 9, 10, 0x0A, 0x12, 0x1A, 0x22, 0x39, 0x3A, 0x7F, 0x80, 0xFE, 0xFF])
"""Tags, lengths and ends of varints."""


def damage(draw: random.Random, raw: bytes) -> bytes:
    """A message with up to four bytes or runs of bytes changed, lost, put in or doubled, or its end cut off; one in five is whole."""
    damaged = bytearray(raw)
    for _ in range(draw.randint(0, 4)):
        if not damaged:
            break
        at, choice = draw.randrange(len(damaged)), draw.random()
        if choice < 0.5:
            damaged[at] = draw.choice(INTERESTING) if draw.random() < 0.7 else draw.randrange(256)
        elif choice < 0.65:
            del damaged[at : at + draw.randint(1, 9)]
        elif choice < 0.8:
            damaged[at:at] = bytes(draw.choices(INTERESTING, k=draw.randint(1, 4)))
        elif choice < 0.9:
            other = draw.randrange(len(damaged))
            damaged[at:at] = damaged[other : other + draw.randint(1, 40)]
        else:
            del damaged[at:]
    return bytes(damaged)


def compare_damaged(
    scanned: ProtobufCodec, slow: ProtobufCodec, make: Callable[[random.Random], bytes], n_batches: int, seed: int
) -> int:
    """Compare batches of 20 damaged messages from a seed; how many samples there were."""
    draw = random.Random(seed)
    return sum(len(assert_same(scanned, slow, [damage(draw, make(draw)) for _ in range(20)])["row"]) for _ in range(n_batches))
