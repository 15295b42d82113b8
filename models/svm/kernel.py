"""Kernels of the one-class SVM."""

from __future__ import annotations

import math

from models.base import BoolColumn, FloatColumn, IntColumn
from models.gate_kernel import OPEN, admits
from models.jit import kernel_bare, kernel_call
from models.prefetch_kernel import prefetch
from models.svm.state import INTERCEPT, WEIGHTS, N

NU, RATE, INTERCEPT_RATE, CLIP = 0, 1, 2, 3
AHEAD = 32
"""Samples whose series' state is fetched before their turn."""


# Kernels take the whole array and an index: a view handed to a function costs two atomic counts of its references.


@kernel_bare
def compute_dot(rows: FloatColumn, slot: int, X: FloatColumn, i: int) -> float:
    """Product of the weights and the features present in ``X[i]``, summed in column order."""
    total = 0.0
    for column in range(X.shape[1]):
        if math.isfinite(X[i, column]):
            total += rows[slot, WEIGHTS + column] * X[i, column]
    return total


@kernel_bare
def to_score(dot: float, intercept: float) -> float:
    """Side of the hyperplane; river adds the intercept and takes it away again, which costs bits, so this does as well."""
    value = dot + intercept - intercept
    return value if math.isfinite(value) else 0.0


@kernel_bare
def learn_vector(rows: FloatColumn, slot: int, knobs: FloatColumn, X: FloatColumn, i: int, dot: float) -> bool:
    """One step down the hinge loss of the label 1; False = refused, because a weight would overflow.

    `dot` is `compute_dot` of the sample.
    """
    penalty = knobs[NU] / 2.0
    margin = dot + rows[slot, INTERCEPT]
    slope = -1.0 if margin <= 1.0 else 0.0
    slope = max(min(slope, knobs[CLIP]), -knobs[CLIP])
    for column in range(X.shape[1]):
        x = X[i, column]
        if math.isfinite(x):
            weight = rows[slot, WEIGHTS + column]
            if not math.isfinite(weight - knobs[RATE] * (x * slope + penalty * weight)):
                return False
    rows[slot, N] += 1.0
    rows[slot, INTERCEPT] -= knobs[INTERCEPT_RATE] * slope + 2.0 * knobs[INTERCEPT_RATE] * penalty
    for column in range(X.shape[1]):
        x = X[i, column]
        if math.isfinite(x):
            gradient = x * slope
            if penalty != 0.0:
                gradient += penalty * rows[slot, WEIGHTS + column]
            rows[slot, WEIGHTS + column] -= knobs[RATE] * gradient
    return True


@kernel_call
def score_row(rows: FloatColumn, grace_period: int, X: FloatColumn) -> float:
    """Score the only sample of `X` by slot 0; 0.0 in the grace period."""
    return to_score(compute_dot(rows, 0, X, 0), rows[0, INTERCEPT]) if rows[0, N] >= grace_period else 0.0


@kernel_call
def learn_row(rows: FloatColumn, knobs: FloatColumn, X: FloatColumn) -> bool:
    """Learn the only sample of `X` in slot 0; one without a finite feature is left out."""
    for column in range(X.shape[1]):
        if math.isfinite(X[0, column]):
            return learn_vector(rows, 0, knobs, X, 0, compute_dot(rows, 0, X, 0))
    return False


@kernel_bare
def score_learn_many(
    rows: FloatColumn,
    knobs: FloatColumn,
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
    rows : (S, 2 + F) float64, mutated
    knobs : (4,) float64
        nu, learning rate, learning rate of the intercept, greatest absolute gradient.
    """
    least = max(grace_period, 1)
    is_open = gate[0] == OPEN
    for i in range(slots.size):
        if i + AHEAD < slots.size:
            for column in range(0, rows.shape[1], 8):
                prefetch(rows, (slots[i + AHEAD], column))
            prefetch(rows, (slots[i + AHEAD], rows.shape[1] - 1))
        slot = slots[i]
        is_empty = True
        for column in range(X.shape[1]):
            is_empty &= not math.isfinite(X[i, column])
        is_ready = not is_empty and rows[slot, N] >= least
        dot = compute_dot(rows, slot, X, i)
        score = to_score(dot, rows[slot, INTERCEPT]) if is_scoring and is_ready else 0.0
        ready[i] = is_ready
        scores[i] = score
        if is_learning and not is_empty and (is_open or admits(gate, gate_rows, slot, score)):
            learn_vector(rows, slot, knobs, X, i, dot)
