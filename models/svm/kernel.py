"""Kernels of the one-class SVM."""

from __future__ import annotations

import math

from models.base import BoolColumn, FloatColumn, IntColumn
from models.gate_kernel import admits
from models.jit import kernel
from models.state_array import StateArray

NU, RATE, INTERCEPT_RATE, CLIP = 0, 1, 2, 3


@kernel
def compute_dot(weights: FloatColumn, slot: int, x: FloatColumn) -> float:
    """Product of the weights and the features present, summed in column order."""
    total = 0.0
    for column in range(x.size):
        if math.isfinite(x[column]):
            total += weights[slot, column] * x[column]
    return total


@kernel
def score_vector(rows: StateArray, weights: FloatColumn, slot: int, x: FloatColumn) -> float:
    """Side of the hyperplane; river adds the intercept and takes it away again, which costs bits, so this does as well."""
    intercept = rows[slot].intercept
    value = compute_dot(weights, slot, x) + intercept - intercept
    return value if math.isfinite(value) else 0.0


@kernel
def learn_vector(rows: StateArray, weights: FloatColumn, slot: int, knobs: FloatColumn, x: FloatColumn) -> bool:
    """One step down the hinge loss of the label 1; False = refused, because a weight would overflow."""
    penalty = knobs[NU] / 2.0
    margin = compute_dot(weights, slot, x) + rows[slot].intercept
    slope = -1.0 if margin <= 1.0 else 0.0
    slope = max(min(slope, knobs[CLIP]), -knobs[CLIP])
    for column in range(x.size):
        if math.isfinite(x[column]):
            gradient = x[column] * slope
            if not math.isfinite(weights[slot, column] - knobs[RATE] * (gradient + penalty * weights[slot, column])):
                return False
    rows[slot].n += 1
    rows[slot].intercept -= knobs[INTERCEPT_RATE] * slope + 2.0 * knobs[INTERCEPT_RATE] * penalty
    for column in range(x.size):
        if math.isfinite(x[column]):
            gradient = x[column] * slope
            if penalty != 0.0:
                gradient += penalty * weights[slot, column]
            weights[slot, column] -= knobs[RATE] * gradient
    return True


@kernel
def score_learn_many(
    rows: StateArray,
    weights: FloatColumn,
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
    rows : (S,) structured, mutated
    weights : (S, F) float64, mutated
    knobs : (4,) float64
        nu, learning rate, learning rate of the intercept, greatest absolute gradient.
    """
    for i in range(slots.size):
        slot = slots[i]
        is_empty = True
        for column in range(X.shape[1]):
            is_empty &= not math.isfinite(X[i, column])
        ready[i] = not is_empty and rows[slot].n >= max(grace_period, 1)
        scores[i] = score_vector(rows, weights, slot, X[i]) if is_scoring and ready[i] else 0.0
        if is_learning and not is_empty and admits(gate, gate_rows, slot, scores[i]):
            learn_vector(rows, weights, slot, knobs, X[i])
