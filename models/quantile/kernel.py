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
from models.bits_kernel import find_lowest_bit
from models.jit import kernel, kernel_bare, kernel_call, kernel_inline
from models.prefetch_kernel import prefetch
from models.quantile.marker_kernel import step_each, step_together
from models.quantile.state import ESTIMATE, HIGH, LOW, N

AHEAD = 32
"""Samples whose series' state is fetched before their turn."""
ONE, SEEN, LEAST, GREATEST = np.uint64(1), np.uint64(N), np.uint64(LOW), np.uint64(HIGH)
HEIGHTS, POSITIONS, WANTED = np.uint64(ESTIMATE), np.uint64(ESTIMATE + 9), np.uint64(ESTIMATE + 18)
"""Columns of three estimates, unsigned: signed ones may count from the end, which a kernel would have to ask at every index."""
FIRST, LAST = np.uint64(0b001001001), np.uint64(0b100100100)
MAX_FLOAT = 1.7976931348623157e308


# Estimates stand in the columns from `first` on, as `models.quantile.state` says.  Kernels take the whole array: a view, even one in a
# branch never taken, costs two atomic counts of its references for every sample.


@kernel_bare
def start_estimates(rows: FloatColumn, slot: int, first: int, n_estimates: int) -> None:
    """Sort the first five samples, and make them the markers of every estimate."""
    low = first + LOW
    for i in range(low + 1, low + 5):
        x = rows[slot, i]
        j = i - 1
        while j >= low and rows[slot, j] > x:
            rows[slot, j + 1] = rows[slot, j]
            j -= 1
        rows[slot, j + 1] = x
    second, third, fourth = rows[slot, low + 1], rows[slot, low + 2], rows[slot, low + 3]
    rows[slot, first + HIGH] = rows[slot, low + 4]
    for number in range(n_estimates):
        at = first + ESTIMATE + 3 * number
        rows[slot, at], rows[slot, at + 1], rows[slot, at + 2] = second, third, fourth


@kernel_inline
def join(rows: FloatColumn, slot: int, first: int, n_estimates: int, x: float) -> bool:
    """Count `x` and take it into the least and the greatest value; True when the estimates must take it, too."""
    n = rows[slot, first + N]
    rows[slot, first + N] = n + 1.0
    if n < 5.0:
        rows[slot, first + LOW + int(n)] = x
        return False
    if n == 5.0:
        start_estimates(rows, slot, first, n_estimates)
    if x < rows[slot, first + LOW]:
        rows[slot, first + LOW] = x
    if x > rows[slot, first + HIGH]:
        rows[slot, first + HIGH] = x
    return True


@kernel
def move_marker(lower: float, height: float, higher: float, below: float, at: float, above: float, step: float) -> float:
    """Height of a marker that moves one position up or down, by a parabola where that keeps the order."""
    left = (at - below + step) * (higher - height) / (above - at)
    right = (above - at - step) * (height - lower) / (at - below)
    moved = height + step / (above - below) * (left + right)
    if lower < moved and moved < higher:
        return moved
    beyond, there = (higher, above) if step > 0.0 else (lower, below)
    return height + step * (beyond - height) / (there - at)


@kernel
def adjust_marker(
    lower: float, height: float, higher: float, below: float, at: float, above: float, wanted: float
) -> tuple[float, float]:
    """Height and position of a marker moved one step towards its desired position, parabolically where that keeps the order.

    Parameters
    ----------
    lower, height, higher : float
        Heights of the marker and of its neighbours.
    below, at, above : float
        Their positions.
    wanted : float
        Desired position.
    """
    lag = wanted - at
    if not ((lag >= 1.0 and above - at > 1.0) or (lag <= -1.0 and below - at < -1.0)):
        return height, at
    step = math.copysign(1.0, lag)
    return move_marker(lower, height, higher, below, at, above, step), at + step


@kernel_bare
def update_quantile(rows: FloatColumn, slot: int, first: int, q: float, x: float) -> None:
    """Take `x` into the single estimate, of the quantile `q`, in the columns from `first` on."""
    if not join(rows, slot, first, 1, x):
        return
    i = first + ESTIMATE
    height_1, height_2, height_3 = rows[slot, i], rows[slot, i + 1], rows[slot, i + 2]
    # A marker moves up one position when the sample is below it.
    at_1 = rows[slot, i + 3] + (1.0 if x < height_1 else 0.0)
    at_2 = rows[slot, i + 4] + (1.0 if x < height_2 else 0.0)
    at_3 = rows[slot, i + 5] + (1.0 if x < height_3 else 0.0)
    wanted_1 = rows[slot, i + 6] + q / 2.0
    wanted_2 = rows[slot, i + 7] + q
    wanted_3 = rows[slot, i + 8] + (1.0 + q) / 2.0
    rows[slot, i + 6], rows[slot, i + 7], rows[slot, i + 8] = wanted_1, wanted_2, wanted_3
    height_1, at_1 = adjust_marker(rows[slot, first + LOW], height_1, height_2, 1.0, at_1, at_2, wanted_1)
    height_2, at_2 = adjust_marker(height_1, height_2, height_3, at_1, at_2, at_3, wanted_2)
    height_3, at_3 = adjust_marker(height_2, height_3, rows[slot, first + HIGH], at_2, at_3, rows[slot, first + N], wanted_3)
    rows[slot, i], rows[slot, i + 1], rows[slot, i + 2] = height_1, height_2, height_3
    rows[slot, i + 3], rows[slot, i + 4], rows[slot, i + 5] = at_1, at_2, at_3


@kernel_inline
def update_three(row: FloatColumn, q: float, x: float, is_again: bool) -> None:
    """Take `x`, which `join` has taken, into the estimates of the quantiles ``1 - q``, 0.5 and ``q``.

    Which markers have to move cannot be foretold, so to ask one after the other would be to guess wrong more than once a sample: all
    are asked first, and then those that said so are moved.

    Parameters
    ----------
    row : (30,) float64, mutated
    q : float
        Level of the upper quantile.
    is_again : bool
        True when the sample before was of the same row.
    """
    low, middle = 1.0 - q, 0.5
    rates = (low / 2.0, low, (1.0 + low) / 2.0, middle / 2.0, middle, (1.0 + middle) / 2.0, q / 2.0, q, (1.0 + q) / 2.0)
    late = step_each(row, HEIGHTS, x, rates) if is_again else step_together(row, HEIGHTS, x, rates)
    while late:
        marker = find_lowest_bit(late)
        late &= late - 1
        is_first, is_last = (FIRST >> marker) & ONE == ONE, (LAST >> marker) & ONE == ONE
        here, now = HEIGHTS + marker, POSITIONS + marker
        # Choices between columns and between numbers, none between ways to go on.
        lower, higher = row[LEAST if is_first else here - ONE], row[GREATEST if is_last else here + ONE]
        before, above = row[now - ONE], row[SEEN if is_last else now + ONE]
        below = 1.0 if is_first else before
        at = row[now]
        step = math.copysign(1.0, row[WANTED + marker] - at)
        if (above - at if step > 0.0 else at - below) > 1.0:
            row[here] = move_marker(lower, row[here], higher, below, at, above, step)
            row[now] = at + step


@kernel_bare
def rank_few(rows: FloatColumn, slot: int, first: int, q: float) -> float:
    """Quantile `q` of the first five samples or fewer; 0.0 of none."""
    n = int(rows[slot, first + N])
    wanted = int(min(n - 1.0, n * q))
    for i in range(first + LOW, first + LOW + n):
        x = rows[slot, i]
        n_less = 0
        n_equal = 0
        for j in range(first + LOW, first + LOW + n):
            n_less += rows[slot, j] < x
            n_equal += rows[slot, j] == x
        if n_less <= wanted and wanted < n_less + n_equal:
            return float(x)
    return 0.0


@kernel_bare
def get_quantile(rows: FloatColumn, slot: int, first: int, number: int, q: float) -> float:
    """The estimate `number`, which is of the quantile `q`; 0.0 before the first sample."""
    if rows[slot, first + N] > 5.0:
        return float(rows[slot, first + ESTIMATE + 3 * number + 1])
    return rank_few(rows, slot, first, q)


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


@kernel_call
def score_estimate(rows: FloatColumn, q: float, grace_period: int, y: float) -> float:
    """Score of one value in slot 0 by the P² estimates; 0.0 in the grace period and for a value that is not finite."""
    if not math.isfinite(y) or rows[0, N] < max(grace_period, 1):
        return 0.0
    low, high = get_quantile(rows, 0, 0, 0, 1.0 - q), get_quantile(rows, 0, 0, 2, q)
    return to_score(y, low, get_quantile(rows, 0, 0, 1, 0.5), high)


@kernel_inline
def learn_finite(rows: FloatColumn, slot: int, q: float, y: float, is_again: bool) -> bool:
    """Learn one value; one so great that interpolating could overflow is left out, as is one that is not finite."""
    if not abs(y) < 1e150:
        return False
    if join(rows, slot, 0, 3, y):
        update_three(rows[slot], q, y, is_again)
    return True


@kernel_call
def learn_estimate(rows: FloatColumn, q: float, y: float) -> bool:
    """`learn_finite` in slot 0."""
    return learn_finite(rows, 0, q, y, False)


@kernel_call
def score_windowed(ordered: FloatColumn, counts: IntColumn, q: float, grace_period: int, y: float) -> float:
    """`score_estimate` by the window."""
    if not math.isfinite(y) or counts[0, 0] < max(grace_period, 1):
        return 0.0
    low, high = get_sorted_quantile(ordered, counts, 0, 1.0 - q), get_sorted_quantile(ordered, counts, 0, q)
    return to_score(y, low, get_sorted_quantile(ordered, counts, 0, 0.5), high)


@kernel_call
def learn_windowed(recent: FloatColumn, ordered: FloatColumn, counts: IntColumn, y: float) -> bool:
    """`learn_estimate` in the window."""
    if not abs(y) < 1e150:
        return False
    push_sorted(recent, ordered, counts, 0, y)
    return True


@kernel_bare
def score_learn_many(
    estimates: FloatColumn,
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
    estimates : (S, 30) float64, mutated
        P² estimates of the quantiles ``1 - q``, 0.5 and ``q``; (0, 30) when a window is kept.
    recent, ordered : (S, W) float64, mutated
        Window in order of arrival and of value; (S, 0) when there is none.
    counts : (S, 2) int64, mutated
        Samples in the window, and where the next one goes.
    q : float
        Level of the upper quantile, above 0.5.
    """
    has_window = recent.shape[1] > 0
    least = max(grace_period, 1)
    for i in range(slots.size):
        if i + AHEAD < slots.size and not has_window:
            for column in range(0, estimates.shape[1], 8):
                prefetch(estimates, (slots[i + AHEAD], column))
            prefetch(estimates, (slots[i + AHEAD], estimates.shape[1] - 1))
        slot = slots[i]
        y = values[i]
        scores[i], expected[i], scale[i] = 0.0, math.nan, math.nan
        n = np.float64(counts[slot, 0]) if has_window else estimates[slot, N]
        ready[i] = math.isfinite(y) and n >= least
        if ready[i]:
            if has_window:
                low = get_sorted_quantile(ordered, counts, slot, 1.0 - q)
                center = get_sorted_quantile(ordered, counts, slot, 0.5)
                high = get_sorted_quantile(ordered, counts, slot, q)
            else:
                low = get_quantile(estimates, slot, 0, 0, 1.0 - q)
                center = get_quantile(estimates, slot, 0, 1, 0.5)
                high = get_quantile(estimates, slot, 0, 2, q)
            expected[i] = center
            scale[i] = (high - low) / 2.0
            scores[i] = min(abs(y - center) / (scale[i] + 1e-10), MAX_FLOAT)
        if not has_window:
            learn_finite(estimates, slot, q, y, i > 0 and slots[i - 1] == slot)
        elif abs(y) < 1e150:
            push_sorted(recent, ordered, counts, slot, y)
