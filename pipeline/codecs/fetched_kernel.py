"""Kernels that walk fetched record batches of message format 2 (Kafka protocol guide, "Record Batch" and "Record").

Compiled code has no bounds checks: every read below is preceded by a comparison with the end of what may be read.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from models.base import IntColumn
from models.jit import kernel_bare, kernel_inline
from models.state_array import StateArray

HEADER_BYTES = 61
LENGTH_END = 12
MAGIC_AT = 16
ATTRIBUTES_AT = 21
MIN_RECORD_BYTES = 7
"""Six one-byte integers and the attributes."""

# Columns of a batch header.
START, END, MAGIC, CRC, ATTRIBUTES, BASE_OFFSET, LAST_DELTA, FIRST_MS, MAX_MS, PRODUCER, N_RECORDS = range(11)
N_FIELDS = 11

# Rows of a record's columns.
OFFSET, TIMESTAMP, KEY_START, KEY_LENGTH, VALUE_START, VALUE_LENGTH, HEADERS_START, N_HEADERS = range(8)
N_COLUMNS = 8

LOG_APPEND_TIME = 8


@kernel_inline
def read_be(data: StateArray, at: int, n_bytes: int) -> int:
    """Unsigned big-endian integer of up to 8 bytes; of 8 bytes, the bits of a signed one."""
    number = 0
    for i in range(n_bytes):
        number = (number << 8) | int(data[at + i])
    return number


@kernel_inline
def sign_32(number: int) -> int:
    """The signed reading of 32 bits."""
    return number - 4294967296 if number >= 2147483648 else number


@kernel_bare
def count_batches(data: StateArray, start: int) -> int:
    """Whole batches from `start` on, of any message format; a length that cannot be ends the count after its batch.

    Parameters
    ----------
    data : (N,) uint8
    start : int
        Where the first one begins, at most N.
    """
    n = data.size
    at = start
    n_batches = 0
    while n - at > MAGIC_AT:
        length = sign_32(read_be(data, at + 8, 4))
        if length < MAGIC_AT + 1 - LENGTH_END:
            return n_batches + 1
        if length > n - at - LENGTH_END:
            break
        n_batches += 1
        at += LENGTH_END + length
    return n_batches


@kernel_bare
def read_headers(data: StateArray, start: int, headers: StateArray) -> None:
    """Headers of the batches counted by `count_batches`.

    Parameters
    ----------
    data : (N,) uint8
    start : int
        Where the first one begins.
    headers : (B, 11) int64, written
        One row a batch.  Of one that is no format 2 or too short to be one, only START, END and MAGIC are set; MAGIC is -1
        when the length is damaged.
    """
    at = start
    for i in range(headers.shape[0]):
        row: Any = headers[i]
        length = sign_32(read_be(data, at + 8, 4))
        row[START] = at
        row[END] = at + LENGTH_END + length
        row[MAGIC] = np.int64(data[at + MAGIC_AT])
        if row[MAGIC] == 2:
            if length < HEADER_BYTES - LENGTH_END:
                row[MAGIC] = -1
            else:
                row[CRC] = read_be(data, at + 17, 4)
                row[ATTRIBUTES] = read_be(data, at + ATTRIBUTES_AT, 2)
                row[BASE_OFFSET] = read_be(data, at, 8)
                row[LAST_DELTA] = sign_32(read_be(data, at + 23, 4))
                row[FIRST_MS] = read_be(data, at + 27, 8)
                row[MAX_MS] = read_be(data, at + 35, 8)
                row[PRODUCER] = read_be(data, at + 43, 8)
                row[N_RECORDS] = sign_32(read_be(data, at + 57, 4))
        elif length < MAGIC_AT + 1 - LENGTH_END:
            row[MAGIC] = -1
        at += LENGTH_END + length


@kernel_bare
def read_long_varint(data: StateArray, at: int, end: int) -> tuple[int, int]:
    """As `read_varint`, of any length."""
    bits: Any = np.int64(0)
    shift = np.int64(0)
    after = -1
    while at < end and shift < 70:
        byte: Any = np.int64(data[at])
        at += 1
        bits |= (byte & np.int64(127)) << shift
        if byte < 128:
            after = at
            break
        shift += np.int64(7)
    # A tenth byte has one bit to give.
    if shift == 63 and after >= 0 and data[after - 1] > 1:
        after = -1
    return ((bits >> np.int64(1)) & np.int64(0x7FFFFFFFFFFFFFFF)) ^ -(bits & np.int64(1)), after


@kernel_inline
def read_varint(data: StateArray, at: int, end: int) -> tuple[int, int]:
    """Zigzag integer and the position after it; the position is -1 when it is cut off or longer than 64 bits."""
    if at < end and data[at] < 128:
        byte: Any = np.int64(data[at])
        return (byte >> np.int64(1)) ^ -(byte & np.int64(1)), at + 1
    if at + 1 < end and data[at + 1] < 128:
        byte = (np.int64(data[at]) & np.int64(127)) | np.int64(data[at + 1]) << np.int64(7)
        return (byte >> np.int64(1)) ^ -(byte & np.int64(1)), at + 2
    return read_long_varint(data, at, end)


@kernel_inline
def skip_headers(data: StateArray, at: int, end: int, n_headers: int) -> int:
    """Position after the headers of a record, -1 when they are damaged."""
    for _ in range(n_headers):
        length, at = read_varint(data, at, end)
        if at < 0 or length < 0 or length > end - at:
            return -1
        at += length
        length, at = read_varint(data, at, end)
        if at < 0 or length > end - at:
            return -1
        if length > 0:
            at += length
    return at


@kernel_bare
def walk_records(
    buffer: StateArray,
    body_start: IntColumn,
    body_end: IntColumn,
    headers: StateArray,
    columns: StateArray,
    progress: IntColumn,
) -> int:
    """Records of batches into columns.

    Parameters
    ----------
    buffer : (N,) uint8
        Holds the uncompressed records of all batches.
    body_start, body_end : (B,) int64
        Where those of each batch lie.
    headers : (B, 11) int64
        As from `read_headers`.
    columns : (8, R) int64, written
        One column a record from the front; R at least the sum of N_RECORDS.
    progress : (2,) int64, mutated
        In: ``[0, first offset wanted]``.  Out: ``[batches read, next offset]``; a batch that is damaged is not counted, and
        none of its records is put out.

    Returns
    -------
    int
        How many records there are.
    """
    n = 0
    next_offset = progress[1]
    for b in range(headers.shape[0]):
        at = body_start[b]
        batch_end = body_end[b]
        base_offset = headers[b, BASE_OFFSET]
        last_delta = headers[b, LAST_DELTA]
        n_before = n
        next_before = next_offset
        is_append_time = headers[b, ATTRIBUTES] & LOG_APPEND_TIME != 0
        is_damaged = False
        for _ in range(headers[b, N_RECORDS]):
            length, at = read_varint(buffer, at, batch_end)
            if at < 0 or length < MIN_RECORD_BYTES - 1 or length > batch_end - at or buffer[at] >= 128:
                is_damaged = True
                break
            end = at + length
            delta_ms, at = read_varint(buffer, at + 1, end)
            if at < 0:
                is_damaged = True
                break
            delta, at = read_varint(buffer, at, end)
            if at < 0 or delta < 0 or delta > last_delta:
                is_damaged = True
                break
            key_length, at = read_varint(buffer, at, end)
            if at < 0 or key_length > end - at:
                is_damaged = True
                break
            key_start = at
            if key_length > 0:
                at += key_length
            value_length, at = read_varint(buffer, at, end)
            if at < 0 or value_length > end - at:
                is_damaged = True
                break
            value_start = at
            if value_length > 0:
                at += value_length
            n_headers, at = read_varint(buffer, at, end)
            if at < 0 or n_headers < 0 or n_headers > (end - at) // 2:
                is_damaged = True
                break
            headers_start = at
            at = skip_headers(buffer, at, end, n_headers)
            if at != end:
                is_damaged = True
                break
            offset = base_offset + delta
            if offset < next_offset:
                continue
            next_offset = offset + 1
            columns[OFFSET, n] = offset
            columns[TIMESTAMP, n] = headers[b, MAX_MS] if is_append_time else headers[b, FIRST_MS] + delta_ms
            columns[KEY_START, n] = key_start
            columns[KEY_LENGTH, n] = max(key_length, -1)
            columns[VALUE_START, n] = value_start
            columns[VALUE_LENGTH, n] = max(value_length, -1)
            columns[HEADERS_START, n] = headers_start
            columns[N_HEADERS, n] = n_headers
            n += 1
        if is_damaged or at != batch_end:
            progress[0] = b
            progress[1] = next_before
            return n_before
        next_offset = max(next_offset, base_offset + last_delta + 1)
    progress[0] = headers.shape[0]
    progress[1] = next_offset
    return n
