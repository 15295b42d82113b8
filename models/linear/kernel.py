"""Kernels of the linear regression by stochastic gradient descent."""

from __future__ import annotations

import math

from models.base import BoolColumn, FloatColumn, IntColumn
from models.jit import kernel_bare, kernel_call
from models.prefetch_kernel import prefetch
from models.state_array import StateArray

WEIGHT, LOW, HIGH = 0, 1, 2
RATE, INTERCEPT_RATE, CLIP = 0, 1, 2
AHEAD = 16
"""Samples whose series' state is fetched before their turn."""

# Kernels take the whole array and an index: a view handed to a function costs two atomic counts of its references.


@kernel_bare
def predict(rows: StateArray, terms: FloatColumn, slot: int, is_scaled: bool, X: FloatColumn, i: int) -> float:
    """Regression on the features present in ``X[i, 1:]``; NaN when one of them was never learned and has no range yet."""
    total = 0.0
    for column in range(terms.shape[1]):
        x = X[i, 1 + column]
        if math.isfinite(x):
            low = terms[slot, column, LOW]
            gap = terms[slot, column, HIGH] - low
            z = x
            if is_scaled:
                z = (x - low) / gap if gap != 0.0 else 0.0
            total += terms[slot, column, WEIGHT] * z
    return float(total + rows[slot]["intercept"])


@kernel_bare
def learn(
    rows: StateArray, terms: FloatColumn, slot: int, knobs: FloatColumn, is_scaled: bool, X: FloatColumn, i: int, z: FloatColumn
) -> bool:
    """One step down the squared error of ``X[i]``; False = refused, because a weight would overflow.

    Parameters
    ----------
    terms : (S, F, 3) float64, mutated
        Weight, minimum and maximum of each feature.
    z : (F,), overwritten
        Scaled features, then the weights as they will be.
    """
    total = 0.0
    for column in range(terms.shape[1]):
        x = X[i, 1 + column]
        z[column] = 0.0
        if math.isfinite(x):
            low = min(terms[slot, column, LOW], x)
            gap = max(terms[slot, column, HIGH], x) - low
            z[column] = x
            if is_scaled:
                z[column] = (x - low) / gap if gap != 0.0 else 0.0
            total += terms[slot, column, WEIGHT] * z[column]
    slope = 2.0 * (total + rows[slot]["intercept"] - X[i, 0])
    slope = max(min(slope, knobs[CLIP]), -knobs[CLIP])
    intercept = rows[slot]["intercept"] - knobs[INTERCEPT_RATE] * slope
    is_sound = math.isfinite(intercept)
    for column in range(terms.shape[1]):
        z[column] = terms[slot, column, WEIGHT] - knobs[RATE] * (z[column] * slope)
        is_sound &= math.isfinite(z[column])
    if is_sound:
        rows[slot]["n"] += 1
        rows[slot]["intercept"] = intercept
        for column in range(terms.shape[1]):
            x = X[i, 1 + column]
            if math.isfinite(x):
                terms[slot, column, WEIGHT] = z[column]
                terms[slot, column, LOW] = min(terms[slot, column, LOW], x)
                terms[slot, column, HIGH] = max(terms[slot, column, HIGH], x)
    return is_sound


@kernel_call
def predict_row(rows: StateArray, terms: FloatColumn, is_scaled: bool, X: FloatColumn) -> float:
    """The prediction of slot 0 for the regressors of the only row of `X`."""
    return predict(rows, terms, 0, is_scaled, X, 0)


@kernel_call
def learn_row(rows: StateArray, terms: FloatColumn, knobs: FloatColumn, is_scaled: bool, X: FloatColumn, z: FloatColumn) -> None:
    """Learn the only row of `X` in slot 0, unless its value is missing."""
    if math.isfinite(X[0, 0]):
        learn(rows, terms, 0, knobs, is_scaled, X, 0, z)


@kernel_bare
def forecast_learn_many(
    rows: StateArray,
    terms: FloatColumn,
    knobs: FloatColumn,
    is_scaled: bool,
    z: FloatColumn,
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
    z : (F,), overwritten
    X : (B, 1 + F) float64
    expected, ready : (B,), overwritten
    """
    for i in range(slots.size):
        if i + AHEAD < slots.size:
            later = slots[i + AHEAD]
            prefetch(rows, (later,))
            for column in range(0, terms.shape[1], 2):
                prefetch(terms, (later, column, WEIGHT))
            prefetch(terms, (later, terms.shape[1] - 1, HIGH))
        slot = slots[i]
        predicted = predict(rows, terms, slot, is_scaled, X, i)
        is_valued = math.isfinite(X[i, 0])
        is_known = is_valued and math.isfinite(predicted)
        expected[i] = predicted if is_known else math.nan
        ready[i] = is_known and rows[slot]["n"] > 0
        if is_valued:
            learn(rows, terms, slot, knobs, is_scaled, X, i, z)
