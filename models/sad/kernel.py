"""Kernels of the standard absolute deviation."""

from __future__ import annotations

import math

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn
from models.gate_kernel import OPEN, admits
from models.jit import kernel, kernel_bare, kernel_call
from models.moments_kernel import compute_sigma, fill_deviations, learn_moments
from models.prefetch_kernel import prefetch
from models.quantile.kernel import get_quantile, update_quantile
from models.sad.state import ESTIMATE, MEAN, SUM_SQ, N

MAX_FLOAT = 1.7976931348623157e308
AHEAD = 32
"""Samples whose series' state is fetched before their turn."""


@kernel
def get_center(rows: FloatColumn, slot: int) -> float:
    """What is subtracted: the running median when one is kept, else the mean."""
    if rows.shape[1] > ESTIMATE:
        return get_quantile(rows, slot, ESTIMATE, 0, 0.5)
    return float(rows[slot, MEAN])


@kernel_call
def score_value(rows: FloatColumn, grace_period: int, y: float) -> float:
    """Score of one value by slot 0; 0.0 in the grace period and for a value that is not finite."""
    if rows[0, N] < grace_period or not math.isfinite(y):
        return 0.0
    return min(abs((y - get_center(rows, 0)) / (compute_sigma(rows, 0) + 1e-10)), MAX_FLOAT)


@kernel_call
def learn_value(rows: FloatColumn, y: float) -> bool:
    """Learn one value in slot 0; one that is not finite is left out."""
    if not math.isfinite(y) or not learn_moments(rows, 0, y):
        return False
    if rows.shape[1] > ESTIMATE:
        update_quantile(rows, 0, ESTIMATE, 0.5, y)
    return True


@kernel_bare
def learn_many(
    rows: FloatColumn,
    grace_period: int,
    slots: IntColumn,
    values: FloatColumn,
    counts: FloatColumn,
    centers: FloatColumn,
    sums: FloatColumn,
    ready: BoolColumn,
) -> None:
    """Learn a batch, and write down what was known before each sample: its moments, and whether it can be scored."""
    has_median = rows.shape[1] > ESTIMATE
    least = max(grace_period, 1)
    for i in range(slots.size):
        if i + AHEAD < slots.size:
            for column in range(0, rows.shape[1], 8):
                prefetch(rows, (slots[i + AHEAD], column))
            prefetch(rows, (slots[i + AHEAD], rows.shape[1] - 1))
        slot = slots[i]
        y = values[i]
        is_finite = math.isfinite(y)
        counts[i] = rows[slot, N]
        centers[i] = get_center(rows, slot) if has_median else rows[slot, MEAN]
        sums[i] = rows[slot, SUM_SQ]
        ready[i] = is_finite and rows[slot, N] >= least
        if is_finite:
            is_learned = learn_moments(rows, slot, y)
            if is_learned and has_median:
                update_quantile(rows, slot, ESTIMATE, 0.5, y)


@kernel
def score_learn_many(
    rows: FloatColumn,
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
    if gate[0] == OPEN:
        learn_many(rows, grace_period, slots, values, scores, expected, scale, ready)
        fill_deviations(scores, scale, 0, slots.size, np.empty(slots.size, np.bool_))
        for i in range(slots.size):
            found = abs((values[i] - expected[i]) / (scale[i] + 1e-10))
            found = found if found < MAX_FLOAT else MAX_FLOAT
            scores[i] = found if ready[i] else 0.0
            expected[i] = expected[i] if ready[i] else math.nan
            scale[i] = scale[i] if ready[i] else math.nan
        return
    has_median = rows.shape[1] > ESTIMATE
    least = max(grace_period, 1)
    for i in range(slots.size):
        slot = slots[i]
        y = values[i]
        is_finite = math.isfinite(y)
        is_ready = is_finite and rows[slot, N] >= least
        found = 0.0
        if is_ready:
            center = get_center(rows, slot) if has_median else rows[slot, MEAN]
            sigma = compute_sigma(rows, slot)
            found = min(abs((y - center) / (sigma + 1e-10)), MAX_FLOAT)
            expected[i] = center
            scale[i] = sigma
        else:
            expected[i] = math.nan
            scale[i] = math.nan
        scores[i] = found
        ready[i] = is_ready
        if is_finite and admits(gate, gate_rows, slot, found):
            is_learned = learn_moments(rows, slot, y)
            if is_learned and has_median:
                update_quantile(rows, slot, ESTIMATE, 0.5, y)
