"""Kernel that tells whether trees are trees: what it takes for granted, the others walk without asking."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.base import IntColumn
from models.jit import kernel
from models.rcf.kernel import NONE, Forest


@kernel
def is_place(place: int, n: int) -> bool:
    """True when `place` is one of `n`."""
    return place >= 0 and place < n


@kernel
def is_tree(f: Forest, s: int, t: int, seen: IntColumn, masses: IntColumn, stack: IntColumn) -> bool:
    """True when every point of the window is in the tree once, all links lead back, masses add up, and what is left is free.

    Parameters
    ----------
    seen, masses : (2 N,), stack : (N,) int64, overwritten
    """
    n, n_columns = f.window.shape[1], f.window.shape[2]
    size = f.rows[s]["size"]
    seen[:] = 0
    masses[:] = 0
    for place in range(n):
        leaf = f.leaf_of[s, t, place]
        if place >= size:
            if leaf != NONE:
                return False
            continue
        if not is_place(leaf, size) or f.leaf_of[s, t, leaf] != leaf:
            return False
        masses[n + leaf] += 1
    root = np.int64(f.root[s, t])
    if (root == NONE) != (size == 0):
        return False
    n_stacked, n_branches, n_points = 0, 0, 0
    node = np.int64(0)
    if root != NONE:
        node = root if root >= 0 else n - 1 - root
        if node >= 2 * n or f.parent[s, t, node] != NONE:
            return False
        stack[0] = node
        n_stacked = 1
    while n_stacked > 0:
        n_stacked -= 1
        node = stack[n_stacked]
        seen[node] += 1
        if seen[node] > 1:
            return False
        if node >= n:
            # Leaves know how many points are theirs.
            if masses[node] == 0 or f.mass[s, t, node] != masses[node]:
                return False
            n_points += masses[node]
            continue
        n_branches += 1
        if n_branches >= n or not is_place(f.column[s, t, node], n_columns):
            return False
        total = 0
        for side in range(2):
            pointer = np.int64(f.child[s, t, node, side])
            below = pointer if pointer >= 0 else n - 1 - pointer
            if pointer >= n or below >= 2 * n or f.parent[s, t, below] != node:
                return False
            total += f.mass[s, t, below]
            stack[n_stacked] = below
            n_stacked += 1
        if f.mass[s, t, node] != total:
            return False
    n_free = np.int64(f.n_free[s, t])
    if n_points != size or n_free != n - n_branches:
        return False
    for i in range(n_free):
        branch: Any = np.int64(f.free[s, t, i])
        if not is_place(branch, n) or seen[branch] > 0:
            return False
        seen[branch] = 1
    return True


@kernel
def find_damaged_row(f: Forest) -> int:
    """First series of which a tree is none; -1 = all are sound."""
    n = f.window.shape[1]
    seen, masses, stack = np.empty(2 * n, np.int64), np.empty(2 * n, np.int64), np.empty(2 * n, np.int64)
    for s in range(f.rows.shape[0]):
        for t in range(f.root.shape[1]):
            if not is_tree(f, s, t, seen, masses, stack):
                return s
    return -1
