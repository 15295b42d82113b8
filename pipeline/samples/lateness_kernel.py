"""Kernels of the series clock: in order, late or twice; the usual interval; silence and idleness; recent samples."""

from __future__ import annotations

from models.base import BoolColumn, FloatColumn, IntColumn
from models.jit import kernel, kernel_inline
from models.state_array import Row, StateArray

RING = 8
ACCEPTED, LATE, DUPLICATE = 0, 1, 2

INTERVAL_WEIGHT = 1.0 / 32.0
INTERVAL_CLIP = 4.0


@kernel_inline
def learn_first_intervals(row: Row, n: int) -> None:
    """Usual interval of a young series: the median interval of the times it has had, and the mean distance from it."""
    n_intervals = n - 1
    median = 0.0
    for i in range(n_intervals):
        candidate = float(row.ring[i + 1] - row.ring[i])
        n_below = 0
        n_equal = 0
        for j in range(n_intervals):
            other = float(row.ring[j + 1] - row.ring[j])
            if other < candidate:
                n_below += 1
            elif other == candidate:
                n_equal += 1
        if n_below <= n_intervals // 2 < n_below + n_equal:
            median = candidate
    total = 0.0
    for i in range(n_intervals):
        total += min(abs(float(row.ring[i + 1] - row.ring[i]) - median), INTERVAL_CLIP * median)
    row.interval_ns = median
    row.deviation_ns = total / n_intervals


@kernel_inline
def learn_interval(row: Row, interval_ns: float) -> None:
    """Move mean and mean deviation towards one interval; one far too long, a gap, counts as four usual ones."""
    clipped = min(interval_ns, INTERVAL_CLIP * (row.interval_ns + row.deviation_ns))
    row.deviation_ns += INTERVAL_WEIGHT * (abs(clipped - row.interval_ns) - row.deviation_ns)
    row.interval_ns += INTERVAL_WEIGHT * (clipped - row.interval_ns)


@kernel_inline
def place(row: Row, n: int, event_time_ns: int) -> None:
    """Put a time into the ring, which holds the largest accepted ones in ascending order; the smallest gives way."""
    if n == RING:
        i = 0
        while i + 1 < n and row.ring[i + 1] < event_time_ns:
            row.ring[i] = row.ring[i + 1]
            i += 1
        row.ring[i] = event_time_ns
    else:
        i = n
        while i > 0 and row.ring[i - 1] > event_time_ns:
            row.ring[i] = row.ring[i - 1]
            i -= 1
        row.ring[i] = event_time_ns
        row.n_ring = n + 1


@kernel
def classify_many(
    rows: StateArray, lateness_ns: int, slots: IntColumn, event_time_ns: IntColumn, code: StateArray, was_silent: BoolColumn
) -> None:
    """Say of every sample, in order, whether it is accepted, late or a duplicate, and learn the times of the accepted ones.

    Parameters
    ----------
    rows : (S,) CLOCK_ROW, mutated
    lateness_ns : int
        A sample older than the newest of its series by more than this is late.
    slots, event_time_ns : (B,) int64
    code : (B,) int8, written
        `ACCEPTED`, `LATE` or `DUPLICATE`.
    was_silent : (B,) bool, written
        The sample is the first after a silence that was noticed.
    """
    for i in range(slots.size):
        row = rows[slots[i]]
        t = event_time_ns[i]
        n = row.n_ring
        was_silent[i] = False
        if n == 0 or t > row.ring[n - 1]:
            interval_ns = float(t - row.ring[n - 1]) if n > 0 else 0.0
            place(row, n, t)
            if row.n_samples >= RING:
                learn_interval(row, interval_ns)
            elif n > 0:
                learn_first_intervals(row, row.n_ring)
            was_silent[i] = row.is_silent
            row.is_silent = False
        else:
            is_known = False
            for j in range(n):
                if row.ring[j] == t:
                    is_known = True
            if is_known:
                code[i] = DUPLICATE
                continue
            # Older than a full ring: it cannot be told from a duplicate.
            if row.ring[n - 1] - t > lateness_ns or (n == RING and t < row.ring[0]):
                code[i] = LATE
                continue
            place(row, n, t)
        row.n_samples += 1
        code[i] = ACCEPTED


@kernel
def remember_many(
    rows: StateArray,
    recent_time: StateArray,
    recent_value: StateArray,
    slots: IntColumn,
    event_time_ns: IntColumn,
    value: FloatColumn,
) -> None:
    """Write accepted samples into the rings of recent samples.

    Parameters
    ----------
    rows : (S,) CLOCK_ROW, mutated
    recent_time : (S, C) int64, mutated
    recent_value : (S, C) float64, mutated
    slots, event_time_ns : (B,) int64
    value : (B,) float64
    """
    capacity = recent_time.shape[1]
    for i in range(slots.size):
        slot = slots[i]
        at = rows[slot].n_recent % capacity
        recent_time[slot, at] = event_time_ns[i]
        recent_value[slot, at] = value[i]
        rows[slot].n_recent += 1


@kernel
def find_silent(
    rows: StateArray, watermark_ns: int, n_intervals: float, min_ns: float, min_samples: int, found: IntColumn
) -> int:
    """Slots that have fallen silent since they were last asked about, ascending; they are marked, so each is found once.

    Parameters
    ----------
    rows : (S,) CLOCK_ROW, mutated
    watermark_ns : int
    n_intervals, min_ns : float
        Silent is who was not heard for more than `n_intervals` usual intervals and more than `min_ns`.
    min_samples : int
        Series with fewer are passed over.
    found : (S,) int64, written
        Filled from the front.

    Returns
    -------
    int
        How many were found.
    """
    n_found = 0
    for slot in range(rows.size):
        row = rows[slot]
        if row.n_samples < min_samples or row.is_silent:
            continue
        quiet_ns = float(watermark_ns - row.ring[row.n_ring - 1])
        if quiet_ns > min_ns and quiet_ns > n_intervals * (row.interval_ns + row.deviation_ns):
            row.is_silent = True
            found[n_found] = slot
            n_found += 1
    return n_found


@kernel
def find_idle(rows: StateArray, watermark_ns: int, idle_ns: float, found: IntColumn) -> int:
    """Slots whose newest sample is more than `idle_ns` older than the watermark, ascending.

    Parameters
    ----------
    rows : (S,) CLOCK_ROW
    watermark_ns : int
    idle_ns : float
    found : (S,) int64, written
        Filled from the front.

    Returns
    -------
    int
        How many were found.
    """
    n_found = 0
    for slot in range(rows.size):
        row = rows[slot]
        if row.n_samples > 0 and float(watermark_ns - row.ring[row.n_ring - 1]) > idle_ns:
            found[n_found] = slot
            n_found += 1
    return n_found
