"""Fetched bytes of one partition → `RecordBatch`, with no Python object per record.

What cannot be read with certainty is left to the ordinary reader: `Fetched.stop` says where reading ended and why.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence, Set
from enum import StrEnum
from typing import NamedTuple

import crc32c
import numpy as np
import numpy.typing as npt

from pipeline.codecs.compression import Block, decompress
from pipeline.codecs.fetched_kernel import (
    ATTRIBUTES,
    ATTRIBUTES_AT,
    BASE_OFFSET,
    CRC,
    END,
    HEADER_BYTES,
    HEADERS_START,
    KEY_LENGTH,
    KEY_START,
    LAST_DELTA,
    LENGTH_END,
    MAGIC,
    MAGIC_AT,
    MIN_RECORD_BYTES,
    N_COLUMNS,
    N_FIELDS,
    N_HEADERS,
    N_RECORDS,
    OFFSET,
    PRODUCER,
    START,
    TIMESTAMP,
    VALUE_LENGTH,
    VALUE_START,
    count_batches,
    read_headers,
    walk_records,
)
from pipeline.codecs.headers import FetchedHeaders
from pipeline.codecs.record import RecordBatch
from pipeline.errors import DecodeError

__all__ = ["AbortedTransaction", "Fetched", "Stop", "count_older_bytes", "read_fetched"]

AbortedTransaction = tuple[int, int]
"""Producer id and first offset, as a fetch response lists them."""

_IntColumn = npt.NDArray[np.int64]
_CODEC_MASK, _TRANSACTIONAL, _CONTROL = 7, 16, 32
_MAX_OFFSET = 2**63 - 2**32
_batch_length = struct.Struct(">i")
_ABORT_MARKER = struct.pack(">hh", 0, 0)


class Stop(StrEnum):
    """Why reading ended."""

    END = "end"
    """Every whole batch was read."""
    ENOUGH = "enough"
    """There are as many records as were wanted; the rest can be read by another call."""
    OTHER_FORMAT = "other_format"
    """A batch of message format 0 or 1, or of one yet to come."""
    CRC = "crc"
    """A checksum is wrong."""
    COMPRESSION = "compression"
    """An unknown codec, or a damaged block."""
    DAMAGED = "damaged"
    """A batch contradicts itself."""


class Fetched(NamedTuple):
    """What became of the bytes of one fetch.

    Attributes
    ----------
    batch : RecordBatch
        The records of all batches before the stop.
    stop : Stop
        `Stop.END` when there is nothing left to read.
    n_bytes : int
        Where the last whole batch that was read ends.  What follows is the batch of the stop, or a tail that the broker cut off; 0
        after `Stop.END` means that not even one batch was whole.
    aborting : frozenset of int
        Producers in whose aborted transactions reading ended.
    aborted : list of AbortedTransaction
        Those that were not reached, in order of offsets.
    """

    batch: RecordBatch
    stop: Stop
    n_bytes: int
    aborting: frozenset[int]
    aborted: list[AbortedTransaction]


def read_fetched(
    topic: str,
    partition: int,
    data: bytes,
    *,
    fetch_offset: int = 0,
    aborted: Sequence[AbortedTransaction] | None = None,
    is_crc_checked: bool = True,
    start: int = 0,
    aborting: Set[int] = frozenset(),
    max_records: int | None = None,
) -> Fetched:
    """Read the record batches of one partition as a broker sent them.

    Control batches are dropped.  Offsets below `fetch_offset` are dropped: a broker sends the whole batch that holds it.

    A large fetch is best read in parts, each call going on where the one before ended: what is decompressed is then still in the
    processor's cache when it is used, and its memory is used again for the next part.

    Parameters
    ----------
    topic, partition
        Where `data` comes from.
    data : bytes
        Record batches, the last one possibly cut off.
    fetch_offset : int
        First offset wanted.
    aborted : sequence of (producer id, first offset), optional
        Transactions to skip, as listed in the response to a read_committed fetch; None = read_uncommitted.
    is_crc_checked : bool
        Whether CRC-32C of each batch is compared.
    start : int
        Where in `data` reading begins: the end of a batch, `Fetched.n_bytes` of the call before.
    aborting : set of int
        `Fetched.aborting` of the call before.
    max_records : int, optional
        Reading ends before the batch that would bring more records than this, but not before the first.

    Examples
    --------
    >>> read_fetched("m", 0, b"", fetch_offset=7).batch.next_offset
    7
    """
    raw = np.frombuffer(data, np.uint8)
    headers = np.zeros((count_batches(raw, start), N_FIELDS), dtype=np.int64)
    read_headers(raw, start, headers)
    stop, n_good = _find_first_odd(headers)
    if max_records is not None:
        n_enough = _count_enough(headers[:n_good, N_RECORDS], max_records)
        if n_enough < n_good:
            stop, n_good = Stop.ENOUGH, n_enough
    if is_crc_checked:
        view = memoryview(data)
        spans = zip(*(headers[:n_good, field].tolist() for field in (START, END, CRC)), strict=True)
        for i, (start, end, crc) in enumerate(spans):
            if crc32c.crc32c(view[start + ATTRIBUTES_AT : end]) != crc:
                stop, n_good = Stop.CRC, i
                break
    wanted, still_aborting, not_reached = _choose(data, headers[:n_good], aborted, aborting)
    buffer, body_start, body_end, n_unpacked = _unpack(data, wanted)
    if n_unpacked < len(wanted):
        stop = Stop.COMPRESSION
        n_good = int(np.flatnonzero(headers[:, START] == wanted[n_unpacked, START])[0])
        wanted = wanted[:n_unpacked]
    n_records = wanted[:, N_RECORDS]
    # A batch cannot hold more records than it has room for: what is allocated depends on what was sent.
    too_many = np.flatnonzero((n_records < 0) | (n_records > (body_end - body_start) // MIN_RECORD_BYTES))
    n_plausible = int(too_many[0]) if too_many.size else len(wanted)
    columns = np.empty((N_COLUMNS, int(n_records[:n_plausible].sum())), dtype=np.int64)
    progress = np.array([0, fetch_offset], dtype=np.int64)
    n_rows = walk_records(np.frombuffer(buffer, np.uint8), body_start, body_end, wanted[:n_plausible], columns, progress)
    n_walked = int(progress[0])
    if n_walked < len(wanted):
        stop = Stop.DAMAGED
        n_good = int(np.flatnonzero(headers[:, START] == wanted[n_walked, START])[0])
    good = headers[:n_good]
    if stop is not Stop.END:
        _, still_aborting, not_reached = _choose(data, good, aborted, aborting)
    next_offset = max(int(progress[1]), int((good[:, BASE_OFFSET] + good[:, LAST_DELTA]).max(initial=-1)) + 1)
    columns = columns[:, :n_rows]
    n_headers = columns[N_HEADERS]
    batch = RecordBatch(
        topic=topic,
        partition=partition,
        offset=columns[OFFSET],
        timestamp_ms=columns[TIMESTAMP],
        buffer=buffer,
        key_start=columns[KEY_START],
        key_length=columns[KEY_LENGTH],
        value_start=columns[VALUE_START],
        value_length=columns[VALUE_LENGTH],
        next_offset=next_offset,
        headers=FetchedHeaders(buffer, columns[HEADERS_START], n_headers) if n_headers.any() else {},
    )
    return Fetched(batch, stop, int(good[-1, END]) if n_good else start, still_aborting, not_reached)


def count_older_bytes(data: bytes) -> int:
    """Bytes at the front that are messages of format 0 or 1; all, when a batch of a format yet to come stands there.

    aiokafka takes everything in a fetch to be of the format of what stands first, and ends in an error where format 2 begins.

    Examples
    --------
    >>> old = bytes(8) + (5).to_bytes(4, "big") + bytes(4) + b"\\1"
    >>> count_older_bytes(old + old + bytes(8) + (5).to_bytes(4, "big") + bytes(4) + b"\\2"), count_older_bytes(old[:14])
    (34, 14)
    """
    at = 0
    while len(data) - at > MAGIC_AT and data[at + MAGIC_AT] < 2:
        (length,) = _batch_length.unpack_from(data, at + LENGTH_END - _batch_length.size)
        at += LENGTH_END + max(length, MAGIC_AT + 1 - LENGTH_END)
    return at or len(data)


def _find_first_odd(headers: _IntColumn) -> tuple[Stop, int]:
    """Why and where the first batch stands that is not of format 2, or whose offsets cannot be."""
    base_offset, last_delta = headers[:, BASE_OFFSET], headers[:, LAST_DELTA]
    is_odd = (headers[:, MAGIC] != 2) | (base_offset < 0) | (base_offset > _MAX_OFFSET) | (last_delta < 0)
    is_odd[1:] |= base_offset[1:] <= base_offset[:-1] + last_delta[:-1]
    odd = np.flatnonzero(is_odd)
    if not odd.size:
        return Stop.END, len(headers)
    first = int(odd[0])
    return (Stop.DAMAGED if headers[first, MAGIC] in (-1, 2) else Stop.OTHER_FORMAT), first


def _count_enough(n_records: _IntColumn, max_records: int) -> int:
    """How many batches from the front on hold no more than `max_records`; one at least."""
    n_sofar = np.cumsum(np.clip(n_records, 0, max_records + 1))
    return max(int(np.searchsorted(n_sofar, max_records, side="right")), 1)


def _choose(
    data: bytes, headers: _IntColumn, aborted: Sequence[AbortedTransaction] | None, since_before: Set[int]
) -> tuple[_IntColumn, frozenset[int], list[AbortedTransaction]]:
    """The batches that hold records for the reader: no control batches, none of an aborted transaction; and as in `Fetched`."""
    is_control = (headers[:, ATTRIBUTES] & _CONTROL) != 0
    if not aborted and not since_before:
        return (headers[~is_control] if is_control.any() else headers), frozenset(), []
    # Equal offsets stand in the order of their producers: what is left over is the same however often it is handed on.
    waiting = sorted(aborted or (), key=lambda one: (one[1], one[0]), reverse=True)
    aborting = set(since_before)
    chosen: list[int] = []
    for i, (start, end, attributes, base_offset, producer_id) in enumerate(
        headers[:, [START, END, ATTRIBUTES, BASE_OFFSET, PRODUCER]].tolist()
    ):
        while waiting and waiting[-1][1] <= base_offset:
            aborting.add(waiting.pop()[0])
        if attributes & _CONTROL:
            if _is_abort_marker(data[start + HEADER_BYTES : end]):
                aborting.discard(producer_id)
        elif not (attributes & _TRANSACTIONAL and producer_id in aborting):
            chosen.append(i)
    return headers[chosen], frozenset(aborting), waiting[::-1]


def _is_abort_marker(body: bytes) -> bool:
    # Length, attributes, two deltas and the key's length take one byte each: control records are never large.
    return len(body) >= 9 and body[4] == 8 and body[5:9] == _ABORT_MARKER


def _unpack(data: bytes, headers: _IntColumn) -> tuple[bytes, _IntColumn, _IntColumn, int]:
    """One buffer with the records of all batches, where each batch's begin and end, and how many batches could be unpacked."""
    codec_number = headers[:, ATTRIBUTES] & _CODEC_MASK
    if not codec_number.any():
        return data, headers[:, START] + HEADER_BYTES, headers[:, END].copy(), len(headers)
    view = memoryview(data)
    parts: list[Block] = []
    for number, start, end in zip(codec_number.tolist(), headers[:, START].tolist(), headers[:, END].tolist(), strict=True):
        try:
            parts.append(decompress(number, view[start + HEADER_BYTES : end]))
        except DecodeError:
            break
    ends = np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)))
    starts = np.concatenate(([0], ends[:-1])).astype(np.int64) if parts else np.empty(0, np.int64)
    return b"".join(parts), starts, ends, len(parts)
