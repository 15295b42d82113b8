"""Kernels of LODA; those of its histograms are in `models.loda.bins_kernel`.

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
from models.jit import kernel, kernel_bare
from models.loda.bins_kernel import compute_score, fill_densities, find_bins, update
from models.moments_kernel import add_sample, compute_variance
from models.prefetch_kernel import prefetch
from models.state_array import StateArray

ABSENT, UNDRAWN, OVERFLOWN, SOUND = 0, 1, 2, 3
"""What is known of a sample before it is scored: no feature, no projections yet, one that overflowed, or all is well."""
AHEAD = 3
"""Samples whose series' right edges are fetched before their turn."""
MAX_FLOAT = 1.7976931348623157e308


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
    fill_densities(right, left, mass, slot, n_bins, n, place, z, 0, values)
    for cut in range(n_cuts):
        values[cut] = -math.log(values[cut])
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
