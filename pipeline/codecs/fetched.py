"""Fetched bytes of one partition → `RecordBatch`, with no Python object per record.

What cannot be read with certainty is left to the ordinary reader: `Fetched.stop` says where reading ended and why.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
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
    MAGIC,
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

__all__ = ["AbortedTransaction", "Fetched", "Stop", "read_fetched"]

AbortedTransaction = tuple[int, int]
"""Producer id and first offset, as a fetch response lists them."""

_IntColumn = npt.NDArray[np.int64]
_CODEC_MASK, _TRANSACTIONAL, _CONTROL = 7, 16, 32
_MAX_OFFSET = 2**63 - 2**32
_ABORT_MARKER = struct.pack(">hh", 0, 0)


class Stop(StrEnum):
    """Why reading ended."""

    END = "end"
    """Every whole batch was read."""
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
        Bytes of whole batches that were read.  What follows is the batch of the stop, or a tail that the broker cut off; 0 after
        `Stop.END` means that not even one batch was whole.
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
) -> Fetched:
    """Read the record batches of one partition as a broker sent them.

    Control batches are dropped.  Offsets below `fetch_offset` are dropped: a broker sends the whole batch that holds it.

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

    Examples
    --------
    >>> read_fetched("m", 0, b"", fetch_offset=7).batch.next_offset
    7
    """
    raw = np.frombuffer(data, np.uint8)
    headers = np.zeros((count_batches(raw), N_FIELDS), dtype=np.int64)
    read_headers(raw, headers)
    stop, n_good = _find_first_odd(headers)
    if is_crc_checked:
        view = memoryview(data)
        spans = zip(*(headers[:n_good, field].tolist() for field in (START, END, CRC)), strict=True)
        for i, (start, end, crc) in enumerate(spans):
            if crc32c.crc32c(view[start + ATTRIBUTES_AT : end]) != crc:
                stop, n_good = Stop.CRC, i
                break
    wanted, aborting, not_reached = _choose(data, headers[:n_good], aborted)
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
        _, aborting, not_reached = _choose(data, good, aborted)
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
    return Fetched(batch, stop, int(good[-1, END]) if n_good else 0, aborting, not_reached)


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


def _choose(
    data: bytes, headers: _IntColumn, aborted: Sequence[AbortedTransaction] | None
) -> tuple[_IntColumn, frozenset[int], list[AbortedTransaction]]:
    """The batches that hold records for the reader: no control batches, none of an aborted transaction; and as in `Fetched`."""
    is_control = (headers[:, ATTRIBUTES] & _CONTROL) != 0
    if not aborted:
        return (headers[~is_control] if is_control.any() else headers), frozenset(), []
    waiting = sorted(aborted, key=lambda one: one[1], reverse=True)
    aborting: set[int] = set()
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
