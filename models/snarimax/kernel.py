"""Kernels of SNARIMAX.

References
----------
Anava, O., Hazan, E., Mannor, S. and Shamir, O. (2013). Online learning for time series prediction. COLT.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn
from models.jit import kernel
from models.state_array import Row, StateArray

P, Q, M, SP, SQ = 0, 1, 2, 3, 4
WEIGHT, COUNT, MEAN, VARIANCE = 0, 1, 2, 3
RATE, INTERCEPT_RATE, CLIP, HALF = 0, 1, 2, 3


@kernel
def push(ring: FloatColumn, head: int, x: float) -> int:
    """Write `x` over the oldest entry of `ring`; return where the next one goes."""
    ring[head] = x
    return 0 if head + 1 == ring.size else head + 1


@kernel
def get_lag(ring: FloatColumn, head: int, lag: int) -> float:
    """Entry of `ring` that is `lag` older than the newest."""
    at = head - 1 - lag
    return float(ring[at if at >= 0 else at + ring.size])


@kernel
def collect_lags(row: Row, lags: FloatColumn, errors: FloatColumn, orders: IntColumn, x: FloatColumn, columns: IntColumn) -> int:
    """Write the lagged values and errors at hand into `x`, and the feature each of them is into `columns`; return how many."""
    n = 0
    feature = 0
    for lag in range(orders[P]):
        if lag < row["n_lags"]:
            x[n] = get_lag(lags, row["lag_head"], lag)
            columns[n] = feature + lag
            n += 1
    feature += orders[P]
    for season in range(orders[SP]):
        lag = orders[M] * (season + 1) - 1
        if lag < row["n_lags"]:
            x[n] = get_lag(lags, row["lag_head"], lag)
            columns[n] = feature + season
            n += 1
    feature += orders[SP]
    for lag in range(orders[Q]):
        if lag < row["n_errors"]:
            x[n] = get_lag(errors, row["error_head"], lag)
            columns[n] = feature + lag
            n += 1
    feature += orders[Q]
    for season in range(orders[SQ]):
        lag = orders[M] * (season + 1) - 1
        if lag < row["n_errors"]:
            x[n] = get_lag(errors, row["error_head"], lag)
            columns[n] = feature + season
            n += 1
    return n


@kernel
def predict(row: Row, terms: FloatColumn, knobs: FloatColumn, n: int, x: FloatColumn, columns: IntColumn) -> float:
    """Regression on the first `n` features of `x`, each scaled by what has been seen of it."""
    total = 0.0
    for j in range(n):
        term = terms[columns[j]]
        variance = term[VARIANCE]
        z = (x[j] - term[MEAN]) / variance ** knobs[HALF] if variance != 0.0 else 0.0
        total += term[WEIGHT] * z
    return float(total + row["intercept"])


@kernel
def undo_differences(row: Row, values: FloatColumn, shifts: IntColumn, factors: FloatColumn, difference: float) -> float:
    """Value whose difference is `difference`, as far back as there are values."""
    total = difference
    for j in range(shifts.size):
        if shifts[j] > 0:
            if shifts[j] > row["n_values"]:
                break
            total -= factors[j] * get_lag(values, row["value_head"], shifts[j] - 1)
    return total


@kernel
def take_difference(row: Row, values: FloatColumn, shifts: IntColumn, factors: FloatColumn, y: float) -> float:
    """Difference of `y` from the values before it."""
    total = 0.0
    for j in range(shifts.size):
        if shifts[j] > 0:
            total += factors[j] * get_lag(values, row["value_head"], shifts[j] - 1)
        else:
            total += y
    return total


@kernel
def step_down(
    row: Row,
    terms: FloatColumn,
    knobs: FloatColumn,
    n: int,
    x: FloatColumn,
    columns: IntColumn,
    y: float,
    room: FloatColumn,
) -> bool:
    """Learn `y`: update the scaler, then one step of gradient descent; False = nothing changed, something would overflow.

    Parameters
    ----------
    room : (C, 4), overwritten
        The terms as they will be.
    """
    total = 0.0
    for j in range(n):
        term = terms[columns[j]]
        new = room[j]
        new[COUNT] = term[COUNT] + 1.0
        new[MEAN] = term[MEAN] + (x[j] - term[MEAN]) / new[COUNT]
        new[VARIANCE] = term[VARIANCE] + ((x[j] - term[MEAN]) * (x[j] - new[MEAN]) - term[VARIANCE]) / new[COUNT]
        z = (x[j] - new[MEAN]) / new[VARIANCE] ** knobs[HALF] if new[VARIANCE] != 0.0 else 0.0
        total += term[WEIGHT] * z
        new[WEIGHT] = z
    slope = 2.0 * (total + row["intercept"] - y)
    slope = max(min(slope, knobs[CLIP]), -knobs[CLIP])
    intercept = row["intercept"] - knobs[INTERCEPT_RATE] * slope
    is_sound = math.isfinite(intercept)
    for j in range(n):
        new = room[j]
        new[WEIGHT] = terms[columns[j], WEIGHT] - knobs[RATE] * (new[WEIGHT] * slope)
        is_sound &= math.isfinite(new[WEIGHT]) and math.isfinite(new[MEAN]) and math.isfinite(new[VARIANCE])
    if is_sound:
        row["intercept"] = intercept
        for j in range(n):
            terms[columns[j]] = room[j]
    return is_sound


@kernel
def forecast_learn_many(
    rows: StateArray,
    values: FloatColumn,
    lags: FloatColumn,
    errors: FloatColumn,
    terms: FloatColumn,
    orders: IntColumn,
    shifts: IntColumn,
    factors: FloatColumn,
    knobs: FloatColumn,
    slots: IntColumn,
    X: FloatColumn,
    expected: FloatColumn,
    ready: BoolColumn,
) -> None:
    """Forecast and learn a batch.

    Parameters
    ----------
    rows : (S,) structured, mutated
    values, lags, errors : (S, H), (S, D), (S, E) float64, mutated
        Rings of past values, differences and errors.
    terms : (S, C, 4) float64, mutated
        Weight, count, mean and variance of each lag feature.
    orders : (5,) int64
        p, q, m, sp, sq.
    shifts, factors : (K,)
        The differencing polynomial, in river's order.
    knobs : (4,) float64
        Learning rate, that of the intercept, greatest absolute gradient, and the exponent of a square root.
    expected, ready : (B,), overwritten
    """
    n_columns = terms.shape[1]
    x = np.empty(n_columns)
    columns = np.empty(n_columns, dtype=np.int64)
    room = np.empty((n_columns, 4))
    n_needed = values.shape[1]
    for i in range(slots.size):
        slot = slots[i]
        y = X[i]
        row = rows[slot]
        expected[i] = math.nan
        ready[i] = False
        if not math.isfinite(y):
            continue
        n = collect_lags(row, lags[slot], errors[slot], orders, x, columns)
        predicted = predict(row, terms[slot], knobs, n, x, columns)
        total = undo_differences(row, values[slot], shifts, factors, predicted)
        if math.isfinite(total):
            expected[i] = total
            ready[i] = row["n_learned"] > 0
        if row["n_values"] >= n_needed:
            difference = take_difference(row, values[slot], shifts, factors, y)
            error = difference - predicted
            if not math.isfinite(error) or not step_down(row, terms[slot], knobs, n, x, columns, difference, room):
                continue
            row["n_learned"] += 1
            if lags.shape[1]:
                row["lag_head"] = push(lags[slot], row["lag_head"], difference)
                row["n_lags"] = min(row["n_lags"] + 1, lags.shape[1])
            if errors.shape[1]:
                row["error_head"] = push(errors[slot], row["error_head"], error)
                row["n_errors"] = min(row["n_errors"] + 1, errors.shape[1])
        if n_needed:
            row["value_head"] = push(values[slot], row["value_head"], y)
            row["n_values"] = min(row["n_values"] + 1, n_needed)


@kernel
def forecast_path(
    row: StateArray,
    values: FloatColumn,
    lags: FloatColumn,
    errors: FloatColumn,
    terms: FloatColumn,
    orders: IntColumn,
    shifts: IntColumn,
    factors: FloatColumn,
    knobs: FloatColumn,
    path: FloatColumn,
) -> None:
    """Write forecasts into `path`, each standing for the value of its time, met without error, to those after it.

    Parameters
    ----------
    row : (1,) structured, mutated
    values, lags, errors : (H,), (D,), (E,), mutated
        Copies of one series' state.
    terms : (C, 4)
    path : (horizon,), overwritten
    """
    x = np.empty(terms.shape[0])
    columns = np.empty(terms.shape[0], dtype=np.int64)
    here: Any = row[0]
    for step in range(path.size):
        n = collect_lags(here, lags, errors, orders, x, columns)
        difference = predict(here, terms, knobs, n, x, columns)
        path[step] = undo_differences(here, values, shifts, factors, difference)
        if lags.size:
            here["lag_head"] = push(lags, here["lag_head"], difference)
            here["n_lags"] = min(here["n_lags"] + 1, lags.size)
        if errors.size:
            here["error_head"] = push(errors, here["error_head"], 0.0)
            here["n_errors"] = min(here["n_errors"] + 1, errors.size)
        if values.size:
            here["value_head"] = push(values, here["value_head"], path[step])
            here["n_values"] = min(here["n_values"] + 1, values.size)
