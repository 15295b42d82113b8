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
from models.jit import kernel, kernel_bare
from models.prefetch_kernel import prefetch

POSITION, DESIRED, COUNT = 5, 10, 15
AHEAD = 8
"""Samples whose series' state is fetched before their turn."""
MAX_FLOAT = 1.7976931348623157e308


# An estimate stands in 16 columns from `first` on.  Kernels take the whole array: a view, even one in a branch never taken, costs
# two atomic counts of its references for every sample.


@kernel_bare
def sort_heights(rows: FloatColumn, slot: int, first: int) -> None:
    """Sort the five heights."""
    for i in range(first + 1, first + 5):
        x = rows[slot, i]
        j = i - 1
        while j >= first and rows[slot, j] > x:
            rows[slot, j + 1] = rows[slot, j]
            j -= 1
        rows[slot, j + 1] = x


@kernel_bare
def adjust_marker(rows: FloatColumn, slot: int, first: int, i: int) -> None:
    """Move marker `i` one step towards its desired position, parabolically where that keeps the heights in order."""
    position = first + POSITION
    at = rows[slot, position + i]
    above = rows[slot, position + i + 1]
    below = rows[slot, position + i - 1]
    lag = rows[slot, first + DESIRED + i] - at
    if not ((lag >= 1.0 and above - at > 1.0) or (lag <= -1.0 and below - at < -1.0)):
        return
    step = math.copysign(1.0, lag)
    height = rows[slot, first + i]
    lower = rows[slot, first + i - 1]
    higher = rows[slot, first + i + 1]
    left = (at - below + step) * (higher - height) / (above - at)
    right = (above - at - step) * (height - lower) / (at - below)
    moved = height + step / (above - below) * (left + right)
    if lower < moved and moved < higher:
        rows[slot, first + i] = moved
    else:
        j = i + int(step)
        rows[slot, first + i] = height + step * (rows[slot, first + j] - height) / (rows[slot, position + j] - at)
    rows[slot, position + i] = at + step


@kernel_bare
def update_quantile(rows: FloatColumn, slot: int, first: int, q: float, x: float) -> None:
    """Take `x` into the estimate of the quantile `q` kept in ``rows[slot, first:]``."""
    n = rows[slot, first + COUNT]
    rows[slot, first + COUNT] = n + 1.0
    if n < 5.0:
        rows[slot, first + int(n)] = x
        return
    if n == 5.0:
        sort_heights(rows, slot, first)
    cell = 4
    if x < rows[slot, first]:
        rows[slot, first] = x
        cell = 1
    elif x >= rows[slot, first + 4]:
        rows[slot, first + 4] = max(rows[slot, first + 4], x)
    else:
        for i in range(1, 5):
            if rows[slot, first + i - 1] <= x and x < rows[slot, first + i]:
                cell = i
                break
    position = first + POSITION
    for i in range(cell, 5):
        rows[slot, position + i] += 1.0
    desired = first + DESIRED
    rows[slot, desired + 1] += q / 2.0
    rows[slot, desired + 2] += q
    rows[slot, desired + 3] += (1.0 + q) / 2.0
    rows[slot, desired + 4] += 1.0
    for i in range(1, 4):
        adjust_marker(rows, slot, first, i)


@kernel_bare
def get_quantile(rows: FloatColumn, slot: int, first: int, q: float) -> float:
    """The estimate; 0.0 before the first sample."""
    n = int(rows[slot, first + COUNT])
    if n > 5:
        return float(rows[slot, first + 2])
    wanted = int(min(n - 1.0, n * q))
    for i in range(n):
        x = rows[slot, first + i]
        n_less = 0
        n_equal = 0
        for j in range(n):
            n_less += rows[slot, first + j] < x
            n_equal += rows[slot, first + j] == x
        if n_less <= wanted and wanted < n_less + n_equal:
            return float(x)
    return 0.0


@kernel_bare
def find_left(ordered: FloatColumn, slot: int, n: int, x: float) -> int:
    """First place in the sorted ``ordered[slot, :n]`` that holds no less than `x`."""
    low = 0
    high = n
    while low < high:
        middle = (low + high) // 2
        if ordered[slot, middle] < x:
            low = middle + 1
        else:
            high = middle
    return low


@kernel_bare
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
    if n == window_size:
        gone = find_left(ordered, slot, n, recent[slot, head])
        for i in range(gone, n - 1):
            ordered[slot, i] = ordered[slot, i + 1]
        n -= 1
    recent[slot, head] = x
    counts[slot, 1] = 0 if head + 1 == window_size else head + 1
    place = find_left(ordered, slot, n, x)
    for i in range(n, place, -1):
        ordered[slot, i] = ordered[slot, i - 1]
    ordered[slot, place] = x
    counts[slot, 0] = n + 1


@kernel_bare
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
def to_score(y: float, low: float, center: float, high: float) -> float:
    """Distance of `y` from the median in halves of the span."""
    return min(abs(y - center) / ((high - low) / 2.0 + 1e-10), MAX_FLOAT)


@kernel
def score_estimate(
    lower: FloatColumn, middle: FloatColumn, upper: FloatColumn, counts: IntColumn, q: float, grace_period: int, y: float
) -> float:
    """Score of one value in slot 0 by the P² estimates; 0.0 in the grace period and for a value that is not finite."""
    if not math.isfinite(y) or counts[0, 0] < max(grace_period, 1):
        return 0.0
    low, high = get_quantile(lower, 0, 0, 1.0 - q), get_quantile(upper, 0, 0, q)
    return to_score(y, low, get_quantile(middle, 0, 0, 0.5), high)


@kernel
def learn_estimate(lower: FloatColumn, middle: FloatColumn, upper: FloatColumn, counts: IntColumn, q: float, y: float) -> bool:
    """Learn one value in slot 0; one that is not finite, or so great that interpolating could overflow, is left out."""
    if not abs(y) < 1e150:
        return False
    counts[0, 0] += 1
    update_quantile(lower, 0, 0, 1.0 - q, y)
    update_quantile(middle, 0, 0, 0.5, y)
    update_quantile(upper, 0, 0, q, y)
    return True


@kernel
def score_windowed(ordered: FloatColumn, counts: IntColumn, q: float, grace_period: int, y: float) -> float:
    """`score_estimate` by the window."""
    if not math.isfinite(y) or counts[0, 0] < max(grace_period, 1):
        return 0.0
    low, high = get_sorted_quantile(ordered, counts, 0, 1.0 - q), get_sorted_quantile(ordered, counts, 0, q)
    return to_score(y, low, get_sorted_quantile(ordered, counts, 0, 0.5), high)


@kernel
def learn_windowed(recent: FloatColumn, ordered: FloatColumn, counts: IntColumn, y: float) -> bool:
    """`learn_estimate` in the window."""
    if not abs(y) < 1e150:
        return False
    push_sorted(recent, ordered, counts, 0, y)
    return True


@kernel_bare
def score_learn_many(
    lower: FloatColumn,
    middle: FloatColumn,
    upper: FloatColumn,
    recent: FloatColumn,
    ordered: FloatColumn,
    counts: IntColumn,
    q: float,
    grace_period: int,
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
        if i + AHEAD < slots.size and not has_window:
            later = slots[i + AHEAD]
            prefetch(counts, (later, 0))
            for column in (0, 8):
                prefetch(lower, (later, column))
                prefetch(middle, (later, column))
                prefetch(upper, (later, column))
        slot = slots[i]
        y = values[i]
        scores[i], expected[i], scale[i] = 0.0, math.nan, math.nan
        ready[i] = math.isfinite(y) and counts[slot, 0] >= max(grace_period, 1)
        if ready[i]:
            if has_window:
                low = get_sorted_quantile(ordered, counts, slot, 1.0 - q)
                center = get_sorted_quantile(ordered, counts, slot, 0.5)
                high = get_sorted_quantile(ordered, counts, slot, q)
            else:
                low = get_quantile(lower, slot, 0, 1.0 - q)
                center = get_quantile(middle, slot, 0, 0.5)
                high = get_quantile(upper, slot, 0, q)
            expected[i] = center
            scale[i] = (high - low) / 2.0
            scores[i] = min(abs(y - center) / (scale[i] + 1e-10), MAX_FLOAT)
        # Interpolating between values further out could overflow.
        if abs(y) < 1e150:
            if has_window:
                push_sorted(recent, ordered, counts, slot, y)
            else:
                counts[slot, 0] += 1
                update_quantile(lower, slot, 0, 1.0 - q, y)
                update_quantile(middle, slot, 0, 0.5, y)
                update_quantile(upper, slot, 0, q, y)
