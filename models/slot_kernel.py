"""Validation of slot columns."""

from __future__ import annotations

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
