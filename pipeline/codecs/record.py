"""Record batches: what one fetch of one partition brings, as columns over one buffer.

A `RecordBatch` is the unit that flows through the hot path: one Faust event on a source topic is one of these.
`keys` and `values` are slices of `buffer`, given by start and length; a length of -1 means null (a tombstone or a missing key).
Whatever fills it (the ordinary lane joins values, a faster lane keeps the fetched bytes) the readers are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pipeline.codecs.headers import HeaderList, headers_between

__all__ = ["HeaderList", "RecordBatch"]

_IntColumn = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Records of one partition in offset order.

    Attributes
    ----------
    topic, partition
        Where they come from.
    offset : (N,) int64
        Strictly increasing; gaps are normal (compaction, transactions).
    timestamp_ms : (N,) int64
        Broker timestamp, ms UTC; -1 = none.
    buffer : bytes
        Holds all keys and values.
    key_start, key_length, value_start, value_length : (N,) int64
        Slices of `buffer`; length -1 = null.
    next_offset : int
        Where reading goes on after this batch; at least ``offset[-1] + 1``.
    headers : mapping of int to HeaderList
        Row → headers, only for rows that have any.
    """

    topic: str
    partition: int
    offset: _IntColumn
    timestamp_ms: _IntColumn
    buffer: bytes
    key_start: _IntColumn
    key_length: _IntColumn
    value_start: _IntColumn
    value_length: _IntColumn
    next_offset: int
    headers: Mapping[int, HeaderList]

    @classmethod
    def from_rows(
        cls,
        topic: str,
        partition: int,
        rows: Iterable[tuple[int, int, bytes | None, bytes | None]],
        *,
        headers: Mapping[int, HeaderList] | None = None,
        next_offset: int | None = None,
    ) -> RecordBatch:
        """Build a batch from ``(offset, timestamp_ms, key, value)`` rows.

        Examples
        --------
        >>> batch = RecordBatch.from_rows("t", 0, [(7, 1000, b"k", b"v1"), (9, 1001, None, None)])
        >>> len(batch), batch.value(0), batch.key(1), batch.value(1), batch.next_offset
        (2, b'v1', None, None, 10)
        """
        materialised = list(rows)
        n = len(materialised)
        parts: list[bytes] = []
        lengths = np.full(2 * n, -1, dtype=np.int64)
        for i, (_, _, key, value) in enumerate(materialised):
            if key is not None:
                parts.append(key)
                lengths[2 * i] = len(key)
            if value is not None:
                parts.append(value)
                lengths[2 * i + 1] = len(value)
        taken = np.maximum(lengths, 0)
        starts = np.cumsum(taken) - taken
        offset = np.fromiter((row[0] for row in materialised), np.int64, n)
        return cls(
            topic=topic,
            partition=partition,
            offset=offset,
            timestamp_ms=np.fromiter((row[1] for row in materialised), np.int64, n),
            buffer=b"".join(parts),
            key_start=starts[0::2].copy(),
            key_length=lengths[0::2].copy(),
            value_start=starts[1::2].copy(),
            value_length=lengths[1::2].copy(),
            next_offset=next_offset if next_offset is not None else (int(offset[-1]) + 1 if n else 0),
            headers=headers or {},
        )

    def __len__(self) -> int:
        return len(self.offset)

    def from_row(self, row: int) -> RecordBatch:
        """The records from `row` on, over the same buffer.

        Examples
        --------
        >>> batch = RecordBatch.from_rows("t", 0, [(0, 0, None, b"a"), (1, 0, None, b"b")], headers={1: [("h", b"x")]})
        >>> batch.from_row(1).values(), batch.from_row(1).headers
        ([b'b'], {0: [('h', b'x')]})
        """
        return self.between(row, len(self))

    def between(self, start: int, stop: int) -> RecordBatch:
        """The records of rows `start` to `stop` (not included), over the same buffer; reading goes on at the record in `stop`.

        Examples
        --------
        >>> batch = RecordBatch.from_rows("t", 0, [(0, 0, None, b"a"), (4, 0, None, b"b"), (9, 0, None, b"c")])
        >>> batch.between(0, 2).values(), batch.between(0, 2).next_offset, batch.between(1, 3).next_offset
        ([b'a', b'b'], 9, 10)
        """
        return replace(
            self,
            offset=self.offset[start:stop],
            timestamp_ms=self.timestamp_ms[start:stop],
            key_start=self.key_start[start:stop],
            key_length=self.key_length[start:stop],
            value_start=self.value_start[start:stop],
            value_length=self.value_length[start:stop],
            next_offset=int(self.offset[stop]) if stop < len(self) else self.next_offset,
            headers=headers_between(self.headers, start, stop),
        )

    def select(self, rows: _IntColumn) -> RecordBatch:
        """The records at `rows`, without headers, over the same buffer.

        Examples
        --------
        >>> batch = RecordBatch.from_rows("t", 0, [(0, 0, None, b"a"), (1, 0, None, b"b")])
        >>> batch.select(np.array([1])).values()
        [b'b']
        """
        return replace(
            self,
            offset=self.offset[rows],
            timestamp_ms=self.timestamp_ms[rows],
            key_start=self.key_start[rows],
            key_length=self.key_length[rows],
            value_start=self.value_start[rows],
            value_length=self.value_length[rows],
            headers={},
        )

    def key(self, row: int) -> bytes | None:
        """Key bytes of a row; None = null."""
        length = int(self.key_length[row])
        start = int(self.key_start[row])
        return None if length < 0 else self.buffer[start : start + length]

    def value(self, row: int) -> bytes | None:
        """Value bytes of a row; None = null."""
        length = int(self.value_length[row])
        start = int(self.value_start[row])
        return None if length < 0 else self.buffer[start : start + length]

    def values(self) -> list[bytes | None]:
        """All values, one bytes object a row.

        Examples
        --------
        >>> RecordBatch.from_rows("t", 0, [(0, 0, None, b"a"), (1, 0, None, b"bc")]).values()
        [b'a', b'bc']
        """
        buffer = self.buffer
        return [
            None if length < 0 else buffer[start : start + length]
            for start, length in zip(self.value_start.tolist(), self.value_length.tolist(), strict=True)
        ]
