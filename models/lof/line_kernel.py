"""The local outlier factor of one feature, from the few points around the sample in the order of their values.

All points that matter lie within three neighbourhoods of the sample's place in that order: its neighbours, theirs, and the points that
bound the neighbourhoods of those.  They are copied out once; what `models.lof.kernel` finds by a search for each point is read off
them.  Among values that are all different, at distances that are all different, age plays no part, so the result is the same to the
last bit; where two are equal this says so and the searches are made after all.

References
----------
Breunig, M. M. et al. (2000). LOF: identifying density-based local outliers. SIGMOD, definitions 3-7.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from models.base import FloatColumn
from models.jit import kernel_bare
from models.prefetch_kernel import prefetch
from models.state_array import StateArray

ONE = np.uint64(1)
LEAST_GAP, GREATEST_GAP = 1e-150, 1e150
"""Between these the root of a gap's square, which is what is compared elsewhere, is the gap."""
LINE = 8
"""Floats in a cache line."""
TIED = -1.0
"""Factor that stands for: two values or two distances are equal, search."""


@kernel_bare
def copy_block(
    window: FloatColumn, order: StateArray, slot: int, first: int, last: int, x: float, k: int, block: FloatColumn
) -> int:
    """Copy the values at ``first .. last-1`` of the order into `block`, behind k + 1 entries below all values and before as many above.

    Returns how many are below `x`, -1 when two are equal.
    """
    size: Any = np.uint64(last - first)
    pad: Any = np.uint64(k) + ONE
    start: Any = np.uint64(first)
    for j in range(pad):
        block[j] = -math.inf
        block[pad + size + j] = math.inf
    for j in range(size):
        block[pad + j] = window[slot, 0, np.uint64(order[slot, start + j])]
    n_below: Any = 0
    n_tied: Any = 0
    for j in range(pad, pad + size):
        n_below += np.int64(block[j] < x)
    for j in range(pad + ONE, pad + size):
        n_tied += np.int64(not block[j] - block[j - ONE] > LEAST_GAP)
    if not block[pad + size - ONE] - block[pad] < GREATEST_GAP:
        n_tied += 1
    return -1 if n_tied > 0 else n_below


@kernel_bare
def fill_reaches(block: FloatColumn, first: Any, last: Any, k: Any, reaches: FloatColumn) -> None:
    """Write the distance from each of the points ``first .. last-1`` to its `k`-th neighbour.

    Of the runs of k + 1 points around a point it is the one that ends nearest; four or eight points are tried at a time.
    """
    for i in range(first, last):
        reaches[i] = math.inf
    for step in range(k + ONE):
        for i in range(first, last):
            below = block[i] - block[i - k + step]
            above = block[i + step] - block[i]
            reach = below if below > above else above
            reaches[i] = reach if reach < reaches[i] else reaches[i]


@kernel_bare
def list_nearest(block: FloatColumn, left: Any, right: Any, x: float, k: int, near: StateArray, distance: FloatColumn) -> bool:
    """Write the `k` points nearest to `x`, from `left` downwards and `right` upwards, nearest first; False = two are as near."""
    n_tied = 0
    # Without branches, half of which would be guessed wrong.
    for j in range(k):
        below = x - block[left]
        above = block[right] - x
        goes_left = below < above
        n_tied += below == above
        near[j] = left if goes_left else right
        distance[j] = below if goes_left else above
        left -= np.uint64(goes_left)
        right += np.uint64(not goes_left)
    # The point after the last must not be as near as the last: then the older of the two would have been it.
    return n_tied == 0 and x - block[left] != distance[k - 1] and block[right] - x != distance[k - 1]


@kernel_bare
def sum_distances(block: FloatColumn, i: Any, k: int, reaches: FloatColumn) -> float:
    """Sum of the reachability distances from the point `i` to its `k` neighbours, nearest first; `TIED` when two are as near."""
    x = block[i]
    left: Any = i - ONE
    right: Any = i + ONE
    total = 0.0
    last = 0.0
    n_tied = 0
    for _ in range(k):
        below = x - block[left]
        above = block[right] - x
        goes_left = below < above
        n_tied += below == above
        last = below if goes_left else above
        reach = reaches[left if goes_left else right]
        total += last if last > reach else reach
        left -= np.uint64(goes_left)
        right += np.uint64(not goes_left)
    return TIED if n_tied > 0 or x - block[left] == last or block[right] - x == last else total


@kernel_bare
def fetch_share(window: FloatColumn, order: StateArray, slot: int, share: int, n_shares: int) -> None:
    """Ask for one of `n_shares` parts of the window of `slot` and its order."""
    size = window.shape[2]
    for line in range(share * size // (LINE * n_shares), (share + 1) * size // (LINE * n_shares)):
        prefetch(window, (slot, 0, line * LINE))
        if line % 2 == 0:
            prefetch(order, (slot, line * LINE))


@kernel_bare
def compute_line_factor(
    window: FloatColumn,
    order: StateArray,
    slot: int,
    n: int,
    place: int,
    x: float,
    k: int,
    block: FloatColumn,
    reaches: FloatColumn,
    near: StateArray,
    distance: FloatColumn,
    next_slot: int,
) -> float:
    """Local outlier factor of `x`; `TIED` when the searches must be made.  The window of `next_slot` is fetched meanwhile.

    Parameters
    ----------
    window, order
        As in `models.lof.kernel.score_learn_many`; `n` points are held, more than k + 1.
    place : int
        How many of the points held are below `x`.
    block, reaches : (8 k + 10,), overwritten
    near : (k + 1,) uint64, distance : (k + 1,), overwritten
    """
    first = max(place - 3 * k - 4, 0)
    last = min(place + 3 * k + 4, n)
    n_below = copy_block(window, order, slot, first, last, x, k, block)
    if n_below < 0:
        return TIED
    steps: Any = np.uint64(k)
    least: Any = steps + ONE
    end: Any = least + np.uint64(last - first)
    at: Any = least + np.uint64(n_below)
    is_met = block[at] == x
    if not list_nearest(block, at - ONE, at, x, k + 1, near, distance):
        return TIED
    if not distance[1 if is_met else 0] > LEAST_GAP or not distance[k] < GREATEST_GAP:
        return TIED
    # A point that coincides with the sample stands for the sample itself.
    start = 1 if is_met else 0
    stop = k + 1 if is_met else k
    low: Any = end
    high: Any = least
    for j in range(start, stop):
        low = min(low, near[j])
        high = max(high, near[j])
    fill_reaches(block, max(low - steps, least), min(high + least, end), steps, reaches)
    total = 0.0
    for j in range(start, stop):
        total += max(distance[j], reaches[near[j]])
    own = 1.0 / (total / (stop - start) + 1e-10)
    total = 0.0
    for j in range(start, stop):
        if next_slot != slot:
            fetch_share(window, order, next_slot, j - start, stop - start)
        other = sum_distances(block, near[j], k, reaches)
        if other == TIED:
            return TIED
        total += 1.0 / (other / k + 1e-10)
    factor = total / ((stop - start) * own)
    return factor if math.isfinite(factor) else 0.0
