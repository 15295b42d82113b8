"""State of Half-Space Trees.

A node's mass is the sum of its children's, so two numbers tell all masses: for the finished window, which scores, the mass of the
left child of an inner node (the right child's is the difference); for the running window, which learns, the count of a leaf.  That is
one number less than a node has, for both windows together.  A mass is at most the window size, hence one byte up to 255 and two up
to 65,535.

What a sample touches lies together, because with many series nearly every cache line comes from memory: the lowest four layers of a
tree are *blocks* of 16 masses (the root's own and those of 15 left children) and the 16 counts below them.  Of the layers above only
what they add to a score is kept, one number a block.  With the default parameters a sample meets one line a tree for the blocks and
five for all the layers above; masses in heap order would take 45.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from models.base import IntColumn
from models.state_array import StateArray

__all__ = ["BLOCK_HEIGHT", "ROW", "Plan", "mass_dtypes", "plan_masses", "spread_masses"]

ROW = np.dtype([("draw", np.int32), ("counter", np.int32), ("n_pivots", np.int64)])
"""Forest of the series counted from one (0 = not drawn yet), samples since the last pivot, and pivots so far."""

BLOCK_HEIGHT = 4
"""Layers of inner nodes in a block, at most."""


class Plan(NamedTuple):
    """Where the numbers of a series stand in its row of masses: blocks tree by tree, each tree's from left to right.

    Attributes
    ----------
    n_blocks : int
        Blocks of a tree.
    n_entries : int
        Numbers in a row.
    root : (T, n_blocks) int64
        Place of the mass of the root of every block.
    inner : (T, n_blocks, 2**b - 1) int64
        Place of the mass of the left child of every inner node of a block, `b` layers in heap order.
    leaf : (T, 2**height) int64
        Place of the count of every leaf, from left to right.
    """

    n_blocks: int
    n_entries: int
    root: IntColumn
    inner: IntColumn
    leaf: IntColumn


def mass_dtypes(window_size: int, height: int) -> tuple[np.dtype[Any], np.dtype[Any]]:
    """Unsigned types of a mass, and of what the layers above a block add to a score.

    Examples
    --------
    >>> [dtype.itemsize for dtype in mass_dtypes(250, 8)], [dtype.itemsize for dtype in mass_dtypes(256, 8)]
    ([1, 2], [2, 4])
    """
    # Two pairs, not four, because each is a kernel to compile.
    is_small = window_size <= 255 and height - BLOCK_HEIGHT <= 7
    return (np.dtype(np.uint8), np.dtype(np.uint16)) if is_small else (np.dtype(np.uint16), np.dtype(np.uint32))


def plan_masses(n_trees: int, height: int) -> Plan:
    """Places of all numbers.

    Examples
    --------
    >>> plan = plan_masses(1, 5)
    >>> plan.n_blocks, plan.n_entries, plan.inner[0, 1, :3].tolist(), plan.leaf[0, 14:18].tolist()
    (2, 64, [33, 34, 35], [30, 31, 48, 49])
    """
    n_leaves = 2 ** min(height, BLOCK_HEIGHT)
    n_blocks = 2**height // n_leaves
    first = np.arange(n_trees * n_blocks, dtype=np.int64).reshape(n_trees, n_blocks) * 2 * n_leaves
    inner = first[:, :, None] + np.arange(1, n_leaves)
    leaf = first[:, :, None] + np.arange(n_leaves, 2 * n_leaves)
    return Plan(n_blocks, n_trees * n_blocks * 2 * n_leaves, first, inner, leaf.reshape(n_trees, -1))


def spread_masses(
    plan: Plan,
    masses: StateArray,
    counters: IntColumn,
    window_size: int,
    size_limit: int,
    dtypes: tuple[np.dtype[Any], np.dtype[Any]],
) -> tuple[StateArray, StateArray]:
    """Masses as version 1 of the state kept them, in the layout of this one.

    Parameters
    ----------
    masses : (n, T, N, 2) uint8 or uint16
        Masses of the left children in heap order: the finished window's, and the running one's.
    counters : (n,) int
        Samples in the running window.
    window_size, size_limit : int
    dtypes : tuple of dtype
        Of `mass_dtypes`.

    Returns
    -------
    (n, n_entries), (n, T * n_blocks)
        Masses, and what the layers above the blocks add to a score.
    """
    n, n_trees = masses.shape[:2]
    spread = np.zeros((n, plan.n_entries), dtype=dtypes[0])
    n_leaves = plan.leaf.shape[1]
    counts = np.broadcast_to(np.asarray(counters, dtype=np.int64)[:, None, None], (n, n_trees, 1))
    held = np.full((n, n_trees, 1), window_size, dtype=np.int64)
    profile = held
    while counts.shape[2] < n_leaves:
        width = counts.shape[2]
        layer = masses[:, :, width - 1 : 2 * width - 1].astype(np.int64)
        if width >= plan.n_blocks:
            in_block = width // plan.n_blocks
            at = plan.inner[:, :, in_block - 1 : 2 * in_block - 1].reshape(n_trees, width)
            spread[:, at] = layer[..., 0]
        counts = np.stack((layer[..., 1], counts - layer[..., 1]), axis=-1).reshape(n, n_trees, -1)
        below = np.stack((layer[..., 0], held - layer[..., 0]), axis=-1).reshape(n, n_trees, -1)
        if width < plan.n_blocks:
            profile = np.repeat(profile, 2, axis=2) + np.where(np.repeat(held, 2, axis=2) >= size_limit, below * 2 * width, 0)
        if width <= plan.n_blocks:
            roots = held
        held = below
    spread[:, plan.leaf] = counts
    spread[:, plan.root] = roots
    return spread, profile.reshape(n, -1).astype(dtypes[1])
