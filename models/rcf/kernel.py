"""Kernels of the robust random cut forest.

A tree over a window of N points has at most N - 1 branches, numbered from 0, and N leaves, numbered by place in the window.  A
pointer is the number of a branch, or ``-1 - leaf``; a *node* is the number of a branch, or ``N + leaf``.  Equal points share a leaf.

References
----------
Guha, S., Mishra, N., Roy, G. and Schrijvers, O. (2016). Robust random cut forest based anomaly detection on streams. ICML, definition 1
(cuts), algorithms 1-2 (forget, insert), definition 3 (collusive displacement).
Steele, G. L., Lea, D. and Flood, C. H. (2014). Fast splittable pseudorandom number generators. OOPSLA, for the random numbers.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn
from models.jit import kernel
from models.state_array import StateArray

NONE = -(2**15)
LOW, HIGH = 0, 1
MAX_VALUE = 1e100
STEP = np.uint64(0x9E3779B97F4A7C15)
MIX_1, MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
SHIFT_30, SHIFT_27, SHIFT_31, SHIFT_11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
UNIT = 1.1102230246251565e-16


class Forest(NamedTuple):
    """Trees of many series; all mutated.

    Attributes
    ----------
    rows : (S,) structured
    recent : (S, L, F) float64
        The latest samples, newest last, with missing features filled in.
    window : (S, N, D) float64
        Points, D = L * F.
    root : (S, T) int16
        Pointer; `NONE` = empty.
    child : (S, T, N, 2) int16
        Pointers of each branch, at most the cut first.
    parent : (S, T, 2 N) int16
        Branch above each node; `NONE` above the root.
    mass : (S, T, 2 N) int16
        Points below each node.
    column, cut : (S, T, N)
        Where a branch cuts.
    box : (S, T, N, 2, D) float64
        Bounds of the points below each branch.
    leaf_of : (S, T, N) int16
        Leaf of each point.
    free, n_free : (S, T, N), (S, T) int16
        Branches not in use, as a stack.
    """

    rows: StateArray
    recent: FloatColumn
    window: FloatColumn
    root: StateArray
    child: StateArray
    parent: StateArray
    mass: StateArray
    column: StateArray
    cut: FloatColumn
    box: FloatColumn
    leaf_of: StateArray
    free: StateArray
    n_free: StateArray


@kernel
def draw(rows: StateArray, slot: int) -> float:
    """The series' next random number in [0, 1)."""
    state: Any = rows[slot]["random"] + STEP
    rows[slot]["random"] = state
    z: Any = (state ^ (state >> SHIFT_30)) * MIX_1
    z = (z ^ (z >> SHIFT_27)) * MIX_2
    return float(np.int64((z ^ (z >> SHIFT_31)) >> SHIFT_11)) * UNIT


@kernel
def replace(f: Forest, s: int, t: int, above: int, old: int, new: int) -> None:
    """Put the pointer `new` where the branch `above` (`NONE` = the root) has `old`."""
    if above == NONE:
        f.root[s, t] = new
    elif f.child[s, t, above, 0] == old:
        f.child[s, t, above, 0] = new
    else:
        f.child[s, t, above, 1] = new


@kernel
def fit_box(f: Forest, s: int, t: int, branch: int) -> bool:
    """Set the bounds of a branch from those of its children; True when they changed."""
    is_changed = False
    for d in range(f.window.shape[2]):
        low, high = math.inf, -math.inf
        for side in range(2):
            pointer = f.child[s, t, branch, side]
            if pointer >= 0:
                low = min(low, f.box[s, t, pointer, LOW, d])
                high = max(high, f.box[s, t, pointer, HIGH, d])
            else:
                x = f.window[s, -1 - pointer, d]
                low = min(low, x)
                high = max(high, x)
        is_changed |= low != f.box[s, t, branch, LOW, d] or high != f.box[s, t, branch, HIGH, d]
        f.box[s, t, branch, LOW, d] = low
        f.box[s, t, branch, HIGH, d] = high
    return is_changed


@kernel
def add_mass(f: Forest, s: int, t: int, branch: int, by: int) -> None:
    """Add to the mass of a branch and of all above it."""
    while branch != NONE:
        f.mass[s, t, branch] += by
        branch = f.parent[s, t, branch]


@kernel
def find_leaf(f: Forest, s: int, t: int, place: int) -> int:
    """The leaf that the cuts lead the point at `place` to; -1 in an empty tree."""
    pointer: Any = np.int64(f.root[s, t])
    if pointer == NONE:
        return -1
    while pointer >= 0:
        side = 0 if f.window[s, place, f.column[s, t, pointer]] <= f.cut[s, t, pointer] else 1
        pointer = np.int64(f.child[s, t, pointer, side])
    return int(-1 - pointer)


@kernel
def are_equal(f: Forest, s: int, one: int, other: int) -> bool:
    """True when two points of the window are the same."""
    for d in range(f.window.shape[2]):
        if f.window[s, one, d] != f.window[s, other, d]:
            return False
    return True


@kernel
def insert(f: Forest, s: int, t: int, place: int) -> None:
    """Take the point at `place` of the window into a tree."""
    n, n_columns = f.window.shape[1], f.window.shape[2]
    leaf = find_leaf(f, s, t, place)
    if leaf >= 0 and are_equal(f, s, place, leaf):
        f.leaf_of[s, t, place] = leaf
        f.mass[s, t, n + leaf] += 1
        add_mass(f, s, t, int(f.parent[s, t, n + leaf]), 1)
        return
    f.leaf_of[s, t, place] = place
    f.mass[s, t, n + place] = 1
    own = -1 - place
    if leaf < 0:
        f.root[s, t] = own
        f.parent[s, t, n + place] = NONE
        return
    pointer: Any = np.int64(f.root[s, t])
    above = NONE
    n_tries = 0
    while True:
        total = 0.0
        for d in range(n_columns):
            x = f.window[s, place, d]
            low = f.box[s, t, pointer, LOW, d] if pointer >= 0 else f.window[s, -1 - pointer, d]
            high = f.box[s, t, pointer, HIGH, d] if pointer >= 0 else low
            total += max(high, x) - min(low, x)
        left = draw(f.rows, s) * total
        column, cut = -1, 0.0
        side = -1
        for d in range(n_columns):
            x = f.window[s, place, d]
            low = f.box[s, t, pointer, LOW, d] if pointer >= 0 else f.window[s, -1 - pointer, d]
            high = f.box[s, t, pointer, HIGH, d] if pointer >= 0 else low
            span = max(high, x) - min(low, x)
            if n_tries >= 8 and x != low:  # a leaf so near that rounding hits no cut between: cut there
                column, cut, side = d, min(x, low), 0 if x < low else 1
                break
            if left < span:
                column, cut = d, min(low, x) + left
                if x <= cut and cut < low:
                    side = 0
                elif high <= cut and cut < x:
                    side = 1
                break
            left -= span
        if side >= 0:
            break
        if pointer >= 0:
            above = int(pointer)
            down = 0 if f.window[s, place, f.column[s, t, pointer]] <= f.cut[s, t, pointer] else 1
            pointer = np.int64(f.child[s, t, pointer, down])
        else:
            n_tries += 1
    f.n_free[s, t] -= 1
    branch = int(f.free[s, t, f.n_free[s, t]])
    f.column[s, t, branch] = column
    f.cut[s, t, branch] = cut
    f.child[s, t, branch, side] = own
    f.child[s, t, branch, 1 - side] = pointer
    node = int(pointer) if pointer >= 0 else n - 1 - int(pointer)
    f.parent[s, t, branch] = above
    replace(f, s, t, above, int(pointer), branch)
    f.parent[s, t, node] = branch
    f.parent[s, t, n + place] = branch
    f.mass[s, t, branch] = f.mass[s, t, node]
    add_mass(f, s, t, branch, 1)
    # The new branch may by chance stand where one with the same box stood: that says nothing about those above it.
    fit_box(f, s, t, branch)
    branch = above
    while branch != NONE and fit_box(f, s, t, branch):
        branch = int(f.parent[s, t, branch])


@kernel
def forget(f: Forest, s: int, t: int, place: int) -> None:
    """Take the point at `place` of the window, which still stands there, out of a tree."""
    n = f.window.shape[1]
    leaf = int(f.leaf_of[s, t, place])
    above = int(f.parent[s, t, n + leaf])
    if f.mass[s, t, n + leaf] > 1:
        f.mass[s, t, n + leaf] -= 1
        add_mass(f, s, t, above, -1)
        f.leaf_of[s, t, place] = NONE
        if leaf == place:
            move_leaf(f, s, t, leaf)
        return
    f.leaf_of[s, t, place] = NONE
    if above == NONE:
        f.root[s, t] = NONE
        return
    sibling: Any = np.int64(f.child[s, t, above, 1 if f.child[s, t, above, 0] == -1 - leaf else 0])
    grand = int(f.parent[s, t, above])
    replace(f, s, t, grand, above, int(sibling))
    f.parent[s, t, sibling if sibling >= 0 else n - 1 - sibling] = grand
    f.free[s, t, f.n_free[s, t]] = above
    f.n_free[s, t] += 1
    add_mass(f, s, t, grand, -1)
    while grand != NONE and fit_box(f, s, t, grand):
        grand = int(f.parent[s, t, grand])


@kernel
def move_leaf(f: Forest, s: int, t: int, leaf: int) -> None:
    """Name a leaf after another of its points, because the one it was named after goes."""
    n = f.window.shape[1]
    new = -1
    for place in range(n):
        if f.leaf_of[s, t, place] == leaf:
            new = place if new < 0 else new
            f.leaf_of[s, t, place] = new
    above = int(f.parent[s, t, n + leaf])
    replace(f, s, t, above, -1 - leaf, -1 - new)
    f.parent[s, t, n + new] = above
    f.mass[s, t, n + new] = f.mass[s, t, n + leaf]


@kernel
def displace(f: Forest, s: int, t: int, place: int, blame: FloatColumn) -> float:
    """Collusive displacement of a point: most points that leaving with a part of the tree would move, for each that leaves.

    `blame` (F,) is increased by it at the feature of the cut that tells them apart.
    """
    n = f.window.shape[1]
    leaf = int(f.leaf_of[s, t, place])
    node = n + leaf
    greatest, column = 0.0, -1
    above = int(f.parent[s, t, node])
    while above != NONE:
        moved = (f.mass[s, t, above] - f.mass[s, t, node]) / f.mass[s, t, node]
        if moved > greatest:
            greatest, column = moved, int(f.column[s, t, above])
        node = above
        above = int(f.parent[s, t, node])
    if column >= 0:
        blame[column % blame.size] += greatest
    return greatest


@kernel
def displace_all(f: Forest, s: int, displacement: FloatColumn, blame: FloatColumn) -> None:
    """Collusive displacement of every point of a series' window, mean over the trees.

    Parameters
    ----------
    displacement : (n,) float64, overwritten
        Of the points in the order of their places; n of them are there.
    blame : (n, F) float64, overwritten
        The same by feature.
    """
    n_trees = f.root.shape[1]
    for place in range(displacement.size):
        total = 0.0
        blame[place] = 0.0
        for t in range(n_trees):
            total += displace(f, s, t, place, blame[place])
        displacement[place] = total / n_trees
        blame[place] /= n_trees


@kernel
def score_learn_many(
    f: Forest,
    grace_period: int,
    is_scoring: bool,
    slots: IntColumn,
    X: FloatColumn,
    scores: FloatColumn,
    ready: BoolColumn,
    blame: FloatColumn,
) -> None:
    """Take every sample into its trees, and say how much it displaces there; see `models.base.Estimator.score_learn_many`.

    Parameters
    ----------
    blame : (F,) float64, overwritten
        Displacement by feature of the last sample.
    """
    n_trees, size = f.root.shape[1], f.window.shape[1]
    n_lags, n_features = f.recent.shape[1], f.recent.shape[2]
    for i in range(slots.size):
        s = slots[i]
        n_present = 0
        for c in range(n_features):
            n_present += math.isfinite(X[i, c])
        n: Any = np.int64(f.rows[s]["n"])
        is_ready = n_present > 0 and n >= max(grace_period, n_lags)
        scores[i] = 0.0
        ready[i] = is_ready
        blame[:] = 0.0
        if n_present == 0:
            continue
        for lag in range(n_lags - 1):
            for c in range(n_features):
                f.recent[s, lag, c] = f.recent[s, lag + 1, c]
        for c in range(n_features):
            # A missing feature keeps the value it had, which the row of the newest sample still holds.
            if math.isfinite(X[i, c]):
                f.recent[s, n_lags - 1, c] = max(-MAX_VALUE, min(MAX_VALUE, X[i, c]))
        f.rows[s]["n"] = n + 1
        if n + 1 < n_lags:
            continue
        place = int(f.rows[s]["head"])
        if f.rows[s]["size"] == size:
            for t in range(n_trees):
                forget(f, s, t, place)
        else:
            f.rows[s]["size"] += 1
        f.rows[s]["head"] = 0 if place + 1 == size else place + 1
        for lag in range(n_lags):
            for c in range(n_features):
                f.window[s, place, lag * n_features + c] = f.recent[s, lag, c]
        total = 0.0
        for t in range(n_trees):
            insert(f, s, t, place)
            if is_scoring and is_ready:
                total += displace(f, s, t, place, blame)
        scores[i] = total / n_trees
