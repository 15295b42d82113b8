"""Pieces of kernels that read protobuf: varints, and fields that are passed over.

Every position is checked against the end; -1 = what is there is not what these pieces read.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from models.base import IntColumn
from models.jit import kernel_bare, kernel_inline
from models.state_array import StateArray

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
"""Wire types.  Groups (3 and 4) are left to protobuf's own library."""

_MAX_VARINT_BYTES = 10


@kernel_inline
def read_varint(data: StateArray, at: int, end: int) -> tuple[Any, int]:
    """A varint as uint64, and the position after it."""
    value = np.uint64(0)
    shift = np.uint64(0)
    n = 0
    while at < end and n < _MAX_VARINT_BYTES:
        byte = np.uint64(data[at])
        at += 1
        n += 1
        value |= (byte & np.uint64(127)) << shift
        if byte < np.uint64(128):
            # The tenth byte has room for one bit.
            if n == _MAX_VARINT_BYTES and byte > np.uint64(1):
                return value, -1
            return value, at
        shift += np.uint64(7)
    return value, -1


@kernel_inline
def read_length(data: StateArray, at: int, end: int) -> tuple[int, int]:
    """Start and end of what a length at `at` announces; an end of -1 when it does not fit before `end`."""
    length, start = read_varint(data, at, end)
    if start < 0 or length > np.uint64(end - start):
        return 0, -1
    size: Any = np.int64(length)
    return start, start + size


@kernel_inline
def read_fixed64(data: StateArray, at: int) -> Any:
    """Eight bytes, little-endian, as uint64; the caller has checked that they are there."""
    value = np.uint64(0)
    for k in range(8):
        value |= np.uint64(data[at + k]) << np.uint64(8 * k)
    return value


@kernel_inline
def skip_field(data: StateArray, at: int, end: int, wire: Any) -> int:
    """Position after the value of a field of one wire type."""
    if wire == VARINT:
        _, after = read_varint(data, at, end)
        return after
    if wire == LENGTH:
        _, after = read_length(data, at, end)
        return after
    if wire == FIXED64:
        return at + 8 if at + 8 <= end else -1
    if wire == FIXED32:
        return at + 4 if at + 4 <= end else -1
    return -1


@kernel_bare
def find_run(data: StateArray, at: int, end: int, number: int, run: IntColumn) -> bool:
    """Find the one run of fields of a number in a message; False when there are several, or it is no message.

    Parameters
    ----------
    run : (2,) int64, written
        Where it begins and ends; both `at` when there is none.
    """
    run[0] = at
    run[1] = at
    wanted = np.uint64((number << 3) | LENGTH)
    is_found = False
    while at < end:
        before = at
        tag, at = read_varint(data, at, end)
        if at < 0 or tag < np.uint64(8) or tag > np.uint64(0xFFFFFFFF):
            return False
        if tag >> np.uint64(3) == np.uint64(number) and tag != wanted:
            return False
        at = skip_field(data, at, end, np.int64(tag & np.uint64(7)))
        if at < 0:
            return False
        if tag == wanted:
            if is_found and run[1] != before:
                return False
            if not is_found:
                run[0] = before
                is_found = True
            run[1] = at
    return True
