"""Kernels of the local outlier factor.

References
----------
Breunig, M. M. et al. (2000). LOF: identifying density-based local outliers. SIGMOD, definitions 3-7.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn
from models.gate_kernel import OPEN, admits
from models.jit import kernel, kernel_bare
from models.lof.line_kernel import TIED, compute_line_factor
from models.prefetch_kernel import prefetch
from models.state_array import StateArray

ONE = np.uint64(1)
NEVER, LEAST = -math.inf, 1e-300
MORE = 1.0000001
"""A little more than a square: roots of what lies beyond are greater for certain, whatever the order of summation."""
AHEAD = 4
"""Samples whose series' rows are fetched before their turn."""
STALE = 1.1
"""A neighbourhood that has changed is looked for within this share of its old reach first."""


class Ring(NamedTuple):
    """Window of one series.

    Attributes
    ----------
    window : (S, F, W) float64
    order : (S, W) int32
        Places in the ring by value, equal ones by age; (S, 0) with more than one feature.
    slot : int
        The series.
    reaches : (S, W) float64
        Distance from each point to its k-th neighbour; negative when the window has changed near the point since, `NEVER` when
        it has not been searched for; (S, 0) with one feature.
    n, head : int
        Points held, and where the next one goes.
    """

    window: FloatColumn
    order: StateArray
    reaches: FloatColumn
    slot: int
    n: int
    head: int


class Scratch(NamedTuple):
    """Room for the searches of one score; row W of the lists is the sample's.

    Attributes
    ----------
    known : (W + 1,) int64
        Length of each point's lists, -1 = not searched for yet.
    near, distance : (W + 1, k + 1)
        Places and distances of the neighbours of each point.
    columns, squares, ages : (F,), (W,), (k + 1,)
        Order of summation, squared distances, and age ranks of the points found.
    places : (W + 1,)
        Points within a guess.
    block, block_reaches : (8 k + 10,)
        Of `models.lof.line_kernel`, as are those that follow.
    line_near, line_distance : (k + 1,)
    """

    known: IntColumn
    near: IntColumn
    distance: FloatColumn
    columns: IntColumn
    squares: FloatColumn
    ages: IntColumn
    places: IntColumn
    block: FloatColumn
    block_reaches: FloatColumn
    line_near: StateArray
    line_distance: FloatColumn


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
def order_columns(x: FloatColumn, columns: IntColumn) -> None:
    """Columns of `x` in the order in which river sums a distance from it: those present first."""
    at = 0
    for column in range(x.size):
        if x[column] != 0.0 or math.copysign(1.0, x[column]) > 0.0:
            columns[at] = column
            at += 1
    for column in range(x.size):
        if x[column] == 0.0 and math.copysign(1.0, x[column]) < 0.0:
            columns[at] = column
            at += 1


@kernel_bare
def find_key(window: FloatColumn, order: StateArray, slot: int, n: int, key: float, is_after: bool) -> int:
    """Place in ``order[slot]`` before the first point with `key` or more; behind the last one with it when `is_after`."""
    low = 0
    high = n
    while low < high:
        middle = (low + high) >> 1
        here = window[slot, 0, order[slot, middle]]
        if here < key or (is_after and here == key):
            low = middle + 1
        else:
            high = middle
    return low


@kernel_bare
def offer(found: int, k: int, place: int, gap: float, age: int, ages: IntColumn, near: IntColumn, distance: FloatColumn) -> int:
    """Put a point among the `found` nearest if it belongs there, the older first among equals; return how many there are."""
    if found == k:
        if gap > distance[k - 1] or (gap == distance[k - 1] and age > ages[k - 1]):
            return found
        found -= 1
    at = found
    while at > 0 and (distance[at - 1] > gap or (distance[at - 1] == gap and ages[at - 1] > age)):
        near[at] = near[at - 1]
        distance[at] = distance[at - 1]
        ages[at] = ages[at - 1]
        at -= 1
    near[at] = place
    distance[at] = gap
    ages[at] = age
    return found + 1


@kernel_bare
def search_line(
    window: FloatColumn,
    order: StateArray,
    slot: int,
    n: int,
    head: int,
    x: float,
    k: int,
    ages: IntColumn,
    near: IntColumn,
    distance: FloatColumn,
) -> int:
    """`search` of one feature: points are met in the order of their distance, so it ends after little more than `k` of them."""
    size = window.shape[2]
    oldest = head if n == size else 0
    found = 0
    right = find_key(window, order, slot, n, x, False)
    left = right - 1
    while left >= 0 or right < n:
        below = x - window[slot, 0, order[slot, left]] if left >= 0 else math.inf
        above = window[slot, 0, order[slot, right]] - x if right < n else math.inf
        # Both are infinite between the greatest and the least floats.
        goes_left = left >= 0 and (right >= n or below < above)
        gap = min(below, above)
        gap = math.sqrt(gap * gap)
        if found == k and gap > distance[k - 1]:
            break
        place = int(order[slot, left]) if goes_left else int(order[slot, right])
        age = place - oldest if place >= oldest else place - oldest + size
        is_late = found == k and gap == distance[k - 1] and age > ages[k - 1]
        found = offer(found, k, place, gap, age, ages, near, distance)
        if goes_left:
            left -= 1
        elif is_late:
            # The rest of a run of equal values is younger still.
            right = find_key(window, order, slot, n, window[slot, 0, place], True)
        else:
            right += 1
    return found


@kernel
def measure(ring: Ring, scratch: Scratch, x: FloatColumn) -> None:
    """Write the squared distances from `x` to every point of the window into the scratch, summed in river's order."""
    window, slot, squares, columns = ring.window, ring.slot, scratch.squares, scratch.columns
    order_columns(x, columns)
    for j in range(x.size):
        c = columns[j]
        value = x[c]
        if j == 0:
            for place in range(ring.n):
                squares[place] = (value - window[slot, c, place]) * (value - window[slot, c, place])
        else:
            for place in range(ring.n):
                squares[place] += (value - window[slot, c, place]) * (value - window[slot, c, place])


@kernel_bare
def pick_within(
    squares: FloatColumn,
    n: int,
    oldest: int,
    k: int,
    limit: float,
    ages: IntColumn,
    near: IntColumn,
    distance: FloatColumn,
    places: IntColumn,
) -> int:
    """The `k` nearest among the points within `limit`, a square; return how many there are.  `places`: room for a window."""
    n_within = 0
    for place in range(n):
        # Without a branch, which would be guessed wrong for every point that is found.
        places[n_within] = place
        n_within += squares[place] <= limit
    found = 0
    for i in range(n_within):
        place = places[i]
        age = place - oldest if place >= oldest else place - oldest + n
        found = offer(found, k, place, math.sqrt(squares[place]), age, ages, near, distance)
    return found


@kernel_bare
def pick_nearest(
    squares: FloatColumn, n: int, oldest: int, k: int, ages: IntColumn, near: IntColumn, distance: FloatColumn
) -> int:
    """The `k` nearest of all; return how many there are."""
    found = 0
    limit = math.inf
    for place in range(n):
        if squares[place] <= limit:
            age = place - oldest if place >= oldest else place - oldest + n
            found = offer(found, k, place, math.sqrt(squares[place]), age, ages, near, distance)
            if found == k:
                limit = distance[k - 1] * distance[k - 1] * MORE
    return found


@kernel
def search(ring: Ring, scratch: Scratch, x: FloatColumn, k: int, within: float, near: IntColumn, distance: FloatColumn) -> int:
    """Write the `k` points of the window nearest to `x`, nearest first and the older first among equals; return how many.

    Parameters
    ----------
    x : (F,)
    within : float
        A guess of how far they reach, which saves time when it is right; infinite = none.
    near, distance : (k,) at least, overwritten
        Place in the ring, and distance of each point found.
    """
    n, ages = ring.n, scratch.ages
    if ring.order.shape[1]:
        return search_line(ring.window, ring.order, ring.slot, n, ring.head, x[0], k, ages, near, distance)
    measure(ring, scratch, x)
    oldest = ring.head if n == ring.window.shape[2] else 0
    if within < math.inf:
        found = pick_within(scratch.squares, n, oldest, k, within * within * MORE, ages, near, distance, scratch.places)
        if found == k:
            return found
    return pick_nearest(scratch.squares, n, oldest, k, ages, near, distance)


@kernel
def look_up(ring: Ring, scratch: Scratch, place: int, k: int) -> int:
    """Number of neighbours of the point at `place`, searched for on the first call: entry 0 of its lists is the point itself."""
    if scratch.known[place] < 0:
        x = ring.window[ring.slot, :, place].copy()
        within = math.inf
        if ring.reaches.shape[1]:
            reach = ring.reaches[ring.slot, place]
            within = reach if reach >= 0.0 else -reach * STALE
        scratch.known[place] = search(ring, scratch, x, k + 1, within, scratch.near[place], scratch.distance[place])
    return int(scratch.known[place]) - 1


@kernel
def get_reach(ring: Ring, scratch: Scratch, place: int, k: int) -> float:
    """Distance from the point at `place` to its `k`-th neighbour, or to its last when it has fewer, searched for and kept."""
    count = look_up(ring, scratch, place, k)
    reach = scratch.distance[place, count] if count > 0 else 0.0
    if ring.reaches.shape[1] and count == k:
        ring.reaches[ring.slot, place] = reach
    return float(reach)


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
def put_in_order(window: FloatColumn, order: StateArray, slot: int, n: int, head: int, x: float, place: int) -> None:
    """Give the point at `head` of the ring, which is to be `x`, its place in the order of the window, before the window is changed.

    Parameters
    ----------
    n : int
        Points held; when the ring is full the one at `head` goes.
    place : int
        Points below `x`.
    """
    # Equal values stand by age, and the newest of all comes: it is the last of its run.
    at = place
    if at < n and window[slot, 0, order[slot, at]] == x:
        at = find_key(window, order, slot, n, x, True)
    gone = n
    if n == window.shape[2]:
        # The oldest of all goes: it is the first of its run.
        gone = find_key(window, order, slot, n, window[slot, 0, head], False)
    if at > gone:
        at -= 1
    # Unsigned indices need no test for counting from the end, without which several are moved at a time.
    start: Any = np.uint64(gone)
    end: Any = np.uint64(at)
    for i in range(start, end):
        order[slot, i] = order[slot, i + ONE]
    for i in range(start - end if end < start else start - start):
        order[slot, start - i] = order[slot, start - i - ONE]
    order[slot, at] = head


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


def make_scratch(n_features: int, size: int, k: int) -> Scratch:
    """Room for the searches of a model, uninitialised.

    Examples
    --------
    >>> make_scratch(2, 100, 10).near.shape
    (101, 11)
    """
    return Scratch(
        known=np.empty(size + 1, dtype=np.int64),
        near=np.empty((size + 1, k + 1), dtype=np.int64),
        distance=np.empty((size + 1, k + 1)),
        columns=np.empty(n_features, dtype=np.int64),
        squares=np.empty(size),
        ages=np.empty(k + 1, dtype=np.int64),
        places=np.empty(size + 1, dtype=np.int64),
        block=np.empty(8 * k + 10),
        block_reaches=np.empty(8 * k + 10),
        line_near=np.empty(k + 1, dtype=np.uint64),
        line_distance=np.empty(k + 1),
    )
