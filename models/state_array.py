"""State arrays: any dtype, the slot as leading axis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Row", "StateArray", "as_run", "make_zeros"]

StateArray = npt.NDArray[Any]

Row = Any
"""One element of a structured state array, whose fields a kernel reads and writes as attributes."""

CACHE_LINE_NBYTES = 64


def make_zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> StateArray:
    """Zeros that begin at a cache line, so that a row of a part of a line is never in two.

    Pages cost no memory before they are touched.

    Examples
    --------
    >>> make_zeros((3, 4), np.dtype(np.float64)).ctypes.data % 64
    0
    """
    n_bytes = math.prod(shape) * dtype.itemsize
    room = np.zeros(n_bytes + CACHE_LINE_NBYTES, dtype=np.uint8)
    start = -room.ctypes.data % CACHE_LINE_NBYTES
    return room[start : start + n_bytes].view(dtype).reshape(shape)


def as_run(slots: npt.NDArray[np.int64]) -> npt.NDArray[np.int64] | slice:
    """Slots that follow one another as a slice, others as they are: for an assignment to them.

    Rows are put into a slice twice as fast, and without Python's lock, so that first touches of memory hold nobody up.

    Examples
    --------
    >>> as_run(np.array([3, 4, 5])), as_run(np.array([3, 5])).tolist(), as_run(np.array([5, 4, 3])).tolist()
    (slice(3, 6, None), [3, 5], [5, 4, 3])
    """
    n = slots.size
    if n and slots[-1] - slots[0] == n - 1 and bool((np.diff(slots) == 1).all()):
        return slice(int(slots[0]), int(slots[0]) + n)
    return slots
