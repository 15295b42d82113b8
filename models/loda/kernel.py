"""Kernels of LODA.

References
----------
Pevný, T. (2016). Loda: lightweight on-line detector of anomalies. Machine Learning 102(2), equations 2-3.
Ben-Haim, Y. and Tom-Tov, E. (2010). A streaming parallel decision tree algorithm. JMLR 11, algorithm 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn
from models.gate_kernel import OPEN, admits
from models.jit import kernel, kernel_bare, kernel_inline
from models.moments_kernel import add_sample, compute_variance
from models.prefetch_kernel import prefetch
from models.state_array import StateArray

ABSENT, UNDRAWN, OVERFLOWN, SOUND = 0, 1, 2, 3
"""What is known of a sample before it is scored: no feature, no projections yet, one that overflowed, or all is well."""
AHEAD = 3
"""Samples whose series' right edges are fetched before their turn."""
LINE = 8
"""Floats in a cache line."""
MAX_MASS, MAX_FLOAT = (1 << 32) - 1, 1.7976931348623157e308


# Kernels take whole arrays and indices: a view handed to a function costs two atomic counts of its references.


@kernel_bare
def project(
    column: StateArray, weight: FloatColumn, draw: int, X: FloatColumn, i: int, x: FloatColumn, z: FloatColumn, row: int
) -> bool:
    """Write the weighted sum of the features of ``X[i]`` in every cut into ``z[row]``; False when one of them overflowed.

    A missing feature counts as zero, as does one too many in a cut, whose weight is zero.  `x`: room for the features.
    """
    for c in range(x.size):
        x[c] = X[i, c] if math.isfinite(X[i, c]) else 0.0
    for cut in range(z.shape[1]):
        z[row, cut] = 0.0
    for k in range(column.shape[1]):
        for cut in range(z.shape[1]):
            z[row, cut] += weight[draw, k, cut] * x[column[draw, k, cut]]
    n_overflown: Any = 0
    for cut in range(z.shape[1]):
        n_overflown += np.int64(not abs(z[row, cut]) <= MAX_FLOAT)
    return bool(n_overflown == 0)


@kernel_inline
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


@kernel_inline
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


@kernel_inline
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


# Each of these goes over all cuts in one call: a call with so many arrays for each cut costs more than what it does.


@kernel_bare
def prepare(
    rows: StateArray,
    right: FloatColumn,
    n_bins: StateArray,
    column: StateArray,
    weight: FloatColumn,
    slot: int,
    X: FloatColumn,
    i: int,
    x: FloatColumn,
    z: FloatColumn,
    place: IntColumn,
    row: int,
) -> int:
    """Project ``X[i]`` into ``z[row]`` and find its bins: `ABSENT`, `UNDRAWN`, `OVERFLOWN` or `SOUND`."""
    n_present = 0
    for c in range(X.shape[1]):
        n_present += math.isfinite(X[i, c])
    if n_present == 0:
        return ABSENT
    draw = rows[slot]["draw"] - 1
    if draw < 0:
        return UNDRAWN
    is_sound = project(column, weight, draw, X, i, x, z, row)
    find_bins(right, slot, n_bins, z, place, row)
    return SOUND if is_sound else OVERFLOWN


@kernel_inline
def fetch_edges(right: FloatColumn, slot: int, share: int) -> None:
    """Ask for one share of the right edges of `slot`, of as many as twice the cuts."""
    n = right.shape[1]
    for line in range(share * n // (2 * LINE), (share + 1) * n // (2 * LINE)):
        prefetch(right, (slot, 0, line * LINE))


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
    for cut in range(n_cuts):
        p = compute_density(right, left, mass, slot, cut, int(n_bins[slot, cut]), n, place[row, cut], z[row, cut])
        density[cut] = max(p, 1e-12)
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


@kernel_bare
def run(
    rows: StateArray,
    right: FloatColumn,
    left: FloatColumn,
    mass: StateArray,
    n_bins: StateArray,
    column: StateArray,
    weight: FloatColumn,
    grace_period: int,
    start: int,
    is_scoring: bool,
    is_learning: bool,
    gate: FloatColumn,
    gate_rows: FloatColumn,
    slots: IntColumn,
    X: FloatColumn,
    scores: FloatColumn,
    ready: BoolColumn,
    x: FloatColumn,
    z: FloatColumn,
    place: IntColumn,
    density: FloatColumn,
    room: FloatColumn,
    early: IntColumn,
) -> int:
    """`score_learn_many`, with the room it needs.

    Parameters
    ----------
    x : (F,), z : (2, R), place : (2, R), density : (R,), room : (3, N + 1), early : (2,)
        Overwritten; `place` begins as zeros.
    """
    is_open = gate[0] == OPEN
    least = max(grace_period, 1)
    n_samples = slots.size
    # What a sample needs is looked up one sample early, and the right edges it is looked up in are fetched `AHEAD` early.
    prepared = -1
    for i in range(start, n_samples):
        slot = slots[i]
        row = i & 1
        if prepared < i:
            early[row] = prepare(rows, right, n_bins, column, weight, slot, X, i, x, z, place, row)
        status = early[row]
        next_slot, later_slot = slot, slot
        if i + 1 < n_samples and slots[i + 1] != slot:
            next_slot = slots[i + 1]
            prepared = i + 1
            early[1 - row] = prepare(rows, right, n_bins, column, weight, next_slot, X, i + 1, x, z, place, 1 - row)
        if i + AHEAD < n_samples:
            later_slot = slots[i + AHEAD]
        if i + 2 * AHEAD < n_samples:
            prefetch(rows, (slots[i + 2 * AHEAD],))
        n: Any = rows[slot]["n"]
        is_ready = status != ABSENT and n >= least
        found = 0.0
        scores[i] = found
        ready[i] = is_ready
        if status == ABSENT or (status == UNDRAWN and not is_learning):
            continue
        if status == UNDRAWN:
            return i
        if is_scoring and is_ready:
            found = compute_score(right, left, mass, slot, n_bins, np.float64(n), place, z, row, density, next_slot, later_slot)
            scores[i] = found
        # A projection that overflowed says nothing about where the sample lies: it is scored, and not learned.
        if is_learning and status == SOUND and (is_open or admits(gate, gate_rows, slot, found)):
            rows[slot]["n"] = n + 1
            update(right, left, mass, slot, n_bins, place, z, row, room, later_slot)
    return n_samples


@kernel
def score_learn_many(
    rows: StateArray,
    right: FloatColumn,
    left: FloatColumn,
    mass: StateArray,
    n_bins: StateArray,
    column: StateArray,
    weight: FloatColumn,
    grace_period: int,
    start: int,
    is_scoring: bool,
    is_learning: bool,
    gate: FloatColumn,
    gate_rows: FloatColumn,
    slots: IntColumn,
    X: FloatColumn,
    scores: FloatColumn,
    ready: BoolColumn,
) -> int:
    """Prequential pass over ``start .. B-1``; return B, or the first sample whose series has no projections yet.

    Parameters
    ----------
    rows : (S,) structured, mutated
    right, left : (S, N, R) float64, mutated
        Edges of each bin of each cut's histogram.
    mass : (S, N, R) uint32, mutated
        Samples in it.
    n_bins : (S, R) uint16, mutated
    column, weight : (K, W, R)
        Projections drawn so far.
    slots, X, scores, ready
        See `models.base.Estimator.score_learn_many`.
    """
    n_cuts = right.shape[2]
    return run(
        rows,
        right,
        left,
        mass,
        n_bins,
        column,
        weight,
        grace_period,
        start,
        is_scoring,
        is_learning,
        gate,
        gate_rows,
        slots,
        X,
        scores,
        ready,
        np.empty(X.shape[1]),
        np.empty((2, n_cuts)),
        np.zeros((2, n_cuts), dtype=np.int64),
        np.empty(n_cuts),
        np.empty((3, right.shape[1] + 1)),
        np.empty(2, dtype=np.int64),
    )


@kernel
def explain(
    right: FloatColumn,
    left: FloatColumn,
    mass: StateArray,
    n_bins: StateArray,
    slot: int,
    n: float,
    column: StateArray,
    weight: FloatColumn,
    draw: int,
    X: FloatColumn,
) -> FloatColumn:
    """Welch statistic, by feature, of the scores of the cuts it takes part in against those of the others.

    Parameters
    ----------
    right, left : (S, N, R) float64
    mass : (S, N, R) uint32
    n_bins : (S, R) uint16
    column, weight : (K, W, R)
    X : (1, F) float64

    Returns
    -------
    (F,) float64
        0.0 where the feature is missing, or takes part in fewer than two cuts or in all but one.
    """
    n_cuts = right.shape[2]
    values, z = np.empty(n_cuts), np.empty((1, n_cuts))
    place = np.empty((1, n_cuts), dtype=np.int64)
    project(column, weight, draw, X, 0, np.empty(X.shape[1]), z, 0)
    find_bins(right, slot, n_bins, z, place, 0)
    for cut in range(n_cuts):
        p = compute_density(right, left, mass, slot, cut, int(n_bins[slot, cut]), n, place[0, cut], z[0, cut])
        values[cut] = -math.log(max(p, 1e-12))
    found = np.zeros(X.shape[1])
    for feature in range(X.shape[1]):
        with_n, with_mean, with_sq = 0.0, 0.0, 0.0
        rest_n, rest_mean, rest_sq = 0.0, 0.0, 0.0
        for cut in range(n_cuts):
            if (column[draw, :, cut] == feature).any():
                with_n, with_mean, with_sq = add_sample(with_n, with_mean, with_sq, values[cut])
            else:
                rest_n, rest_mean, rest_sq = add_sample(rest_n, rest_mean, rest_sq, values[cut])
        if math.isfinite(X[0, feature]) and with_n > 1.0 and rest_n > 1.0:
            spread = math.sqrt(compute_variance(with_n, with_sq) / with_n + compute_variance(rest_n, rest_sq) / rest_n)
            found[feature] = (with_mean - rest_mean) / spread if spread > 0.0 else 0.0
    return found
