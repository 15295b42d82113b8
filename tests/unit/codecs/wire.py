"""Record batches of message format 2 written by hand, so that every bit of them can be set."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import aiokafka.codec
import crc32c
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

GZIP, SNAPPY, LZ4, ZSTD, SNAPPY_PLAIN = 1, 2, 3, 4, 18
LOG_APPEND, TRANSACTIONAL, CONTROL = 8, 16, 32
COMPRESS = {
    0: bytes,
    GZIP: aiokafka.codec.gzip_encode,
    SNAPPY: aiokafka.codec.snappy_encode,
    SNAPPY_PLAIN: lambda body: bytes(aiokafka.codec.snappy_encode(body, xerial_compatible=False)),
    LZ4: aiokafka.codec.lz4_encode,
    ZSTD: aiokafka.codec.zstd_encode,
}


class Row(NamedTuple):
    """One record: what a reader must give back."""

    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


def varint(number: int) -> bytes:
    """Zigzag integer."""
    bits = (number << 1) ^ (number >> 63)
    bits &= 2**64 - 1
    out = bytearray()
    while bits >= 128:
        out.append(bits & 127 | 128)
        bits >>= 7
    out.append(bits)
    return bytes(out)


def _nullable(data: bytes | None) -> bytes:
    return varint(-1) if data is None else varint(len(data)) + data


def pack_rows(rows: Sequence[Row], base_offset: int, first_ms: int) -> bytes:
    """The uncompressed records of a batch."""
    body = bytearray()
    for row in rows:
        record = b"\0" + varint(row.timestamp_ms - first_ms) + varint(row.offset - base_offset)
        record += _nullable(row.key) + _nullable(row.value) + varint(len(row.headers))
        for name, value in row.headers:
            record += _nullable(name.encode()) + _nullable(value)
        body += varint(len(record)) + record
    return bytes(body)


def seal(
    body: bytes,
    n_records: int,
    *,
    base_offset: int = 0,
    last_delta: int | None = None,
    first_ms: int = 0,
    max_ms: int = 0,
    attributes: int = 0,
    producer_id: int = -1,
) -> bytes:
    """A batch around compressed records, its checksum right."""
    delta = n_records - 1 if last_delta is None else last_delta
    tail = struct.pack(">hiqqqhii", attributes, delta, first_ms, max_ms, producer_id, 0, -1, n_records) + body
    return struct.pack(">qiibI", base_offset, 9 + len(tail), 0, 2, crc32c.crc32c(tail)) + tail


def pack_batch(
    rows: Sequence[Row], *, compression: int = 0, attributes: int = 0, last_delta: int | None = None, producer_id: int = -1
) -> bytes:
    """A batch of rows."""
    base = rows[0].offset if rows else 0
    first_ms = rows[0].timestamp_ms if rows else 0
    return seal(
        COMPRESS[compression](pack_rows(rows, base, first_ms)),
        len(rows),
        base_offset=base,
        last_delta=rows[-1].offset - base if last_delta is None and rows else last_delta or 0,
        first_ms=first_ms,
        max_ms=max((row.timestamp_ms for row in rows), default=0),
        attributes=attributes | (compression & 7),
        producer_id=producer_id,
    )


def pack_marker(offset: int, producer_id: int, *, is_commit: bool) -> bytes:
    """A control batch that ends a transaction."""
    row = Row(offset, 0, struct.pack(">hh", 0, int(is_commit)), b"\0" * 6)
    return pack_batch([row], attributes=TRANSACTIONAL | CONTROL, producer_id=producer_id)


def read_ordinarily(
    data: bytes, fetch_offset: int = 0, aborted: Sequence[tuple[int, int]] | None = None, aborting: Iterable[int] = ()
) -> tuple[list[Row], int, BaseException | None]:
    """What aiokafka's own consumer makes of the same bytes: rows, where it goes on, and what stopped it."""
    records = PartitionRecords(
        TopicPartition("t", 0), MemoryRecords(data), list(aborted or []), fetch_offset, None, None, True, int(aborted is not None)
    )
    records._aborted_producers.update(aborting)
    rows: list[Row] = []
    try:
        rows.extend(Row(one.offset, one.timestamp, one.key, one.value, tuple(one.headers)) for one in records)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
        return rows, records.next_fetch_offset, error
    return rows, records.next_fetch_offset, None
