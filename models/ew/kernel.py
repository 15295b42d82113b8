"""Kernels of the exponentially weighted scorer.

References
----------
Finch, T. (2009). Incremental calculation of weighted mean and variance. University of Cambridge, section 9.
"""

from __future__ import annotations

import math

from models.base import BoolColumn, FloatColumn, IntColumn
from models.gate_kernel import OPEN, admits
from models.jit import kernel_bare, kernel_call
from models.prefetch_kernel import prefetch
from models.state_array import StateArray

AHEAD = 32
"""Samples whose series' state is fetched before their turn."""

MAX_FLOAT = 1.7976931348623157e308


@kernel_bare
def fade(n: int, mean: float, x: float, fading_factor: float) -> float:
    """Weighted mean of `n` values after `x`, which starts it."""
    return fading_factor * x + (1.0 - fading_factor) * mean if n > 0 else x


@kernel_bare
def get_variance(rows: StateArray, slot: int) -> float:
    """Mean of the squares less the square of the mean; rounding can take it below zero."""
    return float(rows[slot]["sq_mean"] - rows[slot]["mean"] * rows[slot]["mean"])


@kernel_call
def score_value(rows: StateArray, slot: int, grace_period: int, y: float) -> float:
    """Distance of `y` from the mean in standard deviations; 0.0 in the grace period and for a value that is not finite."""
    if rows[slot]["n"] < max(grace_period, 1) or not math.isfinite(y):
        return 0.0
    return float(min(abs(y - rows[slot]["mean"]) / (math.sqrt(max(get_variance(rows, slot), 0.0)) + 1e-10), MAX_FLOAT))


@kernel_call
def learn_value(rows: StateArray, slot: int, fading_factor: float, y: float) -> bool:
    """Learn one value; False = refused, because it is not finite or its square overflows."""
    if not math.isfinite(y * y):
        return False
    n = rows[slot]["n"]
    rows[slot]["n"] = n + 1
    rows[slot]["mean"] = fade(n, rows[slot]["mean"], y, fading_factor)
    rows[slot]["sq_mean"] = fade(n, rows[slot]["sq_mean"], y * y, fading_factor)
    return True


@kernel_bare
def score_learn_many(
    rows: StateArray,
    fading_factor: float,
    grace_period: int,
    gate: FloatColumn,
    gate_rows: FloatColumn,
    slots: IntColumn,
    values: FloatColumn,
    scores: FloatColumn,
    expected: FloatColumn,
    scale: FloatColumn,
    ready: BoolColumn,
) -> None:
    """Prequential pass over a batch; see `models.base.Estimator.score_learn_many`.  `rows` is mutated."""
    for i in range(slots.size):
        if i + AHEAD < slots.size:
            prefetch(rows, (slots[i + AHEAD],))
            prefetch(rows, (slots[i + AHEAD] + 1,))
        slot = slots[i]
        y = values[i]
        is_finite = math.isfinite(y)
        ready[i] = is_finite and rows[slot]["n"] >= max(grace_period, 1)
        scores[i] = score_value(rows, slot, grace_period, y)
        expected[i] = rows[slot]["mean"] if ready[i] else math.nan
        scale[i] = math.sqrt(max(get_variance(rows, slot), 0.0)) if ready[i] else math.nan
        if is_finite and (gate[0] == OPEN or admits(gate, gate_rows, slot, scores[i])):
            learn_value(rows, slot, fading_factor, y)
