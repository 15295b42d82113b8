"""Kernels that search a window for the points nearest to one, the older first among equals, as river's exact search does."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from models.base import FloatColumn, IntColumn
from models.jit import kernel, kernel_bare
from models.lof.order_kernel import find_key
from models.state_array import StateArray

NEVER = -math.inf
MORE = 1.0000001
"""A little more than a square: roots of what lies beyond are greater for certain, whatever the order of summation."""
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
        place: Any = np.int64(order[slot, left]) if goes_left else np.int64(order[slot, right])
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
