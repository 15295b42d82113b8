"""Kernels of the one-class SVM."""

from __future__ import annotations

import math

from models.base import BoolColumn, FloatColumn, IntColumn
from models.gate_kernel import OPEN, admits
from models.jit import kernel
from models.svm.state import INTERCEPT, WEIGHTS, N

NU, RATE, INTERCEPT_RATE, CLIP = 0, 1, 2, 3


@kernel
def compute_dot(rows: FloatColumn, slot: int, x: FloatColumn) -> float:
    """Product of the weights and the features present, summed in column order."""
    total = 0.0
    for column in range(x.size):
        if math.isfinite(x[column]):
            total += rows[slot, WEIGHTS + column] * x[column]
    return total


@kernel
def score_vector(rows: FloatColumn, slot: int, x: FloatColumn) -> float:
    """Side of the hyperplane; river adds the intercept and takes it away again, which costs bits, so this does as well."""
    intercept = rows[slot, INTERCEPT]
    value = compute_dot(rows, slot, x) + intercept - intercept
    return value if math.isfinite(value) else 0.0


@kernel
def learn_vector(rows: FloatColumn, slot: int, knobs: FloatColumn, x: FloatColumn) -> bool:
    """One step down the hinge loss of the label 1; False = refused, because a weight would overflow."""
    penalty = knobs[NU] / 2.0
    margin = compute_dot(rows, slot, x) + rows[slot, INTERCEPT]
    slope = -1.0 if margin <= 1.0 else 0.0
    slope = max(min(slope, knobs[CLIP]), -knobs[CLIP])
    for column in range(x.size):
        if math.isfinite(x[column]):
            gradient = x[column] * slope
            if not math.isfinite(
                rows[slot, WEIGHTS + column] - knobs[RATE] * (gradient + penalty * rows[slot, WEIGHTS + column])
            ):
                return False
    rows[slot, N] += 1.0
    rows[slot, INTERCEPT] -= knobs[INTERCEPT_RATE] * slope + 2.0 * knobs[INTERCEPT_RATE] * penalty
    for column in range(x.size):
        if math.isfinite(x[column]):
            gradient = x[column] * slope
            if penalty != 0.0:
                gradient += penalty * rows[slot, WEIGHTS + column]
            rows[slot, WEIGHTS + column] -= knobs[RATE] * gradient
    return True


@kernel
def score_row(rows: FloatColumn, grace_period: int, X: FloatColumn) -> float:
    """Score the only sample of `X` by slot 0; 0.0 in the grace period."""
    return score_vector(rows, 0, X[0]) if rows[0, N] >= grace_period else 0.0


@kernel
def learn_row(rows: FloatColumn, knobs: FloatColumn, X: FloatColumn) -> bool:
    """Learn the only sample of `X` in slot 0; one without a finite feature is left out."""
    for column in range(X.shape[1]):
        if math.isfinite(X[0, column]):
            return learn_vector(rows, 0, knobs, X[0])
    return False


@kernel
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
    for i in range(slots.size):
        slot = slots[i]
        is_empty = True
        for column in range(X.shape[1]):
            is_empty &= not math.isfinite(X[i, column])
        ready[i] = not is_empty and rows[slot, N] >= max(grace_period, 1)
        scores[i] = score_vector(rows, slot, X[i]) if is_scoring and ready[i] else 0.0
        if is_learning and not is_empty and (gate[0] == OPEN or admits(gate, gate_rows, slot, scores[i])):
            learn_vector(rows, slot, knobs, X[i])
