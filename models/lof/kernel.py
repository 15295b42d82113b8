"""Kernels of the local outlier factor.

References
----------
Breunig, M. M. et al. (2000). LOF: identifying density-based local outliers. SIGMOD, definitions 3-7.
"""

from __future__ import annotations

import math

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn
from models.gate_kernel import OPEN, admits
from models.jit import kernel, kernel_bare
from models.lof.line_kernel import TIED, compute_line_factor
from models.lof.order_kernel import find_key, put_in_order
from models.lof.search_kernel import MORE, NEVER, Ring, Scratch, get_reach, look_up, search
from models.prefetch_kernel import prefetch
from models.state_array import StateArray

LEAST = 1e-300
AHEAD = 4
"""Samples whose series' rows are fetched before their turn."""


@kernel_bare
def clean(X: FloatColumn, i: int, out: FloatColumn) -> int:
    """Write ``X[i]`` as it is kept, a missing or infinite feature as negative zero; return how many are present.

    A missing feature counts as zero in a distance, so it may be kept as one; the sign tells it from a value.
    """
    n_present = 0
    for column in range(X.shape[1]):
        is_finite = math.isfinite(X[i, column])
        out[column] = X[i, column] + 0.0 if is_finite else -0.0
        n_present += is_finite
    return n_present


@kernel_bare
def forget_reaches(reaches: FloatColumn, window: FloatColumn, slot: int, n: int, x: FloatColumn, squares: FloatColumn) -> None:
    """Doubt the reach of every point that `x`, which comes or goes, is no farther from than that; `squares`: room."""
    for place in range(n):
        squares[place] = 0.0
    for column in range(x.size):
        value = x[column]
        for place in range(n):
            squares[place] += (value - window[slot, column, place]) * (value - window[slot, column, place])
    for place in range(n):
        reach = reaches[slot, place]
        reaches[slot, place] = reach if squares[place] > reach * reach * MORE else -max(abs(reach), LEAST)


@kernel
def compute_density(ring: Ring, scratch: Scratch, row: int, first: int, last: int, k: int) -> float:
    """Local reachability density over the entries ``first .. last-1`` of the lists in `row`."""
    near, distance, known, reaches, slot = scratch.near, scratch.distance, scratch.known, ring.reaches, ring.slot
    is_kept = reaches.shape[1] > 0
    total = 0.0
    for j in range(first, last):
        # A call with all these arrays costs more than most of what it would look up.
        place = near[row, j]
        reach = reaches[slot, place] if is_kept else -1.0
        if reach < 0.0:
            count = known[place]
            reach = get_reach(ring, scratch, place, k) if count < 0 else (distance[place, count - 1] if count > 1 else 0.0)
        total += max(distance[row, j], reach)
    return 1.0 / (total / (last - first) + 1e-10)


@kernel
def compute_factor(ring: Ring, scratch: Scratch, x: FloatColumn, k: int) -> float:
    """Local outlier factor of `x` against the window; 0.0 while the window is too small to tell."""
    if ring.n == 0:
        return 0.0
    scratch.known[:] = -1
    query = ring.window.shape[2]
    count = search(ring, scratch, x, k + 1, math.inf, scratch.near[query], scratch.distance[query])
    # A point that coincides with the sample stands for the sample itself.
    first = 1 if scratch.distance[query, 0] == 0.0 else 0
    last = count if first else min(count, k)
    if last <= first:
        return 0.0
    own = compute_density(ring, scratch, query, first, last, k)
    total = 0.0
    for j in range(first, last):
        place = scratch.near[query, j]
        m = look_up(ring, scratch, place, k)
        if m < 1:
            return 0.0
        total += compute_density(ring, scratch, place, 1, m + 1, k)
    factor = total / ((last - first) * own)
    return factor if math.isfinite(factor) else 0.0


@kernel_bare
def learn_vector(
    rows: StateArray,
    window: FloatColumn,
    order: StateArray,
    reaches: FloatColumn,
    slot: int,
    x: FloatColumn,
    place: int,
    gone: FloatColumn,
    squares: FloatColumn,
) -> None:
    """Put `x` (as `clean` writes it) in the place of the oldest sample and into the order of the window.

    Parameters
    ----------
    place : int
        Points below `x`, where the window is kept in order.
    gone, squares
        Room.
    """
    size = window.shape[2]
    head = rows[slot]["head"]
    n = rows[slot]["n"]
    if order.shape[1]:
        put_in_order(window, order, slot, n, head, x[0], place)
    if reaches.shape[1]:
        for column in range(x.size):
            gone[column] = window[slot, column, head]
        if n == size:
            forget_reaches(reaches, window, slot, size, gone, squares)
        forget_reaches(reaches, window, slot, n, x, squares)
        reaches[slot, head] = NEVER
    for column in range(x.size):
        window[slot, column, head] = x[column]
    rows[slot]["head"] = 0 if head + 1 == size else head + 1
    rows[slot]["n"] = min(n + 1, size)


@kernel
def score_learn_many(
    rows: StateArray,
    window: FloatColumn,
    order: StateArray,
    reaches: FloatColumn,
    scratch: Scratch,
    k: int,
    grace_period: int,
    is_scoring: bool,
    is_learning: bool,
    gate: FloatColumn,
    gate_rows: FloatColumn,
    slots: IntColumn,
    X: FloatColumn,
    scores: FloatColumn,
    ready: BoolColumn,
) -> None:
    """Prequential pass over a batch; see `models.base.Estimator.score_learn_many`.

    Parameters
    ----------
    rows : (S,) structured, mutated
    window : (S, F, W) float64, mutated
    order : (S, W) int32, mutated
        (S, 0) with more than one feature.
    reaches : (S, W) float64, mutated
        (S, 0) with one feature.
    scratch : Scratch
        Made once, because making it costs as much as a score.
    k : int
        Neighbours.
    """
    x, gone = np.empty(X.shape[1]), np.empty(X.shape[1])
    is_line = order.shape[1] > 0
    is_open = gate[0] == OPEN
    for i in range(slots.size):
        slot = slots[i]
        if i + AHEAD < slots.size:
            prefetch(rows, (slots[i + AHEAD],))
        n_present = clean(X, i, x)
        n = rows[slot]["n"]
        ready[i] = n_present > 0 and n >= max(grace_period, 2)
        found = 0.0
        place = find_key(window, order, slot, n, x[0], False) if is_line else 0
        if is_scoring and ready[i]:
            found = TIED
            if is_line and n > k + 1:
                found = compute_line_factor(
                    window,
                    order,
                    slot,
                    n,
                    place,
                    x[0],
                    k,
                    scratch.block,
                    scratch.block_reaches,
                    scratch.line_near,
                    scratch.line_distance,
                    slots[i + 1] if i + 1 < slots.size else slot,
                )
            if found == TIED:
                found = compute_factor(Ring(window, order, reaches, slot, n, rows[slot]["head"]), scratch, x, k)
        scores[i] = found
        if is_learning and n_present > 0 and (is_open or admits(gate, gate_rows, slot, found)):
            learn_vector(rows, window, order, reaches, slot, x, place, gone, scratch.squares)
