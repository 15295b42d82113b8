"""Kernels of the masses of Half-Space Trees: see `models.hst.state` for where they stand."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.base import IntColumn
from models.hst.state import BLOCK_HEIGHT
from models.jit import kernel_bare
from models.state_array import StateArray

ONE = np.uint64(1)


@kernel_bare
def count_latest(masses: StateArray, slot: int, blocks: Any, height: int, first: Any, n: Any) -> Any:
    """Samples of the running window in the leaves ``first .. first+n-1`` of the tree whose blocks begin at `blocks`."""
    in_block: Any = np.uint64(min(height, BLOCK_HEIGHT))
    half: Any = ONE << in_block
    total: Any = 0
    for leaf in range(first, first + n):
        total += np.int64(masses[slot, blocks + ((leaf >> in_block) << (in_block + ONE)) + half + (leaf & (half - ONE))])
    return total


@kernel_bare
def fill_block(masses: StateArray, slot: int, first: int, n: int, sums: IntColumn) -> int:
    """Make the `n` counts of the block at `first` its masses, and begin to count anew; return the mass of the block."""
    for k in range(n):
        sums[k] = masses[slot, first + n + k]
        masses[slot, first + n + k] = 0
    while n > 1:
        n >>= 1
        for k in range(n):
            masses[slot, first + n + k] = sums[2 * k]
            sums[k] = sums[2 * k] + sums[2 * k + 1]
    masses[slot, first] = sums[0]
    return int(sums[0])


@kernel_bare
def add_upper(
    uppers: StateArray, slot: int, first: int, n: int, sums: IntColumn, at: int, window_size: int, size_limit: int
) -> None:
    """Write what the layers above the `n` blocks of a tree add to a score.

    Parameters
    ----------
    sums : int64
        From `at` on ``2 * n`` entries: room for the upper masses, and the masses of the blocks.
    """
    for node in range(n - 1, 0, -1):
        sums[at + node] = sums[at + 2 * node] + sums[at + 2 * node + 1]
    sums[at + 1] = window_size
    for block in range(n):
        profile = 0
        node = 1
        weight = 1
        alive = 1
        width = n
        while True:
            profile += sums[at + node] * weight * alive
            if width == 1:
                break
            alive = 1 if sums[at + node] >= size_limit else 0
            width >>= 1
            weight *= 2
            node = 2 * node + (1 if block & width else 0)
        uppers[slot, first + block] = profile


@kernel_bare
def pivot(
    rows: StateArray,
    masses: StateArray,
    uppers: StateArray,
    slot: int,
    n_trees: int,
    height: int,
    window_size: int,
    size_limit: int,
    sums: IntColumn,
) -> None:
    """Count one learned sample; at the end of the window its counts become the masses that score.

    Parameters
    ----------
    sums : (16 + 2 * max(1, 2**height / 16),) int64, overwritten
    """
    rows[slot]["counter"] += 1
    if rows[slot]["counter"] < window_size:
        return
    rows[slot]["counter"] = 0
    rows[slot]["n_pivots"] += 1
    n_leaves = 1 << min(height, BLOCK_HEIGHT)
    n_blocks = (1 << height) // n_leaves
    for tree in range(n_trees):
        for block in range(n_blocks):
            first = (tree * n_blocks + block) * 2 * n_leaves
            sums[16 + n_blocks + block] = fill_block(masses, slot, first, n_leaves, sums)
        add_upper(uppers, slot, tree * n_blocks, n_blocks, sums, 16, window_size, size_limit)
