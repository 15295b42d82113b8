"""State arrays: any dtype, the slot as leading axis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Row", "StateArray", "make_zeros"]

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
