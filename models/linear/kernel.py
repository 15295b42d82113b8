"""Kernels of the linear regression by stochastic gradient descent."""

from __future__ import annotations

import math

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn
from models.jit import kernel, kernel_bare
from models.state_array import StateArray

WEIGHT, LOW, HIGH = 0, 1, 2
RATE, INTERCEPT_RATE, CLIP = 0, 1, 2


@kernel_bare
def predict(rows: StateArray, terms: FloatColumn, slot: int, is_scaled: bool, x: FloatColumn) -> float:
    """Regression on the features present; NaN when one of them was never learned and has no range yet."""
    total = 0.0
    for column in range(x.size):
        if math.isfinite(x[column]):
            low = terms[slot, column, LOW]
            gap = terms[slot, column, HIGH] - low
            z = x[column]
            if is_scaled:
                z = (x[column] - low) / gap if gap != 0.0 else 0.0
            total += terms[slot, column, WEIGHT] * z
    return float(total + rows[slot]["intercept"])


@kernel_bare
def learn(
    rows: StateArray, terms: FloatColumn, slot: int, knobs: FloatColumn, is_scaled: bool, x: FloatColumn, y: float, z: FloatColumn
) -> bool:
    """One step down the squared error; False = refused, because a weight would overflow.

    Parameters
    ----------
    terms : (S, F, 3) float64, mutated
        Weight, minimum and maximum of each feature.
    z : (F,), overwritten
        Scaled features, then the weights as they will be.
    """
    total = 0.0
    for column in range(x.size):
        z[column] = 0.0
        if math.isfinite(x[column]):
            low = min(terms[slot, column, LOW], x[column])
            gap = max(terms[slot, column, HIGH], x[column]) - low
            z[column] = x[column]
            if is_scaled:
                z[column] = (x[column] - low) / gap if gap != 0.0 else 0.0
            total += terms[slot, column, WEIGHT] * z[column]
    slope = 2.0 * (total + rows[slot]["intercept"] - y)
    slope = max(min(slope, knobs[CLIP]), -knobs[CLIP])
    intercept = rows[slot]["intercept"] - knobs[INTERCEPT_RATE] * slope
    is_sound = math.isfinite(intercept)
    for column in range(x.size):
        z[column] = terms[slot, column, WEIGHT] - knobs[RATE] * (z[column] * slope)
        is_sound &= math.isfinite(z[column])
    if is_sound:
        rows[slot]["n"] += 1
        rows[slot]["intercept"] = intercept
        for column in range(x.size):
            if math.isfinite(x[column]):
                terms[slot, column, WEIGHT] = z[column]
                terms[slot, column, LOW] = min(terms[slot, column, LOW], x[column])
                terms[slot, column, HIGH] = max(terms[slot, column, HIGH], x[column])
    return is_sound


@kernel
def forecast_learn_many(
    rows: StateArray,
    terms: FloatColumn,
    knobs: FloatColumn,
    is_scaled: bool,
    is_learning: bool,
    slots: IntColumn,
    X: FloatColumn,
    expected: FloatColumn,
    ready: BoolColumn,
) -> None:
    """Predict the first column of `X` from the others and learn it, sample by sample.

    Parameters
    ----------
    rows : (S,) structured, mutated
    terms : (S, F, 3) float64, mutated
    knobs : (3,) float64
        Learning rate, that of the intercept, and the greatest absolute gradient.
    X : (B, 1 + F) float64
    expected, ready : (B,), overwritten
    """
    z = np.empty(terms.shape[1])
    for i in range(slots.size):
        slot = slots[i]
        y = X[i, 0]
        x = X[i, 1:]
        predicted = predict(rows, terms, slot, is_scaled, x)
        is_known = math.isfinite(y) and math.isfinite(predicted)
        expected[i] = predicted if is_known else math.nan
        ready[i] = is_known and rows[slot]["n"] > 0
        if is_learning and math.isfinite(y):
            learn(rows, terms, slot, knobs, is_scaled, x, y, z)
