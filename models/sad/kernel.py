"""Kernels of the standard absolute deviation."""

from __future__ import annotations

import math

from models.base import BoolColumn, FloatColumn, IntColumn
from models.gate_kernel import admits
from models.jit import kernel
from models.moments_kernel import add_sample, are_finite, compute_variance
from models.quantile.kernel import get_quantile, update_quantile
from models.state_array import StateArray


@kernel
def get_center(rows: StateArray, medians: FloatColumn, slot: int) -> float:
    """What is subtracted: the running median when one is kept, else the mean."""
    return get_quantile(medians, slot, 0.5) if medians.shape[0] else float(rows[slot].mean)


@kernel
def compute_sigma(rows: StateArray, slot: int, half: float) -> float:
    """Standard deviation of `slot`.  The exponent is an argument so that it is not compiled to a square root."""
    return float(compute_variance(rows[slot].n, rows[slot].sum_sq) ** half)


@kernel
def score_value(rows: StateArray, medians: FloatColumn, slot: int, grace_period: int, half: float, y: float) -> float:
    """Deviation of `y` from the centre in standard deviations; 0.0 in the grace period and for a value that is not finite."""
    if rows[slot].n < grace_period or not math.isfinite(y):
        return 0.0
    return min(abs((y - get_center(rows, medians, slot)) / (compute_sigma(rows, slot, half) + 1e-10)), 1.7976931348623157e308)


@kernel
def learn_value(rows: StateArray, medians: FloatColumn, slot: int, y: float) -> bool:
    """Learn one value; False = refused, because it is not finite or a moment would overflow."""
    if not math.isfinite(y):
        return False
    row = rows[slot]
    n, mean, sum_sq = add_sample(row.n, row.mean, row.sum_sq, y)
    if not are_finite(mean, sum_sq):
        return False
    row.n = n
    row.mean = mean
    row.sum_sq = sum_sq
    if medians.shape[0]:
        update_quantile(medians, slot, 0.5, y)
    return True


@kernel
def score_learn_many(
    rows: StateArray,
    medians: FloatColumn,
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
    """Prequential pass over a batch; see `models.base.Estimator.score_learn_many`.  State arrays are mutated."""
    for i in range(slots.size):
        slot = slots[i]
        y = values[i]
        is_finite = math.isfinite(y)
        is_ready = is_finite and rows[slot].n >= max(grace_period, 1)
        ready[i] = is_ready
        scores[i] = score_value(rows, medians, slot, grace_period, half, y) if is_ready else 0.0
        expected[i] = get_center(rows, medians, slot) if is_ready else math.nan
        scale[i] = compute_sigma(rows, slot, half) if is_ready else math.nan
        if is_finite and admits(gate, gate_rows, slot, scores[i]):
            learn_value(rows, medians, slot, y)
