"""Which blocks of slots changed since they were last put into a checkpoint."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

__all__ = ["BLOCK_SLOTS", "DirtyBlocks"]

_BITS = 8
BLOCK_SLOTS = 1 << _BITS
"""Slots of one block."""


class DirtyBlocks:
    """Remembers blocks by the slots that were touched.

    Examples
    --------
    >>> dirty = DirtyBlocks()
    >>> dirty.mark(np.array([3, 700, -1]))
    >>> dirty.count(), dirty.take(), dirty.take()
    (2, [0, 2], [])
    >>> dirty.put_back([2])
    >>> dirty.take()
    [2]
    """

    def __init__(self) -> None:
        self._is_dirty = np.zeros(64, dtype=np.bool_)

    def mark(self, slots: npt.NDArray[np.int64]) -> None:
        """Blocks of `slots` changed; negative ones are none."""
        if slots.size:
            self._mark(np.maximum(slots, -1) >> _BITS)

    def put_back(self, blocks: Iterable[int]) -> None:
        """Blocks are not in a checkpoint after all."""
        self._mark(np.fromiter(blocks, dtype=np.int64))

    def count(self) -> int:
        """How many changed."""
        return int(np.count_nonzero(self._is_dirty))

    def take(self) -> list[int]:
        """Blocks that changed, ascending; from now on they count as unchanged."""
        blocks: list[int] = np.flatnonzero(self._is_dirty).tolist()
        self._is_dirty[:] = False
        return blocks

    def _mark(self, blocks: npt.NDArray[np.int64]) -> None:
        last = int(blocks.max(initial=-1))
        # One more at the end for what is no slot: block -1.
        if last + 1 >= self._is_dirty.size:
            grown = np.zeros(2 * (last + 1), dtype=np.bool_)
            grown[: self._is_dirty.size] = self._is_dirty
            self._is_dirty = grown
        self._is_dirty[blocks] = True
        self._is_dirty[-1] = False
