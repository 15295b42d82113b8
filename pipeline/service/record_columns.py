"""From what aiokafka fetched to columns: the ordinary lane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from aiokafka.structs import ConsumerRecord

from pipeline.codecs.record import HeaderList, RecordBatch

__all__ = ["to_columns"]


def to_columns(topic: str, partition: int, records: Sequence[ConsumerRecord], next_offset: int) -> RecordBatch:
    """Records of one partition as columns over one buffer.

    Parameters
    ----------
    topic, partition
        Where they come from.
    records : sequence of ConsumerRecord
        In offset order; may be empty (a fetch that brought only control batches or aborted records).
    next_offset : int
        Where reading goes on.

    Examples
    --------
    >>> record = ConsumerRecord("t", 0, 7, 1000, 0, None, b"v", None, -1, 1, ())
    >>> batch = to_columns("t", 0, [record], 9)
    >>> batch.value(0), batch.key(0), batch.offset.tolist(), batch.next_offset
    (b'v', None, [7], 9)
    """
    n = len(records)
    keys = [record.key for record in records]
    values = [record.value for record in records]
    # A length of -1 stands for null and takes no room in the buffer.
    key_length = np.fromiter([-1 if key is None else len(key) for key in keys], np.int64, n)
    value_length = np.fromiter([-1 if value is None else len(value) for value in values], np.int64, n)
    n_key_bytes = int(np.maximum(key_length, 0).sum())
    headers: dict[int, HeaderList] = {row: tuple(record.headers) for row, record in enumerate(records) if record.headers}
    timestamps = [-1 if record.timestamp is None else record.timestamp for record in records]
    return RecordBatch(
        topic=topic,
        partition=partition,
        offset=np.fromiter([record.offset for record in records], np.int64, n),
        timestamp_ms=np.fromiter(timestamps, np.int64, n),
        buffer=b"".join([*filter(None, keys), *filter(None, values)]),
        key_start=_starts(key_length, 0),
        key_length=key_length,
        value_start=_starts(value_length, n_key_bytes),
        value_length=value_length,
        next_offset=next_offset,
        headers=headers,
    )


def _starts(length: np.ndarray[tuple[int], np.dtype[np.int64]], first: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    size = np.maximum(length, 0)
    return np.cumsum(size) - size + first
