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
from models.jit import kernel
from models.moments_kernel import add_sample, compute_variance
from models.state_array import StateArray

LEFT, RIGHT, MASS = 0, 1, 2


# Kernels take whole arrays and indices: a view handed to a function costs two atomic counts of its references.


@kernel
def project(column: StateArray, weight: FloatColumn, draw: int, cut: int, X: FloatColumn, i: int) -> float:
    """Weighted sum of the features of ``X[i]`` in one cut; a missing one counts as zero."""
    total = 0.0
    for k in range(column.shape[2]):
        c = column[draw, cut, k]
        if c >= 0 and math.isfinite(X[i, c]):
            total += weight[draw, cut, k] * X[i, c]
    return total


@kernel
def find_bin(bins: FloatColumn, slot: int, cut: int, n_bins: int, z: float) -> int:
    """First bin whose right edge is no less than `z`; `n_bins` when there is none."""
    place = 0
    for i in range(n_bins):
        # Counted, not searched: a guess where the search ends would be wrong most of the time, which costs more than the rest.
        place += bins[slot, cut, i, RIGHT] < z
    return place


@kernel
def compute_density(bins: FloatColumn, slot: int, cut: int, n_bins: int, n: float, place: int, z: float) -> float:
    """Density of the histogram at `z`, which falls at `place`; a bin of one point borrows the gap to its nearer neighbour."""
    if place == n_bins or z < bins[slot, cut, place, LEFT]:
        return 0.0
    left = bins[slot, cut, place, LEFT]
    right = bins[slot, cut, place, RIGHT]
    width = right - left
    if width <= 0.0:
        before = left - bins[slot, cut, place - 1, RIGHT] if place > 0 else math.inf
        after = bins[slot, cut, place + 1, LEFT] - right if place + 1 < n_bins else math.inf
        width = min(before, after)
        if not math.isfinite(width) or width <= 0.0:
            return float(bins[slot, cut, place, MASS] / n)
    return float(bins[slot, cut, place, MASS] / n / width)


@kernel
def update_bins(bins: FloatColumn, slot: int, cut: int, n_bins: int, place: int, z: float) -> int:
    """Count `z` at `place`, merging the two closest bins when there are too many; return the number of bins."""
    if place < n_bins and z >= bins[slot, cut, place, LEFT]:
        bins[slot, cut, place, MASS] += 1.0
        return n_bins
    for i in range(n_bins, place, -1):
        for edge in range(3):
            bins[slot, cut, i, edge] = bins[slot, cut, i - 1, edge]
    bins[slot, cut, place, LEFT] = z
    bins[slot, cut, place, RIGHT] = z
    bins[slot, cut, place, MASS] = 1.0
    n_bins += 1
    if n_bins < bins.shape[2]:
        return n_bins
    closest = math.inf
    first = 0
    for i in range(1, n_bins):
        gap = bins[slot, cut, i, RIGHT] - bins[slot, cut, i - 1, RIGHT]
        if gap < closest:
            closest = gap
            first = i - 1
    bins[slot, cut, first, LEFT] = min(bins[slot, cut, first, LEFT], bins[slot, cut, first + 1, LEFT])
    bins[slot, cut, first, RIGHT] = max(bins[slot, cut, first, RIGHT], bins[slot, cut, first + 1, RIGHT])
    bins[slot, cut, first, MASS] += bins[slot, cut, first + 1, MASS]
    for i in range(first + 1, n_bins - 1):
        for edge in range(3):
            bins[slot, cut, i, edge] = bins[slot, cut, i + 1, edge]
    return n_bins - 1


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
    bins : (S, R, N + 1, 3) float64, mutated
        Left edge, right edge and mass of each histogram's bins; the last bin is room to insert before a merge.
    n_bins : (S, R) int32, mutated
    column, weight : (K, R, W)
        Projections drawn so far.
    slots, X, scores, ready
        See `models.base.Estimator.score_learn_many`.
    """
    n_cuts = bins.shape[1]
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
        is_sound = True
        for cut in range(n_cuts):
            z[cut] = project(column, weight, draw, cut, X, i)
            is_sound &= math.isfinite(z[cut])
            place[cut] = find_bin(bins, slot, cut, int(n_bins[slot, cut]), z[cut])
        if is_scoring and is_ready:
            for cut in range(n_cuts):
                p = compute_density(bins, slot, cut, int(n_bins[slot, cut]), np.float64(n), place[cut], z[cut])
                density[cut] = max(p, 1e-12)
            total = 0.0
            for cut in range(n_cuts):
                total -= math.log(density[cut])
            found = total / n_cuts
            scores[i] = found
        # A projection that overflowed says nothing about where the sample lies: it is scored, and not learned.
        if is_learning and is_sound and (is_open or admits(gate, gate_rows, slot, found)):
            rows[slot]["n"] = n + 1
            for cut in range(n_cuts):
                n_bins[slot, cut] = update_bins(bins, slot, cut, int(n_bins[slot, cut]), place[cut], z[cut])
    return slots.size


@kernel
def explain(
    bins: FloatColumn, n_bins: StateArray, slot: int, n: float, column: StateArray, weight: FloatColumn, draw: int, X: FloatColumn
) -> FloatColumn:
    """Welch statistic, by feature, of the scores of the cuts it takes part in against those of the others.

    Parameters
    ----------
    bins : (S, R, N + 1, 3) float64
    n_bins : (S, R) int32
    column, weight : (K, R, W)
    X : (1, F) float64

    Returns
    -------
    (F,) float64
        0.0 where the feature is missing, or takes part in fewer than two cuts or in all but one.
    """
    n_cuts = bins.shape[1]
    values = np.empty(n_cuts)
    for cut in range(n_cuts):
        z = project(column, weight, draw, cut, X, 0)
        size = int(n_bins[slot, cut])
        place = find_bin(bins, slot, cut, size, z)
        values[cut] = -math.log(max(compute_density(bins, slot, cut, size, n, place, z), 1e-12))
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
