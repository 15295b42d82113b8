"""Kernels of the quantile estimators.

References
----------
Jain, R. and Chlamtac, I. (1985). The P² algorithm for dynamic calculation of quantiles and histograms without storing
observations. Communications of the ACM 28(10), section 3.
"""

from __future__ import annotations

import math

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn
from models.jit import kernel

POSITION, DESIRED, COUNT = 5, 10, 15
MAX_FLOAT = 1.7976931348623157e308


@kernel
def sort_heights(row: FloatColumn, n: int) -> None:
    """Sort the first `n` heights."""
    for i in range(1, n):
        x = row[i]
        j = i - 1
        while j >= 0 and row[j] > x:
            row[j + 1] = row[j]
            j -= 1
        row[j + 1] = x


@kernel
def update_quantile(rows: FloatColumn, slot: int, q: float, x: float) -> None:
    """Take `x` into the estimate of the quantile `q` kept in ``rows[slot]``."""
    row = rows[slot]
    n = row[COUNT]
    row[COUNT] = n + 1.0
    if n < 5.0:
        row[int(n)] = x
        return
    if n == 5.0:
        sort_heights(row, 5)
    cell = 4
    if x < row[0]:
        row[0] = x
        cell = 1
    elif x >= row[4]:
        if row[4] < x:
            row[4] = x
    else:
        for i in range(1, 5):
            if row[i - 1] <= x and x < row[i]:
                cell = i
                break
    for i in range(cell, 5):
        row[POSITION + i] += 1.0
    row[DESIRED + 1] += q / 2.0
    row[DESIRED + 2] += q
    row[DESIRED + 3] += (1.0 + q) / 2.0
    row[DESIRED + 4] += 1.0
    for i in range(1, 4):
        adjust_marker(row, i)


@kernel
def adjust_marker(row: FloatColumn, i: int) -> None:
    """Move marker `i` one step towards its desired position, parabolically where that keeps the heights in order."""
    at = row[POSITION + i]
    above = row[POSITION + i + 1]
    below = row[POSITION + i - 1]
    lag = row[DESIRED + i] - at
    if not ((lag >= 1.0 and above - at > 1.0) or (lag <= -1.0 and below - at < -1.0)):
        return
    step = math.copysign(1.0, lag)
    height = row[i]
    left = (at - below + step) * (row[i + 1] - height) / (above - at)
    right = (above - at - step) * (height - row[i - 1]) / (at - below)
    moved = height + step / (above - below) * (left + right)
    if row[i - 1] < moved and moved < row[i + 1]:
        row[i] = moved
    else:
        j = i + int(step)
        row[i] = height + step * (row[j] - height) / (row[POSITION + j] - at)
    row[POSITION + i] = at + step


@kernel
def get_quantile(rows: FloatColumn, slot: int, q: float) -> float:
    """The estimate; 0.0 before the first sample."""
    n = int(rows[slot, COUNT])
    if n > 5:
        return float(rows[slot, 2])
    if n == 0:
        return 0.0
    few = rows[slot].copy()
    sort_heights(few, n)
    return float(few[int(min(n - 1.0, n * q))])


@kernel
def find_left(window: FloatColumn, n: int, x: float) -> int:
    """First place in the sorted ``window[:n]`` that holds no less than `x`."""
    low = 0
    high = n
    while low < high:
        middle = (low + high) // 2
        if window[middle] < x:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def push_sorted(recent: FloatColumn, ordered: FloatColumn, counts: IntColumn, slot: int, x: float) -> None:
    """Add `x` to the window of `slot`, dropping its oldest sample when full.

    Parameters
    ----------
    recent, ordered : (S, W) float64, mutated
        The window in order of arrival (a ring) and in order of value.
    counts : (S, 2) int64, mutated
        Samples held, and where the next one goes in the ring.
    """
    window_size = recent.shape[1]
    n = counts[slot, 0]
    head = counts[slot, 1]
    sorted_window = ordered[slot]
    if n == window_size:
        gone = find_left(sorted_window, n, recent[slot, head])
        for i in range(gone, n - 1):
            sorted_window[i] = sorted_window[i + 1]
        n -= 1
    recent[slot, head] = x
    counts[slot, 1] = 0 if head + 1 == window_size else head + 1
    place = find_left(sorted_window, n, x)
    for i in range(n, place, -1):
        sorted_window[i] = sorted_window[i - 1]
    sorted_window[place] = x
    counts[slot, 0] = n + 1


@kernel
def get_sorted_quantile(ordered: FloatColumn, counts: IntColumn, slot: int, q: float) -> float:
    """Quantile `q` of the window, interpolated as river does; 0.0 when empty."""
    n = counts[slot, 0]
    if n == 0:
        return 0.0
    index = q * (n - 1.0)
    lower = int(np.floor(index))
    higher = lower + 1
    if higher > n - 1:
        # A full window steps back where a filling one stays: river's two branches.
        higher = max(lower - 1, 0) if n == ordered.shape[1] else n - 1
    return float(ordered[slot, lower] + (ordered[slot, higher] - ordered[slot, lower]) * (index - lower))


@kernel
def score_learn_many(
    lower: FloatColumn,
    middle: FloatColumn,
    upper: FloatColumn,
    recent: FloatColumn,
    ordered: FloatColumn,
    counts: IntColumn,
    q: float,
    grace_period: int,
    is_scoring: bool,
    is_learning: bool,
    slots: IntColumn,
    values: FloatColumn,
    scores: FloatColumn,
    expected: FloatColumn,
    scale: FloatColumn,
    ready: BoolColumn,
) -> None:
    """Prequential pass of the quantile scorer over a batch; see `models.base.Estimator.score_learn_many`.

    Parameters
    ----------
    lower, middle, upper : (S, 16) float64, mutated
        P² estimates of the quantiles ``1 - q``, 0.5 and ``q``; (0, 16) when a window is kept.
    recent, ordered : (S, W) float64, mutated
        Window in order of arrival and of value; (S, 0) when there is none.
    counts : (S, 2) int64, mutated
        Samples held (or seen, without a window), and where the next one goes.
    q : float
        Level of the upper quantile, above 0.5.
    """
    has_window = recent.shape[1] > 0
    for i in range(slots.size):
        slot = slots[i]
        y = values[i]
        scores[i], expected[i], scale[i] = 0.0, math.nan, math.nan
        ready[i] = math.isfinite(y) and counts[slot, 0] >= max(grace_period, 1)
        if is_scoring and ready[i]:
            if has_window:
                low = get_sorted_quantile(ordered, counts, slot, 1.0 - q)
                center = get_sorted_quantile(ordered, counts, slot, 0.5)
                high = get_sorted_quantile(ordered, counts, slot, q)
            else:
                low = get_quantile(lower, slot, 1.0 - q)
                center = get_quantile(middle, slot, 0.5)
                high = get_quantile(upper, slot, q)
            expected[i] = center
            scale[i] = (high - low) / 2.0
            scores[i] = min(abs(y - center) / (scale[i] + 1e-10), MAX_FLOAT)
        # Interpolating between values further out could overflow.
        if is_learning and abs(y) < 1e150:
            if has_window:
                push_sorted(recent, ordered, counts, slot, y)
            else:
                counts[slot, 0] += 1
                update_quantile(lower, slot, 1.0 - q, y)
                update_quantile(middle, slot, 0.5, y)
                update_quantile(upper, slot, q, y)
