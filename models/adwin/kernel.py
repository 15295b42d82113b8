"""Kernels of ADWIN.

References
----------
Bifet, A. and Gavaldà, R. (2007). Learning from time-changing data with adaptive windowing. SDM, section 3 and figure 1.
"""

from __future__ import annotations

import math
from typing import Any

from models.base import BoolColumn, FloatColumn, IntColumn
from models.jit import kernel_bare
from models.state_array import Row, StateArray

DELTA, CLOCK, MIN_LENGTH, GRACE = 0, 1, 2, 3
TOTAL, VARIANCE = 0, 1


@kernel_bare
def shift(bucket: FloatColumn, n: int, by: int) -> None:
    """Drop the `by` oldest of the `n` entries of one level."""
    for i in range(n - by):
        bucket[i, TOTAL] = bucket[i + by, TOTAL]
        bucket[i, VARIANCE] = bucket[i + by, VARIANCE]
    for i in range(n - by, n):
        bucket[i, TOTAL] = 0.0
        bucket[i, VARIANCE] = 0.0


@kernel_bare
def insert(row: Row, buckets: FloatColumn, sizes: StateArray, x: float) -> None:
    """Add one sample, and merge the two oldest entries of each level that is full into the level above."""
    buckets[0, sizes[0], TOTAL] = x
    buckets[0, sizes[0], VARIANCE] = 0.0
    sizes[0] += 1
    row["n_levels"] = max(row["n_levels"], 1)
    row["width"] += 1.0
    if row["width"] > 1.0:
        gap = x - row["total"] / (row["width"] - 1.0)
        row["variance"] += (row["width"] - 1.0) * gap * gap / row["width"]
    row["total"] += x
    room = buckets.shape[1]
    for level in range(buckets.shape[0] - 1):
        if sizes[level] < room:
            break
        bucket = buckets[level]
        count = 2.0**level
        gap = bucket[0, TOTAL] / count - bucket[1, TOTAL] / count
        at = sizes[level + 1]
        buckets[level + 1, at, TOTAL] = bucket[0, TOTAL] + bucket[1, TOTAL]
        buckets[level + 1, at, VARIANCE] = bucket[0, VARIANCE] + bucket[1, VARIANCE] + count * 0.5 * gap * gap
        sizes[level + 1] += 1
        row["n_levels"] = max(row["n_levels"], level + 2)
        shift(bucket, room, 2)
        sizes[level] -= 2


@kernel_bare
def drop_oldest(row: Row, buckets: FloatColumn, sizes: StateArray) -> None:
    """Remove the oldest entry of the highest level from the window."""
    last: Any = row["n_levels"] - 1
    count = 2.0**last
    total = buckets[last, 0, TOTAL]
    row["width"] -= count
    row["total"] -= total
    gap = total / count - row["total"] / row["width"]
    row["variance"] -= buckets[last, 0, VARIANCE] + count * row["width"] * gap * gap / (count + row["width"])
    shift(buckets[last], sizes[last], 1)
    sizes[last] -= 1
    if sizes[last] == 0:
        row["n_levels"] -= 1


@kernel_bare
def is_cut(row: Row, knobs: FloatColumn, n_old: float, n_new: float, gap: float) -> bool:
    """True when two parts of the window differ in mean by more than chance allows."""
    confidence = math.log(2.0 * math.log(row["width"]) / knobs[DELTA])
    weight = 1.0 / (n_old - knobs[MIN_LENGTH] + 1.0) + 1.0 / (n_new - knobs[MIN_LENGTH] + 1.0)
    spread = 2.0 * weight * (row["variance"] / row["width"]) * confidence
    return bool(abs(gap) > math.sqrt(max(spread, 0.0)) + 2.0 / 3.0 * confidence * weight)


@kernel_bare
def find_cut(row: Row, buckets: FloatColumn, sizes: StateArray, knobs: FloatColumn) -> bool:
    """True when somewhere in the window the samples before differ from those after."""
    n_old, n_new = 0.0, row["width"]
    old, new = 0.0, row["total"]
    for level in range(row["n_levels"] - 1, -1, -1):
        count = 2.0**level
        for k in range(sizes[level]):
            n_old += count
            n_new -= count
            old += buckets[level, k, TOTAL]
            new -= buckets[level, k, TOTAL]
            if level == 0 and k == sizes[level] - 1:
                return False
            is_long = n_new >= knobs[MIN_LENGTH] and n_old >= knobs[MIN_LENGTH]
            if is_long and is_cut(row, knobs, n_old, n_new, old / n_old - new / n_new):
                return True
    return False


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
    """Take a batch into the windows.

    Parameters
    ----------
    rows : (S,) structured, mutated
    buckets : (S, L, M + 1, 2) float64, mutated
        Sum and sum of squared deviations of each entry, oldest first.
    sizes : (S, L) int32, mutated
    knobs : (4,) float64
        Confidence, samples between checks, least length of a part, samples before the first check.
    scores, ready : (B,), overwritten
    """
    for i in range(slots.size):
        slot = slots[i]
        row = rows[slot]
        x = values[i]
        scores[i] = 0.0
        ready[i] = False
        # The square of a sample this far out would make the variance infinite for good.
        if not abs(x) < 1e150:
            continue
        if row["is_drift"]:
            row["total"], row["variance"], row["width"] = 0.0, 0.0, 0.0
            row["tick"] = 0
            row["n_levels"] = 0
            buckets[slot] = 0.0
            sizes[slot] = 0
        insert(row, buckets[slot], sizes[slot], x)
        row["tick"] += 1
        is_drift = False
        if row["tick"] % knobs[CLOCK] == 0.0 and row["width"] > knobs[GRACE]:
            while find_cut(row, buckets[slot], sizes[slot], knobs):
                is_drift = True
                drop_oldest(row, buckets[slot], sizes[slot])
        row["is_drift"] = is_drift
        ready[i] = row["is_warm"]
        row["is_warm"] |= row["tick"] + 1 >= knobs[CLOCK] and row["width"] + 1.0 > knobs[GRACE]
        scores[i] = 1.0 if is_drift and ready[i] else 0.0


@kernel_bare
def update_one(
    rows: StateArray,
    buckets: FloatColumn,
    sizes: StateArray,
    knobs: FloatColumn,
    slots: IntColumn,
    values: FloatColumn,
    scores: FloatColumn,
    ready: BoolColumn,
    x: float,
) -> None:
    """`update_many` of one value, in columns of length 1 allocated once: allocating them takes longer than the rest."""
    values[0] = x
    update_many(rows, buckets, sizes, knobs, slots, values, scores, ready)
