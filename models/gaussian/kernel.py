"""Kernels of the Gaussian scorer."""

from __future__ import annotations

import math

from models.base import BoolColumn, FloatColumn, IntColumn
from models.gate_kernel import admits
from models.jit import kernel
from models.moments_kernel import add_sample, are_finite, compute_variance, drop_sample
from models.state_array import StateArray

SQRT_2 = math.sqrt(2.0)


@kernel
def compute_sigma(rows: StateArray, slot: int, half: float) -> float:
    """Standard deviation of what `slot` holds; 0.0 when fewer than two samples.

    The exponent arrives as an argument: a constant one is compiled to a square root, whose last bit differs from Python's
    ``** 0.5``.
    """
    return float(compute_variance(rows[slot].n, rows[slot].sum_sq) ** half)


@kernel
def score(rows: StateArray, slot: int, sigma: float, y: float) -> float:
    """Twice the distance of the CDF at `y` from one half; 1.0 when the spread is zero, as in river."""
    if sigma == 0.0:
        return 1.0
    cdf = 0.5 * (1.0 + math.erf((y - rows[slot].mean) / sigma / SQRT_2))
    return 2.0 * abs(cdf - 0.5)


@kernel
def learn(rows: StateArray, window: FloatColumn, slot: int, y: float) -> bool:
    """Add `y`, dropping the oldest sample of a full window; False = refused, because a moment would overflow."""
    row = rows[slot]
    n, mean, sum_sq = row.n, row.mean, row.sum_sq
    window_size = window.shape[1]
    if window_size and n == window_size:
        n, mean, sum_sq = drop_sample(n, mean, sum_sq, window[slot, row.head])
    n, mean, sum_sq = add_sample(n, mean, sum_sq, y)
    if not are_finite(mean, sum_sq):
        return False
    row.n = n
    row.mean = mean
    row.sum_sq = sum_sq
    if window_size:
        window[slot, row.head] = y
        row.head = 0 if row.head + 1 == window_size else row.head + 1
    return True


@kernel
def score_value(rows: StateArray, slot: int, grace_period: int, half: float, y: float) -> float:
    """Score of one value; 0.0 during the grace period and for a value that is not finite."""
    if rows[slot].n < grace_period or not math.isfinite(y):
        return 0.0
    return score(rows, slot, compute_sigma(rows, slot, half), y)


@kernel
def learn_value(rows: StateArray, window: FloatColumn, slot: int, y: float) -> bool:
    """Learn one value; one that is not finite is left out."""
    return math.isfinite(y) and learn(rows, window, slot, y)


@kernel
def score_learn_many(
    rows: StateArray,
    window: FloatColumn,
    grace_period: int,
    half: float,
    gate: FloatColumn,
    gate_rows: FloatColumn,
    slots: IntColumn,
    values: FloatColumn,
    scores: FloatColumn,
    expected: FloatColumn,
    scale: FloatColumn,
    ready: BoolColumn,
) -> None:
    """Prequential pass over a batch; see `models.base.Estimator.score_learn_many` for shapes.  `rows`, `window` are mutated."""
    for i in range(slots.size):
        slot = slots[i]
        y = values[i]
        is_finite = math.isfinite(y)
        if is_finite and rows[slot].n >= grace_period:
            sigma = compute_sigma(rows, slot, half)
            scores[i] = score(rows, slot, sigma, y)
            expected[i] = rows[slot].mean
            scale[i] = sigma
            ready[i] = True
        else:
            scores[i] = 0.0
            expected[i] = math.nan
            scale[i] = math.nan
            ready[i] = False
        if is_finite and admits(gate, gate_rows, slot, scores[i]):
            learn(rows, window, slot, y)
