"""Validation and order of slot columns."""

from __future__ import annotations

import numpy as np

from models.base import IntColumn
from models.jit import kernel


@kernel
def are_slots_reserved(slots: IntColumn, n_slots: int) -> bool:
    """True when every slot is in ``0 .. n_slots-1``.

    Parameters
    ----------
    slots : (B,) int64
    n_slots : int
    """
    low = 0
    high = -1
    for i in range(slots.size):
        low = min(low, slots[i])
        high = max(high, slots[i])
    return low >= 0 and high < n_slots


@kernel
def order_by_slot(slots: IntColumn, n_slots: int) -> IntColumn:
    """Order in which the samples of a slot stand together, each slot's in their own order: a counting sort.

    Parameters
    ----------
    slots : (B,) int64
        All in ``0 .. n_slots-1``.
    n_slots : int

    Returns
    -------
    (B,) int64

    Examples
    --------
    >>> order_by_slot(np.array([2, 0, 2, 1]), 3).tolist()
    [1, 3, 0, 2]
    """
    place = np.zeros(n_slots + 1, dtype=np.int64)
    for i in range(slots.size):
        place[slots[i] + 1] += 1
    for slot in range(n_slots):
        place[slot + 1] += place[slot]
    order = np.empty(slots.size, dtype=np.int64)
    for i in range(slots.size):
        order[place[slots[i]]] = i
        place[slots[i]] += 1
    return order
