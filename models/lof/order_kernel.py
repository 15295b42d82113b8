"""Kernels of the order of a window by value, which the local outlier factor of one feature keeps."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.base import FloatColumn
from models.jit import kernel_bare
from models.state_array import StateArray

ONE = np.uint64(1)


@kernel_bare
def find_key(window: FloatColumn, order: StateArray, slot: int, n: int, key: float, is_after: bool) -> int:
    """Place in ``order[slot]`` before the first point with `key` or more; behind the last one with it when `is_after`."""
    low = 0
    high = n
    while low < high:
        middle = (low + high) >> 1
        here = window[slot, 0, order[slot, middle]]
        if here < key or (is_after and here == key):
            low = middle + 1
        else:
            high = middle
    return low


@kernel_bare
def put_in_order(window: FloatColumn, order: StateArray, slot: int, n: int, head: int, x: float, place: int) -> None:
    """Give the point at `head` of the ring, which is to be `x`, its place in the order of the window, before the window is changed.

    Parameters
    ----------
    n : int
        Points held; when the ring is full the one at `head` goes.
    place : int
        Points below `x`.
    """
    # Equal values stand by age, and the newest of all comes: it is the last of its run.
    at = place
    if at < n and window[slot, 0, order[slot, at]] == x:
        at = find_key(window, order, slot, n, x, True)
    gone = n
    if n == window.shape[2]:
        # The oldest of all goes: it is the first of its run.
        gone = find_key(window, order, slot, n, window[slot, 0, head], False)
    if at > gone:
        at -= 1
    # Unsigned indices need no test for counting from the end, without which several are moved at a time.
    start: Any = np.uint64(gone)
    end: Any = np.uint64(at)
    for i in range(start, end):
        order[slot, i] = order[slot, i + ONE]
    for i in range(start - end if end < start else start - start):
        order[slot, start - i] = order[slot, start - i - ONE]
    order[slot, at] = head
