"""Kernels of ADWIN that take samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.adwin.state import DRIFT, LONGEST
from models.adwin.window_kernel import CLOCK, GRACE, TOTAL, VARIANCE, find_cut, find_top, settle
from models.base import BoolColumn, FloatColumn, IntColumn
from models.jit import kernel_bare, kernel_call, kernel_inline, kernel_spliced
from models.prefetch_kernel import prefetch
from models.state_array import Row, StateArray

AHEAD: Any = np.uint64(16)
"""Samples whose series' state is fetched before their turn; its head, which tells what of it, twice as many before."""
ONE: Any = np.uint64(1)
SLOT_0: Any = np.uint64(0)
"""A kernel counts by unsigned numbers: signed ones may count from the end, which it would have to ask at every index."""


@kernel_bare
def start_anew(row: Row, recent: FloatColumn, buckets: FloatColumn, slot: int) -> None:
    """Drop a window but for its last sample."""
    recent[slot, 0] = recent[slot, row["n_recent"] - 1]
    for level in range(find_top(row["n"], buckets.shape[2])):
        for i in range(buckets.shape[2]):
            buckets[slot, TOTAL, i, level], buckets[slot, VARIANCE, i, level] = 0.0, 0.0
    row["total"], row["variance"] = 0.0, 0.0
    row["n"], row["n_recent"], row["is_drift"] = 0, 1, 0


@kernel_bare
def check(
    rows: StateArray, recent: FloatColumn, buckets: FloatColumn, knobs: FloatColumn, scratch: FloatColumn, slot: int
) -> int:
    """Let the samples that wait go through the levels, and look for a change when it is time; return what `take` does."""
    row = rows[slot]
    if row["is_drift"] or row["n"] > LONGEST:
        start_anew(row, recent, buckets, slot)
    settle(rows, recent, buckets, scratch, slot)
    n = row["n"]
    clock, grace = np.int64(knobs[CLOCK]), np.int64(knobs[GRACE])
    past = n % clock
    row["due"] = 0
    if past == 0 and n > grace and find_cut(rows, recent, buckets, knobs, scratch, slot):
        row["is_drift"] = DRIFT
        return 2
    wait = min(clock - past, recent.shape[1] - buckets.shape[2])
    if row["is_warm"]:
        row["due"] = np.int64(row["n_recent"]) + wait
        return 1
    # Warm with the last sample before the first check.
    first = max(clock - 1, grace)
    row["is_warm"] = n >= first
    row["due"] = -np.int64(row["n_recent"]) - max(min(wait, first - n), 1)
    return 0


@kernel_spliced
def take(
    rows: StateArray, recent: FloatColumn, buckets: FloatColumn, knobs: FloatColumn, scratch: FloatColumn, slot: int, x: float
) -> int:
    """Take one value into the window of a slot; return 0 = not ready, 1 = no change, 2 = a change is detected.

    Parameters
    ----------
    rows : (S,) structured, mutated
    recent : (S, M + W) float64, mutated
    buckets : (S, 2, M, L - 1) float64, mutated
        See `models.adwin.window_kernel.settle`.
    knobs : (4,) float64
        Confidence, samples between checks, least length of a part, samples before the first check.
    scratch : (4, ...) float64, overwritten
    """
    # The square of a sample this far out would make the variance infinite for good.
    if not abs(x) < 1e150:
        return 0
    row = rows[slot]
    at, due = row["n_recent"], row["due"]
    recent[slot, at] = x
    row["n_recent"] = at + 1
    if at + 1 < due:
        return 1
    if at + 1 < -due:
        return 0
    return check(rows, recent, buckets, knobs, scratch, slot)


@kernel_call
def update_one(
    rows: StateArray, recent: FloatColumn, buckets: FloatColumn, knobs: FloatColumn, scratch: FloatColumn, x: float
) -> None:
    """`take` in slot 0; like river's, it returns nothing."""
    take(rows, recent, buckets, knobs, scratch, SLOT_0, x)


@kernel_inline
def fetch(rows: StateArray, recent: FloatColumn, buckets: FloatColumn, slot: int) -> None:
    """Ask for what the next sample of a series will need."""
    row = rows[slot]
    at = row["n_recent"]
    prefetch(recent, (slot, np.uint64(at)))
    if at + 1 >= abs(row["due"]):
        for column in range(0, recent.shape[1], 8):
            prefetch(recent, (slot, column))
        top = find_top(row["n"], buckets.shape[2])
        for i in range(buckets.shape[2]):
            prefetch(buckets, (slot, VARIANCE, i, 0))
            for level in range(0, top, 8):
                prefetch(buckets, (slot, TOTAL, i, level))


@kernel_bare
def wait(
    row: Row, waiting: FloatColumn, slots: IntColumn, values: FloatColumn, scores: FloatColumn, ready: BoolColumn, start: Any
) -> Any:
    """Take the samples from `start` on that are of the same series as the one before and only wait; return where they end."""
    n: Any = np.uint64(slots.size)
    i = start
    at: Any
    slot, at = slots[start - ONE], np.uint64(row["n_recent"])
    is_ready, stop = row["due"] > 0, np.uint64(max(abs(row["due"]), 1)) - ONE
    while i < n and at < stop and slots[i] == slot and abs(values[i]) < 1e150:
        waiting[at] = values[i]
        scores[i] = 0.0
        ready[i] = is_ready
        at += ONE
        i += ONE
    row["n_recent"] = at
    return i


@kernel_bare
def update_many(
    rows: StateArray,
    recent: FloatColumn,
    buckets: FloatColumn,
    knobs: FloatColumn,
    scratch: FloatColumn,
    slots: IntColumn,
    values: FloatColumn,
    scores: FloatColumn,
    ready: BoolColumn,
) -> None:
    """`take` over a batch.

    Parameters
    ----------
    scores, ready : (B,), overwritten
    """
    n: Any = np.uint64(slots.size)
    i: Any = np.uint64(0)
    while i < n:
        if i + AHEAD + AHEAD < n:
            prefetch(rows, (slots[i + AHEAD + AHEAD],))
            later: Any = np.uint64(slots[i + AHEAD])
            fetch(rows, recent, buckets, later)
        slot: Any = np.uint64(slots[i])
        found = take(rows, recent, buckets, knobs, scratch, slot, values[i])
        scores[i] = 1.0 if found == 2 else 0.0
        ready[i] = found > 0
        i += ONE
        if i < n and slots[i] == slots[i - ONE]:
            i = wait(rows[slot], recent[slot], slots, values, scores, ready, i)
