"""Kernel of thresholds: the calibrated tail probability of each score, and the cut."""

from __future__ import annotations

import math

from models.base import BoolColumn, FloatColumn, IntColumn
from models.jit import kernel_bare, kernel_inline
from models.state_array import Row, StateArray

UNKNOWN, NORMAL, ANOMALOUS = 0, 1, 2
RAW, NOMINAL, CALIBRATED = 0, 1, 2
FIXED, TAIL = 0, 1

LEVEL = 0.98
SHAPE = 0.2
PRIOR_EXCEEDANCES = 2.0
MIN_WEIGHT = 0.0005
MIN_EXCESS_WEIGHT = 0.005
EXCESS_CLIP = 10.0
FIRST_EXCESS_CLIP = 100.0
SPREAD_CLIP = 10.0
BURN_IN = 20
# Beyond the cut, if it is a rare one: a tenth of what is above a lenient cut would be missing in the tail.
RARE_WEIGHT = 0.1
RARE_TAIL = 0.001
QUANTILE_GAIN = 6.0
RATE_PRIOR = 50.0
SMALLEST_TAIL = 1e-300
LARGEST_SURPRISE = 300.0


@kernel_inline
def measure_surprise(scale_kind: int, score: float, value: float, expected: float) -> float:
    """What the tail is calibrated on: the score itself, or decades of its nominal tail; least where what came was expected."""
    if scale_kind == RAW:
        return score
    if value == expected:
        return 0.0
    return min(-math.log10(max(1.0 - score, SMALLEST_TAIL)), LARGEST_SURPRISE)


@kernel_inline
def estimate_tail(row: Row, surprise: float) -> float:
    """Probability of a surprise at least this large: share of samples above the level times a heavy tail beyond it."""
    excess = surprise - row.level
    if row.n == 0.0 or not excess > 0.0:
        return 1.0
    mean_excess = row.mean_excess if row.mean_excess > 0.0 else row.spread
    if not mean_excess > 0.0:
        return SMALLEST_TAIL
    # The predictive tail of an exponential whose rate is known from k excesses is Pareto with shape 1 / k.
    shape = SHAPE + 1.0 / (row.n_excess + PRIOR_EXCEEDANCES)
    tail: float = row.rate * (1.0 + shape * excess / (mean_excess * (1.0 - SHAPE))) ** (-1.0 / shape)
    return max(tail, SMALLEST_TAIL)


@kernel_inline
def learn(row: Row, surprise: float, share: float) -> None:
    """Move the state towards one surprise; `share` of the usual step."""
    n, spread_before = row.n, row.spread
    if n == 0.0:
        row.centre = surprise
        row.level = surprise
        row.rate = 1.0 - LEVEL
    weight = share * max(1.0 / (n + 1.0), MIN_WEIGHT)
    deviation = surprise - row.centre
    if n > BURN_IN:
        reach = SPREAD_CLIP * row.spread
        deviation = min(max(deviation, -reach), reach)
        # All equal so far: let the first that differs in, or nothing ever could.
        if reach == 0.0:
            deviation = surprise - row.centre
    row.spread += weight * (abs(deviation) - row.spread)
    row.centre += weight * deviation
    if surprise > row.level:
        row.level += weight * QUANTILE_GAIN * row.spread * LEVEL
    else:
        row.level -= weight * QUANTILE_GAIN * row.spread * (1.0 - LEVEL)
    is_above = surprise > row.level
    row.rate += share * max(1.0 / (n + RATE_PRIOR), MIN_WEIGHT) * ((1.0 if is_above else 0.0) - row.rate)
    if is_above:
        excess = surprise - row.level
        if row.n_excess >= 3.0:
            excess = min(excess, EXCESS_CLIP * row.mean_excess)
        elif n > BURN_IN and spread_before > 0.0:
            # The first few have no mean to be measured by; one that is out of all proportion would make the tail deaf for ages.
            excess = min(excess, max(EXCESS_CLIP * row.mean_excess, FIRST_EXCESS_CLIP * row.spread))
        row.mean_excess += share * max(1.0 / (row.n_excess + 1.0), MIN_EXCESS_WEIGHT) * (excess - row.mean_excess)
        row.n_excess += share
    row.n = n + 1.0


@kernel_bare
def judge_many(
    rows: StateArray,
    scale_kind: int,
    cut_kind: int,
    cut: float,
    min_samples: int,
    slots: IntColumn,
    value: FloatColumn,
    score: FloatColumn,
    expected: FloatColumn,
    ready: BoolColumn,
    tail: FloatColumn,
    judgement: StateArray,
) -> None:
    """Tail probability and judgement of every sample, by the state before it; then the state learns its score.

    Parameters
    ----------
    rows : (S,) TAIL_ROW, mutated
    scale_kind : int
        `RAW`: only the order of scores means something; `NOMINAL`: one minus a nominal tail probability; `CALIBRATED`: one minus a
        tail probability to be taken at its word.
    cut_kind, cut, min_samples
        `FIXED` (score at or above the cut) or `TAIL` (tail probability at or below it, once the series has had `min_samples`).
    slots : (B,) int64, all reserved
    value, score, expected : (B,) float64
    ready : (B,) bool
    tail : (B,) float64, written
        NaN where nothing can be said.
    judgement : (B,) int8, written
    """
    for i in range(slots.size):
        tail[i] = math.nan
        judgement[i] = UNKNOWN
        if not ready[i] or math.isnan(score[i]):
            continue
        row = rows[slots[i]]
        # Infinity minus infinity is nothing to learn from.
        bounded = min(max(score[i], -1e300), 1e300)
        p = 1.0 - bounded if scale_kind == CALIBRATED else 1.0
        surprise = 0.0
        if scale_kind != CALIBRATED:
            surprise = measure_surprise(scale_kind, bounded, value[i], expected[i])
            p = estimate_tail(row, surprise)
            # What is not above the level is no less likely than 1, whatever its nominal tail: most samples cost no power.
            if scale_kind == NOMINAL and not p >= 1.0:
                p = max(p, 10.0**-surprise)
        p = min(max(p, SMALLEST_TAIL), 1.0)
        is_trusted = row.n >= min_samples
        is_rare = is_trusted and cut_kind == TAIL and p <= cut
        if is_trusted:
            tail[i] = p
        if cut_kind == FIXED:
            judgement[i] = ANOMALOUS if score[i] >= cut else NORMAL
        elif is_trusted:
            judgement[i] = ANOMALOUS if is_rare else NORMAL
        if scale_kind == CALIBRATED:
            row.n += 1.0
        else:
            learn(row, surprise, RARE_WEIGHT if is_rare and p <= RARE_TAIL else 1.0)
