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

from models.base import FloatColumn, IntColumn
from models.jit import kernel_bare
from models.prefetch_kernel import prefetch
from models.state_array import StateArray

LEAST_GAP, GREATEST_GAP = 1e-150, 1e150
"""Between these the root of a gap's square, which is what is compared elsewhere, is the gap."""
LINE = 8
"""Floats in a cache line."""
TIED = -1.0
"""Factor that stands for: two values or two distances are equal, search."""


@kernel_bare
def copy_block(window: FloatColumn, order: StateArray, slot: int, first: int, last: int, x: float, block: FloatColumn) -> int:
    """Copy the values at ``first .. last-1`` of the order into `block`; return how many are below `x`, -1 when two are equal."""
    n_below = 0
    is_tied = False
    for j in range(first, last):
        block[j - first] = window[slot, 0, order[slot, j]]
    for j in range(last - first):
        n_below += block[j] < x
    for j in range(1, last - first):
        is_tied |= not block[j] - block[j - 1] > LEAST_GAP
    is_tied |= not block[last - first - 1] - block[0] < GREATEST_GAP
    return -1 if is_tied else n_below


@kernel_bare
def find_reach(block: FloatColumn, n: int, k: int, i: int) -> float:
    """Distance from point `i` to its `k`-th neighbour: of the runs of k + 1 points around it, the one that ends nearest."""
    x = block[i]
    reach = math.inf
    for start in range(max(i - k, 0), min(i, n - 1 - k) + 1):
        reach = min(reach, max(x - block[start], block[start + k] - x))
    return reach


@kernel_bare
def list_nearest(
    block: FloatColumn, n: int, left: int, right: int, x: float, k: int, near: IntColumn, distance: FloatColumn
) -> bool:
    """Write the `k` points nearest to `x`, from `left` downwards and `right` upwards, nearest first; False = two are as near."""
    for j in range(k):
        below = x - block[left] if left >= 0 else math.inf
        above = block[right] - x if right < n else math.inf
        if below == above:
            return False
        if below < above:
            near[j] = left
            distance[j] = below
            left -= 1
        else:
            near[j] = right
            distance[j] = above
            right += 1
    # The point after the last must not be as near as the last: then the older of the two would have been it.
    return not ((left >= 0 and x - block[left] == distance[k - 1]) or (right < n and block[right] - x == distance[k - 1]))


@kernel_bare
def compute_density(distance: FloatColumn, near: IntColumn, first: int, last: int, reaches: FloatColumn) -> float:
    """Local reachability density over the entries ``first .. last-1`` of the lists."""
    total = 0.0
    for j in range(first, last):
        total += max(distance[j], reaches[near[j]])
    return 1.0 / (total / (last - first) + 1e-10)


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
    near: IntColumn,
    distance: FloatColumn,
    other_near: IntColumn,
    other_distance: FloatColumn,
    next_slot: int,
) -> float:
    """Local outlier factor of `x`; `TIED` when the searches must be made.  The window of `next_slot` is fetched meanwhile.

    Parameters
    ----------
    window, order
        As in `models.lof.kernel.score_learn_many`; `n` points are held, more than k + 1.
    place : int
        How many of the points held are below `x`.
    block, reaches : (6 k + 8,), overwritten
    near, distance, other_near, other_distance : (k + 1,), overwritten
    """
    first = max(place - 3 * k - 4, 0)
    last = min(place + 3 * k + 4, n)
    size = last - first
    at = copy_block(window, order, slot, first, last, x, block)
    if at < 0:
        return TIED
    is_met = at < size and block[at] == x
    if not list_nearest(block, size, at - 1, at, x, k + 1, near, distance):
        return TIED
    if not distance[1 if is_met else 0] > LEAST_GAP or not distance[k] < GREATEST_GAP:
        return TIED
    # A point that coincides with the sample stands for the sample itself.
    start = 1 if is_met else 0
    stop = k + 1 if is_met else k
    low = size
    high = 0
    for j in range(start, stop):
        low = min(low, near[j])
        high = max(high, near[j])
    for i in range(max(low - k, 0), min(high + k + 1, size)):
        reaches[i] = find_reach(block, size, k, i)
    own = compute_density(distance, near, start, stop, reaches)
    total = 0.0
    for j in range(start, stop):
        if next_slot != slot:
            fetch_share(window, order, next_slot, j - start, stop - start)
        i = near[j]
        if not list_nearest(block, size, i - 1, i + 1, block[i], k, other_near, other_distance):
            return TIED
        total += compute_density(other_distance, other_near, 0, k, reaches)
    factor = total / ((stop - start) * own)
    return factor if math.isfinite(factor) else 0.0
