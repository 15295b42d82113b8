"""Kernels of the series clock: in order, late or twice; the usual interval; silence and idleness; recent samples."""

from __future__ import annotations

from models.base import BoolColumn, FloatColumn, IntColumn
from models.jit import kernel_bare, kernel_inline
from models.state_array import Row, StateArray

RING = 8
ACCEPTED, LATE, DUPLICATE, UNUSABLE = 0, 1, 2, 3
REFUSED = -1
NEVER = -1
WATERMARK, CELL, HEARD_FROM, KEPT_FROM = 0, 1, 2, 3
SILENCE_INTERVALS, SILENCE_MIN_NS, SILENCE_MIN_SAMPLES, EVICT_NS = 0, 1, 2, 3

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


@kernel_bare
def classify(row: Row, t: int, lateness_ns: int) -> int:
    """Say of one sample whether it is accepted, late or a duplicate, and learn its time when it is accepted."""
    n = row.n_ring
    if n == 0 or t > row.ring[n - 1]:
        interval_ns = float(t - row.ring[n - 1]) if n > 0 else 0.0
        place(row, n, t)
        if row.n_samples >= RING:
            learn_interval(row, interval_ns)
        elif n > 0:
            learn_first_intervals(row, row.n_ring)
        row.is_silent = False
    else:
        for j in range(n):
            if row.ring[j] == t:
                return DUPLICATE
        # Older than a full ring: it cannot be told from a duplicate.
        if row.ring[n - 1] - t > lateness_ns or (n == RING and t < row.ring[0]):
            return LATE
        place(row, n, t)
    row.n_samples += 1
    return ACCEPTED


@kernel_bare
def is_overdue(row: Row, quiet_ns: int, limits: FloatColumn) -> bool:
    """Whether a series that has been quiet for so long is silent, if it has been heard often enough to tell."""
    usual_ns: float = row.interval_ns + row.deviation_ns
    is_known: bool = row.n_samples >= limits[SILENCE_MIN_SAMPLES]
    return is_known and quiet_ns > limits[SILENCE_MIN_NS] and quiet_ns > limits[SILENCE_INTERVALS] * usual_ns


@kernel_bare
def move_watermark(time: IntColumn, t: int, own_gap_ns: int, was_overdue: bool, limits: FloatColumn) -> None:
    """Let the watermark follow a sample; a gap of the whole feed, told by a series that fell into it itself, is nobody's silence."""
    step_ns = t - time[WATERMARK]
    if time[WATERMARK] != NEVER and own_gap_ns > 0:
        if was_overdue and step_ns > limits[SILENCE_MIN_NS]:
            time[HEARD_FROM] = t
        if step_ns > limits[EVICT_NS]:
            time[KEPT_FROM] = t
    time[WATERMARK] = t


@kernel_bare
def find_quiet(
    rows: StateArray, time: IntColumn, limits: FloatColumn, idle: IntColumn, silent: IntColumn, n_found: IntColumn
) -> None:
    """Find the series to be forgotten, and those that have fallen silent since they were last looked at; the latter are marked.

    Parameters
    ----------
    rows : (S,) CLOCK_ROW, mutated
    time, limits, idle, silent, n_found
        As in `take_many`.
    """
    n_idle = 0
    n_silent = 0
    watermark_ns = time[WATERMARK]
    for slot in range(rows.size):
        row = rows[slot]
        if row.n_samples == 0:
            continue
        last_ns = row.ring[row.n_ring - 1]
        if watermark_ns - max(last_ns, time[KEPT_FROM]) > limits[EVICT_NS]:
            idle[n_idle] = slot
            n_idle += 1
        elif not row.is_silent and is_overdue(row, watermark_ns - max(last_ns, time[HEARD_FROM]), limits):
            row.is_silent = True
            silent[n_silent] = slot
            n_silent += 1
    n_found[0] = n_idle
    n_found[1] = n_silent


@kernel_bare
def take_many(
    rows: StateArray,
    time: IntColumn,
    lateness_ns: int,
    grid_ns: int,
    limits: FloatColumn,
    due_ns: int,
    slots: IntColumn,
    event_time_ns: IntColumn,
    record: IntColumn,
    start: int,
    stop: int,
    code: StateArray,
    was_silent: BoolColumn,
    idle: IntColumn,
    silent: IntColumn,
    n_found: IntColumn,
) -> int:
    """Judge samples in order, learn the times of the accepted ones, move the watermark, and look for silence and idleness.

    After the last sample of a record that brought the watermark into another cell of the grid, all series are looked at; when
    that finds something, or the watermark has reached `due_ns`, the call ends there, to be called again for the rest.

    Parameters
    ----------
    rows : (S,) CLOCK_ROW, mutated
    time : (4,) int64, mutated
        `WATERMARK`, `CELL` of the grid last looked at, `HEARD_FROM` and `KEPT_FROM`: earliest times from which silence and idleness
        count; `NEVER` at first.
    lateness_ns : int
        A sample older than the newest of its series by more than this is late.
    grid_ns : int
    limits : (4,) float64
        `SILENCE_INTERVALS`, `SILENCE_MIN_NS`, `SILENCE_MIN_SAMPLES`, `EVICT_NS`.
    due_ns : int
    slots : (B,) int64
        -1 = a series that was refused: it moves the watermark, no more; less = nothing at all.
    event_time_ns : (B,) int64
    record : (B,) int64
        Equal for the samples of one record, which stand together.
    start, stop : int
        Which samples; both at the edge of a record.
    code : (B,) int8, written
        `ACCEPTED`, `LATE`, `DUPLICATE` or `UNUSABLE`.
    was_silent : (B,) bool, written
        The sample is the first after a silence that was noticed.
    idle, silent : (S,) int64, written
        What was found, ascending.
    n_found : (3,) int64, written
        How many of each, and 1 when the call ended because of what it saw when it looked.

    Returns
    -------
    int
        First sample that was not looked at.
    """
    n_found[0] = 0
    n_found[1] = 0
    n_found[2] = 0
    for i in range(start, stop):
        slot = slots[i]
        t = event_time_ns[i]
        was_silent[i] = False
        code[i] = UNUSABLE
        if slot >= 0:
            row = rows[slot]
            is_silent = row.is_silent
            own_gap_ns = t - row.ring[row.n_ring - 1] if row.n_ring > 0 else 0
            was_overdue = own_gap_ns > 0 and is_overdue(row, own_gap_ns, limits)
            code[i] = classify(row, t, lateness_ns)
            was_silent[i] = is_silent and not row.is_silent
            if t > time[WATERMARK]:
                move_watermark(time, t, own_gap_ns, was_overdue, limits)
        elif slot == REFUSED and t > time[WATERMARK]:
            time[WATERMARK] = t
        is_edge = i + 1 == stop or record[i + 1] != record[i]
        if is_edge and time[WATERMARK] != NEVER and time[WATERMARK] // grid_ns > time[CELL]:
            time[CELL] = time[WATERMARK] // grid_ns
            find_quiet(rows, time, limits, idle, silent, n_found)
            if n_found[0] > 0 or n_found[1] > 0 or time[WATERMARK] >= due_ns:
                n_found[2] = 1
                return i + 1
    return stop


@kernel_bare
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
