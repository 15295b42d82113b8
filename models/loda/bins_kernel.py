"""Kernels of LODA's histograms: one a random cut, see `models.loda.state` for where they stand.

References
----------
Ben-Haim, Y. and Tom-Tov, E. (2010). A streaming parallel decision tree algorithm. JMLR 11, algorithm 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from models.base import FloatColumn, IntColumn
from models.jit import kernel_bare, kernel_spliced
from models.prefetch_kernel import prefetch
from models.state_array import StateArray

LINE = 8
"""Floats in a cache line."""
MAX_MASS = (1 << 32) - 1

# Kernels take whole arrays and indices: a view handed to a function costs two atomic counts of its references.  Most go over all cuts
# in one call, because a call with so many arrays costs more than what it does for one cut.


@kernel_spliced
def is_below(right: FloatColumn, slot: int, i: int, cut: int, value: float) -> Any:
    """1 when the right edge of the bin is less than `value`, else 0."""
    return np.int64(right[slot, i, cut] < value)


@kernel_bare
def find_bins(right: FloatColumn, slot: int, n_bins: StateArray, z: FloatColumn, place: IntColumn, row: int) -> None:
    """Write into ``place[row]``, for each cut, the first bin whose right edge is no less than `z`, or the number of bins.

    Counted over the edges of eight cuts at a time: a guess where a search ends would be wrong most of the time.
    """
    n_cuts, most = z.shape[1], right.shape[1]
    n_missing = 0
    for cut in range(n_cuts):
        place[row, cut] = 0
        n_missing += most - np.int64(n_bins[slot, cut])
    if n_missing > 0:
        for i in range(most):
            for cut in range(n_cuts):
                place[row, cut] += is_below(right, slot, i, cut, z[row, cut]) & np.int64(i < n_bins[slot, cut])
        return
    # Five at a time, so that sums are read and written less often.
    for i in range(0, most - 4, 5):
        for cut in range(n_cuts):
            value = z[row, cut]
            place[row, cut] += (
                is_below(right, slot, i, cut, value)
                + is_below(right, slot, i + 1, cut, value)
                + is_below(right, slot, i + 2, cut, value)
                + is_below(right, slot, i + 3, cut, value)
                + is_below(right, slot, i + 4, cut, value)
            )
    for i in range(most - most % 5, most):
        for cut in range(n_cuts):
            place[row, cut] += is_below(right, slot, i, cut, z[row, cut])


@kernel_spliced
def compute_density(
    right: FloatColumn, left: FloatColumn, mass: StateArray, slot: int, cut: int, n_bins: int, n: float, place: int, z: float
) -> float:
    """Density of the histogram at `z`, which falls at `place`; a bin of one point borrows the gap to its nearer neighbour."""
    if place == n_bins or z < left[slot, place, cut]:
        return 0.0
    start = left[slot, place, cut]
    end = right[slot, place, cut]
    width = end - start
    if width <= 0.0:
        before = start - right[slot, place - 1, cut] if place > 0 else math.inf
        after = left[slot, place + 1, cut] - end if place + 1 < n_bins else math.inf
        width = min(before, after)
        if not math.isfinite(width) or width <= 0.0:
            return float(mass[slot, place, cut] / n)
    return float(mass[slot, place, cut] / n / width)


@kernel_spliced
def fill_gap(
    right: FloatColumn, left: FloatColumn, mass: StateArray, slot: int, cut: int, n_bins: int, place: int, z: float
) -> int:
    """Make `z` a bin of its own at `place`, between others, where there is room for one; return the number of bins."""
    for i in range(n_bins, place, -1):
        right[slot, i, cut] = right[slot, i - 1, cut]
        left[slot, i, cut] = left[slot, i - 1, cut]
        mass[slot, i, cut] = mass[slot, i - 1, cut]
    right[slot, place, cut] = z
    left[slot, place, cut] = z
    mass[slot, place, cut] = 1
    return n_bins + 1


@kernel_bare
def merge_closest(
    right: FloatColumn, left: FloatColumn, mass: StateArray, slot: int, cut: int, place: int, z: float, room: FloatColumn
) -> None:
    """Make `z` a bin of its own at `place` of a full histogram, and one bin of the two whose right edges are closest.

    Parameters
    ----------
    room : (3, N + 1), overwritten
        The bins in between: right edges, left edges, masses.
    """
    n = right.shape[1] + 1
    for i in range(n):
        held = i - 1 if i > place else min(i, n - 2)
        room[0, i] = right[slot, held, cut]
        room[1, i] = left[slot, held, cut]
        room[2, i] = mass[slot, held, cut]
    room[0, place] = z
    room[1, place] = z
    room[2, place] = 1.0
    closest = math.inf
    first = 0
    for i in range(1, n):
        gap = room[0, i] - room[0, i - 1]
        if gap < closest:
            closest = gap
            first = i - 1
    room[0, first + 1] = max(room[0, first], room[0, first + 1])
    room[1, first + 1] = min(room[1, first], room[1, first + 1])
    room[2, first + 1] += room[2, first]
    # Those before both places and behind both stay where they are.
    for i in range(min(first, place), max(first + 1, place)):
        moved = i + 1 if i >= first else i
        right[slot, i, cut] = room[0, moved]
        left[slot, i, cut] = room[1, moved]
        mass[slot, i, cut] = min(room[2, moved], MAX_MASS)


@kernel_spliced
def fetch_edges(right: FloatColumn, slot: int, share: int) -> None:
    """Ask for one share of the right edges of `slot`, of as many as twice the cuts."""
    n = right.shape[1]
    for line in range(share * n // (2 * LINE), (share + 1) * n // (2 * LINE)):
        prefetch(right, (slot, 0, line * LINE))


@kernel_bare
def fill_densities(
    right: FloatColumn,
    left: FloatColumn,
    mass: StateArray,
    slot: int,
    n_bins: StateArray,
    n: float,
    place: IntColumn,
    z: FloatColumn,
    row: int,
    density: FloatColumn,
) -> None:
    """Write the density of every cut's histogram at ``z[row]``, 1e-12 at least."""
    for cut in range(z.shape[1]):
        p = compute_density(right, left, mass, slot, cut, int(n_bins[slot, cut]), n, place[row, cut], z[row, cut])
        density[cut] = max(p, 1e-12)


@kernel_bare
def compute_score(
    right: FloatColumn,
    left: FloatColumn,
    mass: StateArray,
    slot: int,
    n_bins: StateArray,
    n: float,
    place: IntColumn,
    z: FloatColumn,
    row: int,
    density: FloatColumn,
    next_slot: int,
    later_slot: int,
) -> float:
    """Mean negative logarithm of the densities; `density`: room.

    Fetched meanwhile: the bins of the next sample, which stand in the other row, and edges of a later one.  Many requests at once
    would be waited for.
    """
    n_cuts = z.shape[1]
    fill_densities(right, left, mass, slot, n_bins, n, place, z, row, density)
    total = 0.0
    for cut in range(n_cuts):
        if next_slot != slot:
            prefetch(left, (next_slot, place[1 - row, cut], cut))
            prefetch(mass, (next_slot, place[1 - row, cut], cut))
        if later_slot != slot:
            fetch_edges(right, later_slot, cut)
        total -= math.log(density[cut])
    return float(total / n_cuts)


@kernel_bare
def update(
    right: FloatColumn,
    left: FloatColumn,
    mass: StateArray,
    slot: int,
    n_bins: StateArray,
    place: IntColumn,
    z: FloatColumn,
    row: int,
    room: FloatColumn,
    later_slot: int,
) -> None:
    """Count a sample in the histogram of every cut.  Edges of a later sample are fetched meanwhile."""
    for cut in range(z.shape[1]):
        if later_slot != slot:
            fetch_edges(right, later_slot, z.shape[1] + cut)
            if cut % (4 * LINE) == 0:
                prefetch(n_bins, (later_slot, cut))
        n = int(n_bins[slot, cut])
        at = place[row, cut]
        if at < n and z[row, cut] >= left[slot, at, cut]:
            mass[slot, at, cut] = min(mass[slot, at, cut] + 1, MAX_MASS)
        elif n < right.shape[1]:
            n_bins[slot, cut] = fill_gap(right, left, mass, slot, cut, n, at, z[row, cut])
        else:
            merge_closest(right, left, mass, slot, cut, at, z[row, cut], room)
