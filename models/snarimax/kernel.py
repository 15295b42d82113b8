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
from models.jit import kernel, kernel_bare
from models.power_kernel import take_roots
from models.prefetch_kernel import prefetch
from models.state_array import Row, StateArray

P, Q, M, SP, SQ = 0, 1, 2, 3, 4
WEIGHT, COUNT, MEAN, VARIANCE = 0, 1, 2, 3
RATE, INTERCEPT_RATE, CLIP = 0, 1, 2
AHEAD = 8
"""Samples whose series' state is fetched before their turn."""
FARTHEST = 1e150
"""Values from here on are not learned: their squares leave a series nothing it could go on from."""
LINE = 8
"""Floats of a cache line."""
# Rows of the room a step down needs: the terms as they will be, and the scaled features.
NEW_COUNT, NEW_MEAN, NEW_VARIANCE, SCALED, ROOM_WIDTH = 0, 1, 2, 3, 4
# Kernels take whole arrays and a slot: a view handed to a function costs two atomic counts of its references.


@kernel_bare
def push(rings: FloatColumn, slot: int, head: int, x: float) -> int:
    """Write `x` over the oldest entry of the ring ``rings[slot]``; return where the next one goes."""
    rings[slot, head] = x
    return 0 if head + 1 == rings.shape[1] else head + 1


@kernel_bare
def get_lag(rings: FloatColumn, slot: int, head: int, lag: int) -> float:
    """Entry of the ring ``rings[slot]`` that is `lag` older than the newest."""
    at = head - 1 - lag
    return float(rings[slot, at if at >= 0 else at + rings.shape[1]])


@kernel_bare
def collect_lags(
    row: Row, lags: FloatColumn, errors: FloatColumn, slot: int, orders: IntColumn, x: FloatColumn, columns: IntColumn
) -> int:
    """Write the lagged values and errors at hand into `x`, and the feature each of them is into `columns`; return how many."""
    n = 0
    feature = 0
    for lag in range(orders[P]):
        if lag < row["n_lags"]:
            x[n] = get_lag(lags, slot, row["lag_head"], lag)
            columns[n] = feature + lag
            n += 1
    feature += orders[P]
    for season in range(orders[SP]):
        lag = orders[M] * (season + 1) - 1
        if lag < row["n_lags"]:
            x[n] = get_lag(lags, slot, row["lag_head"], lag)
            columns[n] = feature + season
            n += 1
    feature += orders[SP]
    for lag in range(orders[Q]):
        if lag < row["n_errors"]:
            x[n] = get_lag(errors, slot, row["error_head"], lag)
            columns[n] = feature + lag
            n += 1
    feature += orders[Q]
    for season in range(orders[SQ]):
        lag = orders[M] * (season + 1) - 1
        if lag < row["n_errors"]:
            x[n] = get_lag(errors, slot, row["error_head"], lag)
            columns[n] = feature + season
            n += 1
    return n


@kernel_bare
def predict(
    row: Row,
    terms: FloatColumn,
    slot: int,
    n: int,
    x: FloatColumn,
    columns: IntColumn,
    roots: FloatColumn,
    unsure: BoolColumn,
) -> float:
    """Regression on the first `n` features of `x`, each scaled by what has been seen of it; `roots`, `unsure`: room."""
    for j in range(n):
        roots[j] = terms[slot, columns[j], VARIANCE]
    take_roots(roots, 0, n, unsure)
    total = 0.0
    for j in range(n):
        z = (x[j] - terms[slot, columns[j], MEAN]) / roots[j] if roots[j] != 0.0 else 0.0
        total += terms[slot, columns[j], WEIGHT] * z
    return float(total + row["intercept"])


@kernel_bare
def undo_differences(
    row: Row, values: FloatColumn, slot: int, shifts: IntColumn, factors: FloatColumn, difference: float
) -> float:
    """Value whose difference is `difference`, as far back as there are values."""
    total = difference
    for j in range(shifts.size):
        if shifts[j] > 0:
            if shifts[j] > row["n_values"]:
                break
            total -= factors[j] * get_lag(values, slot, row["value_head"], shifts[j] - 1)
    return total


@kernel_bare
def take_difference(row: Row, values: FloatColumn, slot: int, shifts: IntColumn, factors: FloatColumn, y: float) -> float:
    """Difference of `y` from the values before it."""
    total = 0.0
    for j in range(shifts.size):
        if shifts[j] > 0:
            total += factors[j] * get_lag(values, slot, row["value_head"], shifts[j] - 1)
        else:
            total += y
    return total


@kernel_bare
def step_down(
    row: Row,
    terms: FloatColumn,
    slot: int,
    knobs: FloatColumn,
    n: int,
    x: FloatColumn,
    columns: IntColumn,
    y: float,
    room: FloatColumn,
    roots: FloatColumn,
    unsure: BoolColumn,
) -> bool:
    """Learn `y`: update the scaler, then one step of gradient descent; False = nothing changed, something would overflow.

    Parameters
    ----------
    room : (4, C), roots, unsure : (C,), overwritten
    """
    for j in range(n):
        count = terms[slot, columns[j], COUNT] + 1.0
        mean = terms[slot, columns[j], MEAN]
        variance = terms[slot, columns[j], VARIANCE]
        moved = mean + (x[j] - mean) / count
        roots[j] = variance + ((x[j] - mean) * (x[j] - moved) - variance) / count
        room[NEW_COUNT, j] = count
        room[NEW_MEAN, j] = moved
        room[NEW_VARIANCE, j] = roots[j]
    take_roots(roots, 0, n, unsure)
    total = 0.0
    for j in range(n):
        z = (x[j] - room[NEW_MEAN, j]) / roots[j] if roots[j] != 0.0 else 0.0
        total += terms[slot, columns[j], WEIGHT] * z
        room[SCALED, j] = z
    slope = 2.0 * (total + row["intercept"] - y)
    slope = max(min(slope, knobs[CLIP]), -knobs[CLIP])
    intercept = row["intercept"] - knobs[INTERCEPT_RATE] * slope
    is_sound = math.isfinite(intercept)
    for j in range(n):
        room[SCALED, j] = terms[slot, columns[j], WEIGHT] - knobs[RATE] * (room[SCALED, j] * slope)
        is_sound &= math.isfinite(room[SCALED, j]) and math.isfinite(room[NEW_MEAN, j]) and math.isfinite(room[NEW_VARIANCE, j])
    if is_sound:
        row["intercept"] = intercept
        for j in range(n):
            terms[slot, columns[j], WEIGHT] = room[SCALED, j]
            terms[slot, columns[j], COUNT] = room[NEW_COUNT, j]
            terms[slot, columns[j], MEAN] = room[NEW_MEAN, j]
            terms[slot, columns[j], VARIANCE] = room[NEW_VARIANCE, j]
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
    knobs : (3,) float64
        Learning rate, that of the intercept, and the greatest absolute gradient.
    expected, ready : (B,), overwritten
    """
    n_columns = terms.shape[1]
    x = np.empty(n_columns)
    columns = np.empty(n_columns, dtype=np.int64)
    room = np.empty((ROOM_WIDTH, n_columns))
    roots = np.empty(n_columns)
    unsure = np.empty(n_columns, dtype=np.bool_)
    n_needed = values.shape[1]
    for i in range(slots.size):
        if i + AHEAD < slots.size:
            later = slots[i + AHEAD]
            prefetch(rows, (later,))
            for column in range(0, values.shape[1], LINE):
                prefetch(values, (later, column))
            for column in range(0, lags.shape[1], LINE):
                prefetch(lags, (later, column))
            for column in range(0, errors.shape[1], LINE):
                prefetch(errors, (later, column))
            for column in range(0, n_columns, 2):
                prefetch(terms, (later, column, 0))
        slot = slots[i]
        y = X[i]
        row = rows[slot]
        expected[i] = math.nan
        ready[i] = False
        if not math.isfinite(y):
            continue
        n = collect_lags(row, lags, errors, slot, orders, x, columns)
        predicted = predict(row, terms, slot, n, x, columns, roots, unsure)
        total = undo_differences(row, values, slot, shifts, factors, predicted)
        if math.isfinite(total):
            expected[i] = total
            ready[i] = row["n_learned"] > 0
        if not abs(y) < FARTHEST:
            continue
        if row["n_values"] >= n_needed:
            difference = take_difference(row, values, slot, shifts, factors, y)
            error = difference - predicted
            if not math.isfinite(error) or not step_down(row, terms, slot, knobs, n, x, columns, difference, room, roots, unsure):
                continue
            row["n_learned"] += 1
            if lags.shape[1]:
                row["lag_head"] = push(lags, slot, row["lag_head"], difference)
                row["n_lags"] = min(row["n_lags"] + 1, lags.shape[1])
            if errors.shape[1]:
                row["error_head"] = push(errors, slot, row["error_head"], error)
                row["n_errors"] = min(row["n_errors"] + 1, errors.shape[1])
        if n_needed:
            row["value_head"] = push(values, slot, row["value_head"], y)
            row["n_values"] = min(row["n_values"] + 1, n_needed)


@kernel
def forecast_path(
    rows: StateArray,
    values: FloatColumn,
    lags: FloatColumn,
    errors: FloatColumn,
    terms: FloatColumn,
    orders: IntColumn,
    shifts: IntColumn,
    factors: FloatColumn,
    path: FloatColumn,
) -> None:
    """Write forecasts into `path`, each standing for the value of its time, met without error, to those after it.

    Parameters
    ----------
    rows : (1,) structured, mutated
    values, lags, errors : (1, H), (1, D), (1, E), mutated
        Copies of one series' state.
    terms : (1, C, 4)
    path : (horizon,), overwritten
    """
    n_columns = terms.shape[1]
    x = np.empty(n_columns)
    columns = np.empty(n_columns, dtype=np.int64)
    roots = np.empty(n_columns)
    unsure = np.empty(n_columns, dtype=np.bool_)
    row: Any = rows[0]
    for step in range(path.size):
        n = collect_lags(row, lags, errors, 0, orders, x, columns)
        difference = predict(row, terms, 0, n, x, columns, roots, unsure)
        path[step] = undo_differences(row, values, 0, shifts, factors, difference)
        if lags.shape[1]:
            row["lag_head"] = push(lags, 0, row["lag_head"], difference)
            row["n_lags"] = min(row["n_lags"] + 1, lags.shape[1])
        if errors.shape[1]:
            row["error_head"] = push(errors, 0, row["error_head"], 0.0)
            row["n_errors"] = min(row["n_errors"] + 1, errors.shape[1])
        if values.shape[1]:
            row["value_head"] = push(values, 0, row["value_head"], path[step])
            row["n_values"] = min(row["n_values"] + 1, values.shape[1])
