"""Kernels of ADWIN's window, an exponential histogram.

References
----------
Bifet, A. and Gavaldà, R. (2007). Learning from time-changing data with adaptive windowing. SDM, section 3 and figure 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from models.base import FloatColumn
from models.jit import kernel_bare, kernel_inline
from models.state_array import Row, StateArray

DELTA, CLOCK, MIN_LENGTH, GRACE = 0, 1, 2, 3
TOTAL, VARIANCE = 0, 1
Moments = tuple[float, float, float]
USUAL_ROOM = 5
"""Entries a level keeps by default: loops over as many are unrolled."""
SLACK = 1e-9
"""By how much a bound must be clear of what it bounds, in parts of it: far more than the rounding of either."""


@kernel_inline
def count_come(n: int, room: int, level: int) -> int:
    """How many entries have come to a level after `n` samples, where a level that keeps up to `room` sends the oldest two up."""
    return max(((n + room - 1) >> level) - (room - 1), 0)


@kernel_bare
def add_moments(row: Row, waiting: FloatColumn, sums: FloatColumn, squares: FloatColumn) -> None:
    """Take the samples that wait into sum and sum of squared deviations."""
    # One loop for each sum, whose terms must be added in order, and one for the quotients, which needs no order.
    total = row["total"]
    for i in range(waiting.size):
        sums[i] = total
        total += waiting[i]
    row["total"] = total
    width = float(row["n"])
    for i in range(waiting.size):
        before = width + i
        gap = waiting[i] - sums[i] / before
        squares[i] = before * gap * gap / (before + 1.0)
    if width == 0.0:
        squares[0] = 0.0
    variance = row["variance"]
    for i in range(waiting.size):
        variance += squares[i]
    row["variance"] = variance


@kernel_bare
def merge_samples(samples: FloatColumn, n_merged: int, sums: FloatColumn, squares: FloatColumn) -> None:
    """Merge the oldest of level 0 in pairs."""
    for i in range(n_merged):
        older, newer = samples[2 * i], samples[2 * i + 1]
        gap = older - newer
        sums[i] = older + newer
        squares[i] = 0.5 * gap * gap
    for i in range(samples.size - 2 * n_merged):
        samples[i] = samples[2 * n_merged + i]


@kernel_inline
def pass_levels(buckets: FloatColumn, scratch: FloatColumn, slot: int, room: int, n: int, n_now: int) -> None:
    """Let what has been merged from level 0, in the working memory, go through the levels above it."""
    sent = count_come(n, room, 1)
    n_merged = count_come(n_now, room, 1) - sent
    held = sent - 2 * count_come(n, room, 2)
    # Entries of a level, those that come to it behind them: in two rows of the working memory, of the level above in the other two.
    sums, squares, sums_above, squares_above = scratch[0], scratch[1], scratch[2], scratch[3]
    level, half = 0, 1.0
    while n_merged > 0:
        n_held = held + n_merged
        sent = count_come(n, room, level + 2)
        n_merged = count_come(n_now, room, level + 2) - sent
        if n_merged > 0:
            held = sent - 2 * count_come(n, room, level + 3)
            for i in range(room):
                sums_above[i] = buckets[slot, TOTAL, i, level + 1]
                squares_above[i] = buckets[slot, VARIANCE, i, level + 1]
            # An entry stands for a power of two of samples, so a product with the reciprocal has the bits of the quotient.
            part = 0.5 / half
            for i in range(n_merged):
                older, newer = sums[2 * i], sums[2 * i + 1]
                gap = older * part - newer * part
                sums_above[held + i] = older + newer
                squares_above[held + i] = squares[2 * i] + squares[2 * i + 1] + half * gap * gap
        for i in range(room):
            is_there = 2 * n_merged + i < n_held
            buckets[slot, TOTAL, i, level] = sums[2 * n_merged + i] if is_there else 0.0
            buckets[slot, VARIANCE, i, level] = squares[2 * n_merged + i] if is_there else 0.0
        sums, squares, sums_above, squares_above = sums_above, squares_above, sums, squares
        level += 1
        half *= 2.0


@kernel_bare
def settle(rows: StateArray, recent: FloatColumn, buckets: FloatColumn, scratch: FloatColumn, slot: int) -> None:
    """Let the samples that wait go through the levels.

    Parameters
    ----------
    rows : (S,) structured, mutated
    recent : (S, M + W) float64, mutated
        Entries of level 0, oldest first, and the samples that wait.
    buckets : (S, 2, M, L - 1) float64, mutated
        Sum and sum of squared deviations of each entry of the levels above, oldest first, and zeros where there is none.
    scratch : (4, ...) float64, overwritten
    """
    row = rows[slot]
    room = buckets.shape[2]
    n, n_recent = row["n"], row["n_recent"]
    sent = count_come(n, room, 1)
    first = n - 2 * sent
    n_now = n + n_recent - first
    add_moments(row, recent[slot, first:n_recent], scratch[0], scratch[1])
    row["n"] = n_now
    n_merged = count_come(n_now, room, 1) - sent
    if n_merged == 0:
        return
    held = sent - 2 * count_come(n, room, 2)
    for i in range(room):
        scratch[0, i], scratch[1, i] = buckets[slot, TOTAL, i, 0], buckets[slot, VARIANCE, i, 0]
    merge_samples(recent[slot, :n_recent], n_merged, scratch[0, held:], scratch[1, held:])
    row["n_recent"] = n_recent - 2 * n_merged
    if room == USUAL_ROOM:
        pass_levels(buckets, scratch, slot, USUAL_ROOM, n, n_now)
    else:
        pass_levels(buckets, scratch, slot, room, n, n_now)


@kernel_bare
def find_top(n: int, room: int) -> int:
    """Highest level that has an entry."""
    level = 0
    while count_come(n, room, level + 1) > 0:
        level += 1
    return level


@kernel_bare
def list_entries(recent: FloatColumn, buckets: FloatColumn, scratch: FloatColumn, slot: int, n: int) -> int:
    """Write the sum of each entry, oldest first, and the number of samples up to it; return how many entries there are.

    Each level but the lowest takes as many places as it can have entries; a place without one has a sum and a number of zero.
    """
    room = buckets.shape[2]
    top = find_top(n, room)
    at = 0
    n_old = 0.0
    for level in range(top, 0, -1):
        count = float(1 << level)
        size = count_come(n, room, level) - 2 * count_come(n, room, level + 1)
        for k in range(size):
            n_old += count
            scratch[0, at + k] = buckets[slot, TOTAL, k, level - 1]
            scratch[1, at + k] = n_old
        for k in range(size, room):
            scratch[0, at + k] = 0.0
            scratch[1, at + k] = n_old
        at += room
    for k in range(n - 2 * count_come(n, room, 1)):
        scratch[0, at] = recent[slot, k]
        scratch[1, at] = n_old + k + 1.0
        at += 1
    return at


@kernel_inline
def bound_chance(width: float, least: float, variance: float, confidence: float) -> tuple[float, float]:
    """Numbers by which `is_far` tells most places where there is no cut without a division.

    With the lengths a and b of two parts less the least one, the weight of `is_cut` is (a + b) / (a b), and its bound the root of a
    multiple of the weight plus a multiple of the weight.  The square of that is the two squares and twice the product, which is no
    less than where the root is least.
    """
    both = width - 2.0 * least + 2.0
    steep, flat = max(2.0 * (variance / width) * confidence, 0.0), 2.0 / 3.0 * confidence
    steep += 2.0 * flat * math.sqrt(steep * 4.0 / max(both, 1.0))
    return (1.0 - SLACK) * both * steep, (1.0 - SLACK) * (flat * both) ** 2


@kernel_inline
def is_far(apart: float, n_old: float, n_new: float, least: float, chance: tuple[float, float]) -> bool:
    """True when there is no cut between `n_old` and `n_new` samples, whose means are `apart` over the product of these apart.

    Parameters
    ----------
    chance : (2,) float64
        See `bound_chance`.
    """
    product = n_old * n_new
    less = (n_old - least + 1.0) * (n_new - least + 1.0)
    far = apart * less
    return far * far < (chance[0] * less + chance[1]) * product * product


@kernel_inline
def add_levels(buckets: FloatColumn, scratch: FloatColumn, slot: int, n_levels: int) -> None:
    """Write the sum of the entries of each level above the lowest, and that of their magnitudes."""
    for level in range(n_levels):
        held, extent = 0.0, 0.0
        for i in range(USUAL_ROOM):
            entry = buckets[slot, TOTAL, i, level]
            held += entry
            extent += abs(entry)
        scratch[2, level], scratch[3, level] = held, extent


@kernel_inline
def count_near(
    buckets: FloatColumn,
    scratch: FloatColumn,
    slot: int,
    n_levels: int,
    moments: Moments,
    least: float,
    slack: float,
    chance: tuple[float, float],
) -> int:
    """How many entries above level 0 come near a cut."""
    width, total, _ = moments
    n_near = 0
    for level in range(n_levels):
        n_before, n_held, old, count = scratch[0, level], scratch[1, level], scratch[2, level], float(2 << level)
        for i in range(USUAL_ROOM):
            old += buckets[slot, TOTAL, i, level]
            n_old = n_before + count * min(n_held, i + 1.0)
            n_new = width - n_old
            apart = abs(old * width - total * n_old) + slack
            n_near += (n_old >= least) & (n_new >= least) & (not is_far(apart, n_old, n_new, least, chance))
    return n_near


@kernel_bare
def is_calm(
    recent: FloatColumn,
    buckets: FloatColumn,
    scratch: FloatColumn,
    slot: int,
    n: int,
    moments: Moments,
    least: float,
    confidence: float,
) -> bool:
    """True when no entry comes near a cut, which is most often so: told for the levels above the lowest side by side."""
    width, total, variance = moments
    room = buckets.shape[2]
    n_levels = (find_top(n, room) + 7) & -8
    for level in range(n_levels):
        n_above = count_come(n, room, level + 2)
        scratch[0, level] = float(n_above << (level + 2))
        scratch[1, level] = float(count_come(n, room, level + 1) - 2 * n_above)
    add_levels(buckets, scratch, slot, n_levels)
    old, extent = 0.0, abs(total)
    for level in range(n_levels - 1, -1, -1):
        extent += scratch[3, level]
        scratch[2, level], old = old, old + scratch[2, level]
    n_sent = 2 * count_come(n, room, 1)
    for i in range(n - n_sent):
        extent += abs(recent[slot, i])
    # What all the sums together can be off by, whatever the order they are made in.
    slack = width * extent * (5e-16 * room * (n_levels + 1) + 1e-15)
    chance = bound_chance(width, least, variance, confidence)
    for i in range(n - n_sent):
        old += recent[slot, i]
        n_old = float(n_sent + i + 1)
        n_new = width - n_old
        apart = abs(old * width - total * n_old) + slack
        if n_old >= least and n_new >= least and not is_far(apart, n_old, n_new, least, chance):
            return False
    return count_near(buckets, scratch, slot, n_levels, moments, least, slack, chance) == 0


@kernel_bare
def is_cut(scratch: FloatColumn, start: int, stop: int, moments: Moments, least: float, confidence: float) -> bool:
    """True when the mean of the samples before one of the entries differs from that of those after by more than chance allows.

    Parameters
    ----------
    start, stop : int
        Which of the entries that `list_entries` wrote are in the window.
    moments : (3,) float64
        Number, sum and sum of squared deviations of its samples.
    """
    width, total, variance = moments
    chance = bound_chance(width, least, variance, confidence)
    gone = scratch[1, start - 1] if start > 0 else 0.0
    old, new = 0.0, total
    for i in range(start, stop):
        old += scratch[0, i]
        new -= scratch[0, i]
        n_old = scratch[1, i] - gone
        n_new = width - n_old
        if n_new >= least and n_old >= least:
            left, right = old * n_new, new * n_old
            apart = abs(left - right) + 1e-15 * (abs(left) + abs(right))
            if not is_far(apart, n_old, n_new, least, chance):
                weight = 1.0 / (n_old - least + 1.0) + 1.0 / (n_new - least + 1.0)
                spread = 2.0 * weight * (variance / width) * confidence
                if abs(old / n_old - new / n_new) > math.sqrt(max(spread, 0.0)) + 2.0 / 3.0 * confidence * weight:
                    return True
    return False


@kernel_bare
def get_confidence(width: float, delta: float) -> float:
    """How many times the deviation of a mean counts as chance, squared and halved; infinite where there is nothing to compare."""
    if width < 2.0:
        return math.inf
    return math.log(2.0 * math.log(width) / delta)


@kernel_bare
def find_cut(
    rows: StateArray, recent: FloatColumn, buckets: FloatColumn, knobs: FloatColumn, scratch: FloatColumn, slot: int
) -> bool:
    """True when the window of a row, whose samples have all gone through the levels, has a cut somewhere: see `is_cut`."""
    row = rows[slot]
    width, total, variance = float(row["n"]), row["total"], row["variance"]
    moments = (width, total, variance)
    least, confidence = knobs[MIN_LENGTH], get_confidence(width, knobs[DELTA])
    if buckets.shape[2] == USUAL_ROOM and is_calm(recent, buckets, scratch, slot, row["n"], moments, least, confidence):
        return False
    n_places = list_entries(recent, buckets, scratch, slot, row["n"])
    first: Any = np.int64(0)  # a plain zero would be a kind of its own, and the kernel compiled twice
    return is_cut(scratch, first, n_places, moments, least, confidence)
