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
from models.state_array import StateArray

LEFT, RIGHT, MASS = 0, 1, 2


# Kernels take whole arrays and indices: a view handed to a function costs two atomic counts of its references.


@kernel_inline
def project(column: StateArray, weight: FloatColumn, draw: int, cut: int, X: FloatColumn, i: int) -> float:
    """Weighted sum of the features of ``X[i]`` in one cut; a missing one counts as zero."""
    total = 0.0
    for k in range(column.shape[2]):
        c = column[draw, cut, k]
        if c >= 0 and math.isfinite(X[i, c]):
            total += weight[draw, cut, k] * X[i, c]
    return total


@kernel_bare
def find_bins(bins: FloatColumn, slot: int, n_bins: StateArray, z: FloatColumn, place: IntColumn) -> None:
    """Write into `place`, for each cut, the first bin whose right edge is no less than `z`; the number of bins where there is none.

    Counted over the edges of eight cuts at a time: a guess where a search ends would be wrong most of the time.
    """
    for cut in range(z.size):
        place[cut] = 0
    for i in range(bins.shape[2] - 1):
        for cut in range(z.size):
            place[cut] += np.int64(bins[slot, RIGHT, i, cut] < z[cut]) & np.int64(i < n_bins[slot, cut])


@kernel_inline
def compute_density(bins: FloatColumn, slot: int, cut: int, n_bins: int, n: float, place: int, z: float) -> float:
    """Density of the histogram at `z`, which falls at `place`; a bin of one point borrows the gap to its nearer neighbour."""
    if place == n_bins or z < bins[slot, LEFT, place, cut]:
        return 0.0
    left = bins[slot, LEFT, place, cut]
    right = bins[slot, RIGHT, place, cut]
    width = right - left
    if width <= 0.0:
        before = left - bins[slot, RIGHT, place - 1, cut] if place > 0 else math.inf
        after = bins[slot, LEFT, place + 1, cut] - right if place + 1 < n_bins else math.inf
        width = min(before, after)
        if not math.isfinite(width) or width <= 0.0:
            return float(bins[slot, MASS, place, cut] / n)
    return float(bins[slot, MASS, place, cut] / n / width)


@kernel_inline
def update_bins(bins: FloatColumn, slot: int, cut: int, n_bins: int, place: int, z: float) -> int:
    """Count `z` at `place`, merging the two closest bins when there are too many; return the number of bins."""
    if place < n_bins and z >= bins[slot, LEFT, place, cut]:
        bins[slot, MASS, place, cut] += 1.0
        return n_bins
    for i in range(n_bins, place, -1):
        for edge in range(3):
            bins[slot, edge, i, cut] = bins[slot, edge, i - 1, cut]
    bins[slot, LEFT, place, cut] = z
    bins[slot, RIGHT, place, cut] = z
    bins[slot, MASS, place, cut] = 1.0
    n_bins += 1
    if n_bins < bins.shape[2]:
        return n_bins
    closest = math.inf
    first = 0
    for i in range(1, n_bins):
        gap = bins[slot, RIGHT, i, cut] - bins[slot, RIGHT, i - 1, cut]
        if gap < closest:
            closest = gap
            first = i - 1
    bins[slot, LEFT, first, cut] = min(bins[slot, LEFT, first, cut], bins[slot, LEFT, first + 1, cut])
    bins[slot, RIGHT, first, cut] = max(bins[slot, RIGHT, first, cut], bins[slot, RIGHT, first + 1, cut])
    bins[slot, MASS, first, cut] += bins[slot, MASS, first + 1, cut]
    for i in range(first + 1, n_bins - 1):
        for edge in range(3):
            bins[slot, edge, i, cut] = bins[slot, edge, i + 1, cut]
    return n_bins - 1


# Each of these goes over all cuts in one call: a call with so many arrays for each cut costs more than what it does.


@kernel_bare
def project_all(column: StateArray, weight: FloatColumn, draw: int, X: FloatColumn, i: int, z: FloatColumn) -> bool:
    """Write `project` of every cut into `z`; False when one of them overflowed."""
    is_sound = True
    for cut in range(z.size):
        z[cut] = project(column, weight, draw, cut, X, i)
        is_sound &= math.isfinite(z[cut])
    return is_sound


@kernel_bare
def compute_score(
    bins: FloatColumn, slot: int, n_bins: StateArray, n: float, place: IntColumn, z: FloatColumn, density: FloatColumn
) -> float:
    """Mean negative logarithm of the densities; `density`: room."""
    for cut in range(z.size):
        p = compute_density(bins, slot, cut, int(n_bins[slot, cut]), n, place[cut], z[cut])
        density[cut] = max(p, 1e-12)
    total = 0.0
    for cut in range(z.size):
        total -= math.log(density[cut])
    return total / z.size


@kernel_bare
def update_all(bins: FloatColumn, slot: int, n_bins: StateArray, place: IntColumn, z: FloatColumn) -> None:
    """`update_bins` of every cut."""
    for cut in range(z.size):
        n_bins[slot, cut] = update_bins(bins, slot, cut, int(n_bins[slot, cut]), place[cut], z[cut])


@kernel
def score_learn_many(
    rows: StateArray,
    bins: FloatColumn,
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
    bins : (S, 3, N + 1, R) float64, mutated
        Left edge, right edge and mass of each bin of each cut's histogram; the last bin is room to insert before a merge.
    n_bins : (S, R) int32, mutated
    column, weight : (K, R, W)
        Projections drawn so far.
    slots, X, scores, ready
        See `models.base.Estimator.score_learn_many`.
    """
    n_cuts = bins.shape[3]
    is_open = gate[0] == OPEN
    least = max(grace_period, 1)
    z = np.empty(n_cuts)
    place = np.empty(n_cuts, dtype=np.int64)
    density = np.empty(n_cuts)
    for i in range(start, slots.size):
        slot = slots[i]
        n_present = 0
        for c in range(X.shape[1]):
            n_present += math.isfinite(X[i, c])
        n: Any = rows[slot]["n"]
        is_ready = n_present > 0 and n >= least
        found = 0.0
        scores[i] = found
        ready[i] = is_ready
        draw = rows[slot]["draw"] - 1
        if n_present == 0 or (draw < 0 and not is_learning):
            continue
        if draw < 0:
            return i
        is_sound = project_all(column, weight, draw, X, i, z)
        find_bins(bins, slot, n_bins, z, place)
        if is_scoring and is_ready:
            found = compute_score(bins, slot, n_bins, np.float64(n), place, z, density)
            scores[i] = found
        # A projection that overflowed says nothing about where the sample lies: it is scored, and not learned.
        if is_learning and is_sound and (is_open or admits(gate, gate_rows, slot, found)):
            rows[slot]["n"] = n + 1
            update_all(bins, slot, n_bins, place, z)
    return slots.size


@kernel
def explain(
    bins: FloatColumn, n_bins: StateArray, slot: int, n: float, column: StateArray, weight: FloatColumn, draw: int, X: FloatColumn
) -> FloatColumn:
    """Welch statistic, by feature, of the scores of the cuts it takes part in against those of the others.

    Parameters
    ----------
    bins : (S, 3, N + 1, R) float64
    n_bins : (S, R) int32
    column, weight : (K, R, W)
    X : (1, F) float64

    Returns
    -------
    (F,) float64
        0.0 where the feature is missing, or takes part in fewer than two cuts or in all but one.
    """
    n_cuts = bins.shape[3]
    values, z = np.empty(n_cuts), np.empty(n_cuts)
    place = np.empty(n_cuts, dtype=np.int64)
    for cut in range(n_cuts):
        z[cut] = project(column, weight, draw, cut, X, 0)
    find_bins(bins, slot, n_bins, z, place)
    for cut in range(n_cuts):
        p = compute_density(bins, slot, cut, int(n_bins[slot, cut]), n, place[cut], z[cut])
        values[cut] = -math.log(max(p, 1e-12))
    found = np.zeros(X.shape[1])
    for feature in range(X.shape[1]):
        with_n, with_mean, with_sq = 0.0, 0.0, 0.0
        rest_n, rest_mean, rest_sq = 0.0, 0.0, 0.0
        for cut in range(n_cuts):
            if (column[draw, cut] == feature).any():
                with_n, with_mean, with_sq = add_sample(with_n, with_mean, with_sq, values[cut])
            else:
                rest_n, rest_mean, rest_sq = add_sample(rest_n, rest_mean, rest_sq, values[cut])
        if math.isfinite(X[0, feature]) and with_n > 1.0 and rest_n > 1.0:
            spread = math.sqrt(compute_variance(with_n, with_sq) / with_n + compute_variance(rest_n, rest_sq) / rest_n)
            found[feature] = (with_mean - rest_mean) / spread if spread > 0.0 else 0.0
    return found
