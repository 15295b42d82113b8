"""Kernels of the local outlier factor.

References
----------
Breunig, M. M. et al. (2000). LOF: identifying density-based local outliers. SIGMOD, definitions 3-7.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn
from models.gate_kernel import OPEN, admits
from models.jit import kernel
from models.state_array import StateArray


class Ring(NamedTuple):
    """Window of one series.

    Attributes
    ----------
    points : (F, W) float64
    order : (W,) int32
        Places in the ring by value, equal ones by age; (0,) with more than one feature.
    n, head : int
        Points held, and where the next one goes.
    """

    points: FloatColumn
    order: StateArray
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
    """

    known: IntColumn
    near: IntColumn
    distance: FloatColumn
    columns: IntColumn
    squares: FloatColumn
    ages: IntColumn


@kernel
def clean(x: FloatColumn, out: FloatColumn) -> int:
    """Write `x` as it is kept, a missing or infinite feature as negative zero; return how many are present.

    A missing feature counts as zero in a distance, so it may be kept as one; the sign tells it from a value.
    """
    n_present = 0
    for column in range(x.size):
        is_finite = math.isfinite(x[column])
        out[column] = x[column] + 0.0 if is_finite else -0.0
        n_present += is_finite
    return n_present


@kernel
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


@kernel
def find_key(points: FloatColumn, order: StateArray, n: int, key: float, is_after: bool) -> int:
    """Place in `order` before the first point with `key` or more; behind the last one with it when `is_after`."""
    low = 0
    high = n
    while low < high:
        middle = (low + high) // 2
        here = points[order[middle]]
        if here < key or (is_after and here == key):
            low = middle + 1
        else:
            high = middle
    return low


@kernel
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


@kernel
def search_line(
    points: FloatColumn,
    order: StateArray,
    n: int,
    head: int,
    x: float,
    k: int,
    ages: IntColumn,
    near: IntColumn,
    distance: FloatColumn,
) -> int:
    """`search` of one feature: points are met in the order of their distance, so it ends after little more than `k` of them."""
    size = points.size
    oldest = head if n == size else 0
    found = 0
    right = find_key(points, order, n, x, False)
    left = right - 1
    while left >= 0 or right < n:
        below = x - points[order[left]] if left >= 0 else math.inf
        above = points[order[right]] - x if right < n else math.inf
        goes_left = below < above
        gap = min(below, above)
        gap = math.sqrt(gap * gap)
        if found == k and gap > distance[k - 1]:
            break
        place = int(order[left]) if goes_left else int(order[right])
        age = place - oldest if place >= oldest else place - oldest + size
        is_late = found == k and gap == distance[k - 1] and age > ages[k - 1]
        found = offer(found, k, place, gap, age, ages, near, distance)
        if goes_left:
            left -= 1
        elif is_late:
            # The rest of a run of equal values is younger still.
            right = find_key(points, order, n, points[place], True)
        else:
            right += 1
    return found


@kernel
def search(ring: Ring, scratch: Scratch, x: FloatColumn, k: int, near: IntColumn, distance: FloatColumn) -> int:
    """Write the `k` points of the window nearest to `x`, nearest first and the older first among equals; return how many.

    Parameters
    ----------
    x : (F,)
    near, distance : (k,) at least, overwritten
        Place in the ring, and distance of each point found.
    """
    n, head, window, order = ring.n, ring.head, ring.points, ring.order
    columns, squares, ages = scratch.columns, scratch.squares, scratch.ages
    if order.size:
        return search_line(window[0], order, n, head, x[0], k, ages, near, distance)
    order_columns(x, columns)
    for j in range(x.size):
        value = x[columns[j]]
        feature = window[columns[j]]
        if j == 0:
            for place in range(n):
                squares[place] = (value - feature[place]) * (value - feature[place])
        else:
            for place in range(n):
                squares[place] += (value - feature[place]) * (value - feature[place])
    size = window.shape[1]
    oldest = head if n == size else 0
    found = 0
    limit = math.inf
    for place in range(n):
        if squares[place] <= limit:
            age = place - oldest if place >= oldest else place - oldest + size
            found = offer(found, k, place, math.sqrt(squares[place]), age, ages, near, distance)
            if found == k:
                # A little more than the square of the worst distance: roots of what lies beyond are greater for certain.
                limit = distance[k - 1] * distance[k - 1] * 1.0000001
    return found


@kernel
def look_up(ring: Ring, scratch: Scratch, place: int, k: int) -> int:
    """Number of neighbours of the point at `place`, searched for on the first call: entry 0 of its lists is the point itself."""
    if scratch.known[place] < 0:
        x = ring.points[:, place].copy()
        scratch.known[place] = search(ring, scratch, x, k + 1, scratch.near[place], scratch.distance[place])
    return int(scratch.known[place]) - 1


@kernel
def compute_density(ring: Ring, scratch: Scratch, row: int, first: int, last: int, k: int) -> float:
    """Local reachability density over the entries ``first .. last-1`` of the lists in `row`."""
    total = 0.0
    for j in range(first, last):
        place = scratch.near[row, j]
        count = look_up(ring, scratch, place, k)
        reach = scratch.distance[place, count] if count > 0 else 0.0
        total += max(scratch.distance[row, j], reach)
    return 1.0 / (total / (last - first) + 1e-10)


@kernel
def compute_factor(ring: Ring, scratch: Scratch, x: FloatColumn, k: int) -> float:
    """Local outlier factor of `x` against the window; 0.0 while the window is too small to tell."""
    if ring.n == 0:
        return 0.0
    scratch.known[:] = -1
    query = ring.points.shape[1]
    count = search(ring, scratch, x, k + 1, scratch.near[query], scratch.distance[query])
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


@kernel
def learn_vector(rows: StateArray, window: FloatColumn, order: StateArray, slot: int, x: FloatColumn) -> None:
    """Put `x` (as `clean` writes it) in the place of the oldest sample and into the order of the window."""
    size = window.shape[2]
    place = rows[slot]["head"]
    n = rows[slot]["n"]
    points = window[slot]
    places = order[slot]
    if n == size:
        n -= 1
        if places.size:
            # Equal values stand by age, and the oldest of all goes: it is the first of its run.
            at = find_key(points[0], places, size, points[0, place], False)
            for i in range(at, n):
                places[i] = places[i + 1]
    for column in range(x.size):
        points[column, place] = x[column]
    if places.size:
        at = find_key(points[0], places, n, x[0], True)
        for i in range(n, at, -1):
            places[i] = places[i - 1]
        places[at] = place
    rows[slot]["head"] = 0 if place + 1 == size else place + 1
    rows[slot]["n"] = n + 1


@kernel
def score_learn_many(
    rows: StateArray,
    window: FloatColumn,
    order: StateArray,
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
    k : int
        Neighbours.
    """
    size = window.shape[2]
    scratch = Scratch(
        np.empty(size + 1, dtype=np.int64),
        np.empty((size + 1, k + 1), dtype=np.int64),
        np.empty((size + 1, k + 1)),
        np.empty(X.shape[1], dtype=np.int64),
        np.empty(size),
        np.empty(k + 1, dtype=np.int64),
    )
    x = np.empty(X.shape[1])
    for i in range(slots.size):
        slot = slots[i]
        n_present = clean(X[i], x)
        n = rows[slot]["n"]
        ready[i] = n_present > 0 and n >= max(grace_period, 2)
        scores[i] = 0.0
        if is_scoring and ready[i]:
            ring = Ring(window[slot], order[slot], n, rows[slot]["head"])
            scores[i] = compute_factor(ring, scratch, x, k)
        if is_learning and n_present > 0 and (gate[0] == OPEN or admits(gate, gate_rows, slot, scores[i])):
            learn_vector(rows, window, order, slot, x)
