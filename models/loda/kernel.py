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


@kernel
def project(column: StateArray, weight: FloatColumn, x: FloatColumn) -> float:
    """Weighted sum of the features of one cut; a missing one counts as zero."""
    total = 0.0
    for k in range(column.size):
        c = column[k]
        if c >= 0 and math.isfinite(x[c]):
            total += weight[k] * x[c]
    return total


@kernel
def find_bin(bins: FloatColumn, n_bins: int, z: float) -> int:
    """First bin whose right edge is no less than `z`; `n_bins` when there is none."""
    place = 0
    while place < n_bins and bins[place, RIGHT] < z:
        place += 1
    return place


@kernel
def compute_density(bins: FloatColumn, n_bins: int, n: float, place: int, z: float) -> float:
    """Density of the histogram at `z`, which falls at `place`; a bin of one point borrows the gap to its nearer neighbour."""
    if place == n_bins or z < bins[place, LEFT]:
        return 0.0
    left = bins[place, LEFT]
    right = bins[place, RIGHT]
    width = right - left
    if width <= 0.0:
        before = left - bins[place - 1, RIGHT] if place > 0 else math.inf
        after = bins[place + 1, LEFT] - right if place + 1 < n_bins else math.inf
        width = min(before, after)
        if not math.isfinite(width) or width <= 0.0:
            return float(bins[place, MASS] / n)
    return float(bins[place, MASS] / n / width)


@kernel
def update_bins(bins: FloatColumn, n_bins: int, place: int, z: float) -> int:
    """Count `z` at `place`, merging the two closest bins when there are too many; return the number of bins."""
    if place < n_bins and z >= bins[place, LEFT]:
        bins[place, MASS] += 1.0
        return n_bins
    for i in range(n_bins, place, -1):
        bins[i, LEFT] = bins[i - 1, LEFT]
        bins[i, RIGHT] = bins[i - 1, RIGHT]
        bins[i, MASS] = bins[i - 1, MASS]
    bins[place, LEFT] = z
    bins[place, RIGHT] = z
    bins[place, MASS] = 1.0
    n_bins += 1
    if n_bins < bins.shape[0]:
        return n_bins
    closest = math.inf
    first = 0
    for i in range(1, n_bins):
        gap = bins[i, RIGHT] - bins[i - 1, RIGHT]
        if gap < closest:
            closest = gap
            first = i - 1
    bins[first, LEFT] = min(bins[first, LEFT], bins[first + 1, LEFT])
    bins[first, RIGHT] = max(bins[first, RIGHT], bins[first + 1, RIGHT])
    bins[first, MASS] += bins[first + 1, MASS]
    for i in range(first + 1, n_bins - 1):
        bins[i, LEFT] = bins[i + 1, LEFT]
        bins[i, RIGHT] = bins[i + 1, RIGHT]
        bins[i, MASS] = bins[i + 1, MASS]
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
    z = np.empty(n_cuts)
    place = np.empty(n_cuts, dtype=np.int64)
    for i in range(start, slots.size):
        slot = slots[i]
        x = X[i]
        n_present = 0
        for c in range(x.size):
            n_present += math.isfinite(x[c])
        n: Any = rows[slot]["n"]
        scores[i] = 0.0
        ready[i] = n_present > 0 and n >= max(grace_period, 1)
        draw = rows[slot]["draw"] - 1
        if n_present == 0 or (draw < 0 and not is_learning):
            continue
        if draw < 0:
            return i
        is_sound = True
        for cut in range(n_cuts):
            z[cut] = project(column[draw, cut], weight[draw, cut], x)
            is_sound &= math.isfinite(z[cut])
            place[cut] = find_bin(bins[slot, cut], int(n_bins[slot, cut]), z[cut])
        if is_scoring and ready[i]:
            total = 0.0
            for cut in range(n_cuts):
                p = compute_density(bins[slot, cut], int(n_bins[slot, cut]), np.float64(n), place[cut], z[cut])
                total -= math.log(max(p, 1e-12))
            scores[i] = total / n_cuts
        # A projection that overflowed says nothing about where the sample lies: it is scored, and not learned.
        if is_learning and is_sound and (gate[0] == OPEN or admits(gate, gate_rows, slot, scores[i])):
            rows[slot]["n"] = n + 1
            for cut in range(n_cuts):
                n_bins[slot, cut] = update_bins(bins[slot, cut], int(n_bins[slot, cut]), place[cut], z[cut])
    return slots.size


@kernel
def explain(
    bins: FloatColumn, n_bins: StateArray, n: float, column: StateArray, weight: FloatColumn, x: FloatColumn
) -> FloatColumn:
    """Welch statistic, by feature, of the scores of the cuts it takes part in against those of the others.

    Parameters
    ----------
    bins : (R, N + 1, 3) float64
    n_bins : (R,) int32
    column, weight : (R, W)
    x : (F,) float64

    Returns
    -------
    (F,) float64
        0.0 where the feature is missing, or takes part in fewer than two cuts or in all but one.
    """
    n_cuts = bins.shape[0]
    values = np.empty(n_cuts)
    for cut in range(n_cuts):
        z = project(column[cut], weight[cut], x)
        size = int(n_bins[cut])
        values[cut] = -math.log(max(compute_density(bins[cut], size, n, find_bin(bins[cut], size, z), z), 1e-12))
    found = np.zeros(x.size)
    for feature in range(x.size):
        with_n, with_mean, with_sq = 0.0, 0.0, 0.0
        rest_n, rest_mean, rest_sq = 0.0, 0.0, 0.0
        for cut in range(n_cuts):
            if (column[cut] == feature).any():
                with_n, with_mean, with_sq = add_sample(with_n, with_mean, with_sq, values[cut])
            else:
                rest_n, rest_mean, rest_sq = add_sample(rest_n, rest_mean, rest_sq, values[cut])
        if math.isfinite(x[feature]) and with_n > 1.0 and rest_n > 1.0:
            spread = math.sqrt(compute_variance(with_n, with_sq) / with_n + compute_variance(rest_n, rest_sq) / rest_n)
            found[feature] = (with_mean - rest_mean) / spread if spread > 0.0 else 0.0
    return found
