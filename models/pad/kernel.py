"""Kernels of predictive anomaly detection.

References
----------
Laptev, N., Amizadeh, S. and Flint, I. (2015). Generic and scalable framework for automated time-series anomaly detection. KDD.
"""

from __future__ import annotations

import math

from models.base import BoolColumn, FloatColumn, IntColumn
from models.jit import kernel_bare, kernel_call
from models.moments_kernel import add_sample, are_finite, compute_variance
from models.power_kernel import square
from models.prefetch_kernel import prefetch
from models.state_array import StateArray

AHEAD = 32
"""Samples whose series' state is fetched before their turn."""


@kernel_bare
def score_error(rows: StateArray, slot: int, n_std: float, squared: float) -> float:
    """Squared error as a share of the threshold: the mean of the squared errors and `n_std` of their deviations; at most 1.0."""
    threshold = rows[slot]["mean"] + n_std * math.sqrt(compute_variance(rows[slot]["n"], rows[slot]["sum_sq"]))
    return 1.0 if squared >= threshold else float(squared / threshold)


@kernel_bare
def remember_error(rows: StateArray, slot: int, squared: float) -> bool:
    """Take a squared error into the threshold; False = refused, because a moment would overflow."""
    n, mean, sum_sq = add_sample(rows[slot]["n"], rows[slot]["mean"], rows[slot]["sum_sq"], squared)
    if not are_finite(mean, sum_sq):
        return False
    rows[slot]["n"] = n
    rows[slot]["mean"] = mean
    rows[slot]["sum_sq"] = sum_sq
    return True


@kernel_call
def score_value(rows: StateArray, n_std: float, warmup_period: int, y: float, predicted: float) -> float:
    """Score of one value by slot 0; 0.0 in the warm-up, without a forecast, and for a value that is not finite."""
    if rows[0]["n_learned"] < warmup_period or not math.isfinite(y) or math.isnan(predicted):
        return 0.0
    return score_error(rows, 0, n_std, square(predicted - y))


@kernel_call
def learn_error(rows: StateArray, warmup_period: int, y: float, predicted: float) -> None:
    """Take the error of one finite value into slot 0."""
    n_learned = rows[0]["n_learned"]
    rows[0]["n_learned"] = n_learned + 1
    if n_learned >= warmup_period and not math.isnan(predicted):
        remember_error(rows, 0, square(predicted - y))


@kernel_bare
def score_learn_many(
    rows: StateArray,
    n_std: float,
    warmup_period: int,
    slots: IntColumn,
    values: FloatColumn,
    forecasts: FloatColumn,
    scores: FloatColumn,
    expected: FloatColumn,
    scale: FloatColumn,
    ready: BoolColumn,
) -> None:
    """Score and learn the errors of a batch whose forecasts are known.

    Parameters
    ----------
    rows : (S,) structured, mutated
    values, forecasts : (B,) float64
        NaN forecast = none.
    scores, expected, scale, ready : (B,), overwritten
    """
    for i in range(slots.size):
        if i + AHEAD < slots.size:
            prefetch(rows, (slots[i + AHEAD],))
        slot = slots[i]
        scores[i] = 0.0
        expected[i] = math.nan
        scale[i] = math.nan
        ready[i] = False
        if not math.isfinite(values[i]):
            continue
        n_learned = rows[slot]["n_learned"]
        rows[slot]["n_learned"] = n_learned + 1
        if math.isnan(forecasts[i]) or n_learned < warmup_period:
            continue
        squared = square(forecasts[i] - values[i])
        if n_learned > 0:
            scores[i] = score_error(rows, slot, n_std, squared)
            expected[i] = forecasts[i]
            scale[i] = math.sqrt(rows[slot]["mean"])
            ready[i] = True
        remember_error(rows, slot, squared)
