"""Kernels of Holt-Winters.

References
----------
Winters, P. R. (1960). Forecasting sales by exponentially weighted moving averages. Management Science 6(3).
"""

from __future__ import annotations

import math

from models.base import BoolColumn, FloatColumn, IntColumn
from models.jit import kernel_bare, kernel_call
from models.prefetch_kernel import prefetch
from models.state_array import StateArray

ALPHA, BETA, GAMMA = 0, 1, 2
FARTHEST = 1e150
"""Values from here on are not learned: level and trend of such would overflow for good."""
AHEAD = 32
"""Samples whose series' state is fetched before their turn."""


@kernel_bare
def forecast(rows: StateArray, seasons: FloatColumn, slot: int, seasonality: int, is_product: bool, step: int) -> float:
    """Value expected `step` samples ahead (1 = the next one)."""
    row = rows[slot]
    base = row["level"] + step * row["trend"]
    if seasonality == 0:
        return float(base)
    at = row["head"]
    if step > 1:
        at = (at + (step - 1) % seasonality) % seasonality
    term = seasons[slot, at]
    return float(base * term if is_product else base + term)


@kernel_call
def forecast_next(rows: StateArray, seasons: FloatColumn, seasonality: int, is_product: bool) -> float:
    """Value expected next in slot 0; NaN before the series has started."""
    if rows[0]["n_first"] < seasons.shape[1]:
        return math.nan
    return forecast(rows, seasons, 0, seasonality, is_product, 1)


@kernel_bare
def learn(
    rows: StateArray, seasons: FloatColumn, slot: int, knobs: FloatColumn, seasonality: int, is_product: bool, y: float
) -> bool:
    """Smooth `y` into level, trend and season; False = refused, too far out."""
    if not abs(y) < FARTHEST:
        return False
    row = rows[slot]
    alpha, beta, gamma = knobs[ALPHA], knobs[BETA], knobs[GAMMA]
    term = 1.0 if is_product else 0.0
    if seasonality:
        term = seasons[slot, row["head"]]
    level = alpha * (y / term if is_product else y - term) + (1.0 - alpha) * (row["level"] + row["trend"])
    trend = beta * (level - row["level"]) + (1.0 - beta) * row["trend"] if beta > 0.0 else 0.0
    if seasonality:
        if is_product:
            term = gamma * y / (row["level"] + row["trend"]) + (1.0 - gamma) * term
        else:
            term = gamma * (y - row["level"] - row["trend"]) + (1.0 - gamma) * term
    if not (math.isfinite(level) and math.isfinite(trend) and math.isfinite(term)):
        return False
    row["level"] = level
    row["trend"] = trend
    if seasonality:
        seasons[slot, row["head"]] = term
        row["head"] = 0 if row["head"] + 1 == seasonality else row["head"] + 1
    return True


@kernel_call
def learn_value(rows: StateArray, seasons: FloatColumn, knobs: FloatColumn, seasonality: int, is_product: bool, y: float) -> bool:
    """Learn one value in slot 0; True when it completes the start of the series."""
    if not abs(y) < FARTHEST:
        return False
    n = rows[0]["n_first"]
    if n < seasons.shape[1]:
        seasons[0, n] = y
        rows[0]["n_first"] = n + 1
        return bool(n + 1 == seasons.shape[1])
    learn(rows, seasons, 0, knobs, seasonality, is_product, y)
    return False


@kernel_bare
def forecast_learn_many(
    rows: StateArray,
    seasons: FloatColumn,
    knobs: FloatColumn,
    seasonality: int,
    is_product: bool,
    start: int,
    slots: IntColumn,
    values: FloatColumn,
    expected: FloatColumn,
    ready: BoolColumn,
) -> int:
    """Forecast and learn ``start .. B-1``; return B, or minus one minus the sample that completes the start of its series.

    Parameters
    ----------
    rows : (S,) structured, mutated
    seasons : (S, max(2, seasonality)) float64, mutated
        First values until there are enough, then the seasonal terms as a ring.
    knobs : (3,) float64
        alpha, beta (0.0 = no trend), gamma.
    expected, ready : (B,), overwritten
    """
    n_first = seasons.shape[1]
    for i in range(start, slots.size):
        if i + 2 * AHEAD < slots.size:
            prefetch(rows, (slots[i + 2 * AHEAD],))
            prefetch(seasons, (slots[i + AHEAD], rows[slots[i + AHEAD]]["head"]))
        slot = slots[i]
        y = values[i]
        expected[i] = math.nan
        ready[i] = False
        if not math.isfinite(y):
            continue
        n = rows[slot]["n_first"]
        if n < n_first:
            if not abs(y) < FARTHEST:
                continue
            seasons[slot, n] = y
            rows[slot]["n_first"] = n + 1
            if n + 1 == n_first:
                return -1 - i
            continue
        predicted = forecast(rows, seasons, slot, seasonality, is_product, 1)
        if math.isfinite(predicted):
            expected[i] = predicted
            ready[i] = True
        learn(rows, seasons, slot, knobs, seasonality, is_product, y)
    return slots.size
