"""Kernels of ADWIN.

References
----------
Bifet, A. and Gavaldà, R. (2007). Learning from time-changing data with adaptive windowing. SDM, section 3 and figure 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn
from models.jit import kernel_bare, kernel_call, kernel_inline
from models.prefetch_kernel import prefetch
from models.state_array import Row, StateArray

DELTA, CLOCK, MIN_LENGTH, GRACE = 0, 1, 2, 3
TOTAL, VARIANCE = 0, 1
AHEAD = 16
"""Samples whose series' state is fetched before their turn."""


@kernel_inline
def shift(buckets: FloatColumn, slot: int, level: int, n: int, by: int) -> None:
    """Drop the `by` oldest of the `n` entries of one level."""
    for i in range(n - by):
        buckets[slot, level, i, TOTAL] = buckets[slot, level, i + by, TOTAL]
        buckets[slot, level, i, VARIANCE] = buckets[slot, level, i + by, VARIANCE]
    for i in range(n - by, n):
        buckets[slot, level, i, TOTAL] = 0.0
        buckets[slot, level, i, VARIANCE] = 0.0


@kernel_bare
def merge_full(buckets: FloatColumn, sizes: StateArray, slot: int) -> int:
    """Merge the two oldest entries of each level that is full into the level above; return how many levels were."""
    room = buckets.shape[2]
    count = 1.0
    level = 0
    while level < buckets.shape[1] - 1 and sizes[slot, level] == room:
        total_0, total_1 = buckets[slot, level, 0, TOTAL], buckets[slot, level, 1, TOTAL]
        gap = total_0 / count - total_1 / count
        at = sizes[slot, level + 1]
        buckets[slot, level + 1, at, TOTAL] = total_0 + total_1
        buckets[slot, level + 1, at, VARIANCE] = (
            buckets[slot, level, 0, VARIANCE] + buckets[slot, level, 1, VARIANCE] + count * 0.5 * gap * gap
        )
        sizes[slot, level + 1] += 1
        shift(buckets, slot, level, room, 2)
        sizes[slot, level] -= 2
        count *= 2.0
        level += 1
    return level


@kernel_inline
def insert(row: Row, buckets: FloatColumn, sizes: StateArray, slot: int, x: float) -> None:
    """Add one sample."""
    at = sizes[slot, 0]
    buckets[slot, 0, at, TOTAL] = x
    buckets[slot, 0, at, VARIANCE] = 0.0
    sizes[slot, 0] = at + 1
    row["n_levels"] = max(row["n_levels"], 1)
    row["width"] += 1.0
    if row["width"] > 1.0:
        gap = x - row["total"] / (row["width"] - 1.0)
        row["variance"] += (row["width"] - 1.0) * gap * gap / row["width"]
    row["total"] += x
    if at + 1 == buckets.shape[2]:
        row["n_levels"] = max(row["n_levels"], merge_full(buckets, sizes, slot) + 1)


@kernel_bare
def drop_oldest(row: Row, buckets: FloatColumn, sizes: StateArray, slot: int) -> None:
    """Remove the oldest entry of the highest level from the window."""
    last: Any = row["n_levels"] - 1
    count = 2.0**last
    total = buckets[slot, last, 0, TOTAL]
    row["width"] -= count
    row["total"] -= total
    gap = total / count - row["total"] / row["width"]
    row["variance"] -= buckets[slot, last, 0, VARIANCE] + count * row["width"] * gap * gap / (count + row["width"])
    shift(buckets, slot, last, sizes[slot, last], 1)
    sizes[slot, last] -= 1
    if sizes[slot, last] == 0:
        row["n_levels"] -= 1


@kernel_bare
def find_cut(row: Row, buckets: FloatColumn, sizes: StateArray, slot: int, knobs: FloatColumn) -> bool:
    """True when somewhere in the window the mean of the samples before differs from that of those after by more than chance allows."""
    n_old, n_new = 0.0, row["width"]
    old, new = 0.0, row["total"]
    confidence = math.log(2.0 * math.log(row["width"]) / knobs[DELTA])
    variance = row["variance"] / row["width"]
    least = knobs[MIN_LENGTH]
    count = 2.0 ** row["n_levels"]
    for level in range(row["n_levels"] - 1, -1, -1):
        count *= 0.5
        size = sizes[slot, level]
        for k in range(size):
            n_old += count
            n_new -= count
            old += buckets[slot, level, k, TOTAL]
            new -= buckets[slot, level, k, TOTAL]
            if level == 0 and k == size - 1:
                return False
            if n_new >= least and n_old >= least:
                weight = 1.0 / (n_old - least + 1.0) + 1.0 / (n_new - least + 1.0)
                spread = 2.0 * weight * variance * confidence
                if abs(old / n_old - new / n_new) > math.sqrt(max(spread, 0.0)) + 2.0 / 3.0 * confidence * weight:
                    return True
    return False


@kernel_inline
def take(rows: StateArray, buckets: FloatColumn, sizes: StateArray, knobs: FloatColumn, slot: int, x: float) -> int:
    """Take one value into the window of a slot; return 0 = not ready, 1 = no change, 2 = a change is detected.

    Parameters
    ----------
    rows : (S,) structured, mutated
    buckets : (S, L, M + 1, 2) float64, mutated
        Sum and sum of squared deviations of each entry, oldest first.
    sizes : (S, L) int32, mutated
    knobs : (4,) float64
        Confidence, samples between checks, least length of a part, samples before the first check.
    """
    # The square of a sample this far out would make the variance infinite for good.
    if not abs(x) < 1e150:
        return 0
    row = rows[slot]
    if row["is_drift"]:
        row["total"], row["variance"], row["width"] = 0.0, 0.0, 0.0
        row["tick"] = 0
        row["n_levels"] = 0
        buckets[slot] = 0.0
        sizes[slot] = 0
    insert(row, buckets, sizes, slot, x)
    row["tick"] += 1
    is_drift = False
    if row["tick"] % np.int64(knobs[CLOCK]) == 0 and row["width"] > knobs[GRACE]:
        while find_cut(row, buckets, sizes, slot, knobs):
            is_drift = True
            drop_oldest(row, buckets, sizes, slot)
    row["is_drift"] = is_drift
    is_ready = row["is_warm"]
    row["is_warm"] |= row["tick"] + 1 >= knobs[CLOCK] and row["width"] + 1.0 > knobs[GRACE]
    if not is_ready:
        return 0
    return 2 if is_drift else 1


@kernel_call
def update_one(rows: StateArray, buckets: FloatColumn, sizes: StateArray, knobs: FloatColumn, x: float) -> None:
    """`take` in slot 0; like river's, it returns nothing."""
    take(rows, buckets, sizes, knobs, 0, x)


@kernel_bare
def update_many(
    rows: StateArray,
    buckets: FloatColumn,
    sizes: StateArray,
    knobs: FloatColumn,
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
    for i in range(slots.size):
        if i + AHEAD < slots.size:
            later = slots[i + AHEAD]
            prefetch(rows, (later,))
            prefetch(rows, (later + 1,))
            prefetch(sizes, (later, 0))
            prefetch(buckets, (later, 0, 0, 0))
            prefetch(buckets, (later, 0, buckets.shape[2] - 1, 0))
        found = take(rows, buckets, sizes, knobs, slots[i], values[i])
        scores[i] = 1.0 if found == 2 else 0.0
        ready[i] = found > 0
