"""Kernels of the Gaussian scorer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn
from models.erf_kernel import fill_erf
from models.gate_kernel import OPEN, admits
from models.gaussian.state import HEAD, MEAN, SUM_SQ, WINDOW, N
from models.jit import kernel, kernel_bare, kernel_call, kernel_inline
from models.moments_kernel import (
    add_sample,
    are_finite,
    compute_sigma,
    drop_sample,
    fill_deviations,
    learn_moments,
)
from models.prefetch_kernel import prefetch

SQRT_2 = math.sqrt(2.0)
AHEAD = np.uint64(40)
"""Samples whose series' state is fetched before their turn."""
CHUNK = 1024
"""Samples scored in one go, few enough for the columns to stay in the cache."""
ONE, BLOCK, FEW, N_MARKS = np.uint64(1), np.uint64(64), np.uint64(8), 4096
"""Samples scored in one go behind a gate at most, and at least; and a power of two many times that.

Unsigned, as indices are here: an index that cannot be negative needs no test for counting from the end.
"""


@kernel
def score(mean: float, sigma: float, y: float) -> float:
    """Twice the distance of the CDF at `y` from one half; 1.0 when the spread is zero, as in river."""
    if sigma == 0.0:
        return 1.0
    return 2.0 * abs(0.5 * (1.0 + math.erf((y - mean) / sigma / SQRT_2)) - 0.5)


@kernel_bare
def learn_windowed(rows: FloatColumn, slot: int, y: float) -> bool:
    """Add `y`, dropping the oldest sample of a full window; False = refused, because a moment would overflow."""
    n, mean, sum_sq = rows[slot, N], rows[slot, MEAN], rows[slot, SUM_SQ]
    window_size = rows.shape[1] - WINDOW
    head = WINDOW + int(rows[slot, HEAD])
    if n == window_size:
        n, mean, sum_sq = drop_sample(n, mean, sum_sq, rows[slot, head])
    n, mean, sum_sq = add_sample(n, mean, sum_sq, y)
    if not are_finite(mean, sum_sq):
        return False
    rows[slot, N], rows[slot, MEAN], rows[slot, SUM_SQ] = n, mean, sum_sq
    rows[slot, head] = y
    rows[slot, HEAD] = 0.0 if head + 1 == rows.shape[1] else rows[slot, HEAD] + 1.0
    return True


@kernel_call
def score_value(rows: FloatColumn, grace_period: int, y: float) -> float:
    """Score of one value in slot 0; 0.0 during the grace period and for a value that is not finite."""
    if rows[0, N] < grace_period or not math.isfinite(y):
        return 0.0
    return score(rows[0, MEAN], compute_sigma(rows, 0), y)


@kernel_call
def learn_value(rows: FloatColumn, y: float) -> bool:
    """Learn one value in slot 0; one that is not finite is left out."""
    if not math.isfinite(y):
        return False
    return learn_windowed(rows, 0, y) if rows.shape[1] > WINDOW else learn_moments(rows, 0, y)


@kernel_inline
def fetch(rows: FloatColumn, slots: IntColumn, i: Any, n: Any) -> None:
    """Ask for the state that the samples after the `i`-th of `n` will need; both are unsigned."""
    if i + AHEAD + AHEAD < n:
        prefetch(rows, (slots[i + AHEAD + AHEAD], 0))
        if rows.shape[1] > WINDOW:
            prefetch(rows, (slots[i + AHEAD], WINDOW + int(rows[slots[i + AHEAD], HEAD])))


@kernel_bare
def learn_known(rows: FloatColumn, slot: int, y: float) -> None:
    """Learn a finite value."""
    if rows.shape[1] > WINDOW:
        learn_windowed(rows, slot, y)
    else:
        learn_moments(rows, slot, y)


@kernel_inline
def read_moments(
    rows: FloatColumn,
    grace_period: int,
    slot: int,
    y: float,
    i: int,
    counts: FloatColumn,
    means: FloatColumn,
    sums: FloatColumn,
    ready: BoolColumn,
) -> None:
    """Write down what is known before a sample: the moments, and whether it can be scored."""
    counts[i] = rows[slot, N]
    means[i] = rows[slot, MEAN]
    sums[i] = rows[slot, SUM_SQ]
    ready[i] = math.isfinite(y) and rows[slot, N] >= grace_period


@kernel_bare
def learn_many(
    rows: FloatColumn,
    grace_period: int,
    slots: IntColumn,
    values: FloatColumn,
    counts: FloatColumn,
    means: FloatColumn,
    sums: FloatColumn,
    ready: BoolColumn,
    start: int,
    stop: int,
) -> None:
    """Learn the samples ``start .. stop-1``, and write down what was known before each."""
    has_window = rows.shape[1] > WINDOW
    n: Any = np.uint64(slots.size)
    for i in range(np.uint64(start), np.uint64(stop)):
        fetch(rows, slots, i, n)
        slot = slots[i]
        y = values[i]
        is_finite = math.isfinite(y)
        counts[i] = rows[slot, N]
        means[i] = rows[slot, MEAN]
        sums[i] = rows[slot, SUM_SQ]
        ready[i] = is_finite and rows[slot, N] >= grace_period
        if is_finite:
            if has_window:
                learn_windowed(rows, slot, y)
            else:
                learn_moments(rows, slot, y)


@kernel_bare
def score_many(
    reach: float,
    values: FloatColumn,
    scores: FloatColumn,
    expected: FloatColumn,
    scale: FloatColumn,
    ready: BoolColumn,
    start: int,
    stop: int,
    z: FloatColumn,
    unsure: BoolColumn,
) -> None:
    """Score the samples ``start .. stop-1`` by what `read_moments` wrote into the columns, four or eight at a time.

    Parameters
    ----------
    z, unsure : (stop - start,) at least, overwritten
        Room.
    """
    fill_deviations(scores, scale, start, stop, unsure)
    first: Any = np.uint64(start)
    last: Any = np.uint64(stop)
    for i in range(first, last):
        z[i - first] = (values[i] - expected[i]) / scale[i] / SQRT_2
    fill_erf(z, reach, scores, start, stop)
    for i in range(first, last):
        found = 2.0 * abs(0.5 * (1.0 + scores[i]) - 0.5)
        found = found if scale[i] != 0.0 else 1.0
        scores[i] = found if ready[i] else 0.0
        expected[i] = expected[i] if ready[i] else math.nan
        scale[i] = scale[i] if ready[i] else math.nan


@kernel_bare
def score_learn_in_turn(
    rows: FloatColumn,
    grace_period: int,
    gate: FloatColumn,
    gate_rows: FloatColumn,
    slots: IntColumn,
    values: FloatColumn,
    scores: FloatColumn,
    expected: FloatColumn,
    scale: FloatColumn,
    ready: BoolColumn,
    start: int,
    stop: int,
) -> None:
    """Score and learn one sample after the other."""
    for i in range(start, stop):
        slot = slots[i]
        y = values[i]
        is_finite = math.isfinite(y)
        is_ready = is_finite and rows[slot, N] >= grace_period
        found = 0.0
        if is_ready:
            sigma = compute_sigma(rows, slot)
            found = score(rows[slot, MEAN], sigma, y)
            expected[i] = rows[slot, MEAN]
            scale[i] = sigma
        else:
            expected[i] = math.nan
            scale[i] = math.nan
        scores[i] = found
        ready[i] = is_ready
        if is_finite and admits(gate, gate_rows, slot, found):
            learn_known(rows, slot, y)


@kernel_bare
def score_learn_gated(
    rows: FloatColumn,
    grace_period: int,
    reach: float,
    gate: FloatColumn,
    gate_rows: FloatColumn,
    slots: IntColumn,
    values: FloatColumn,
    scores: FloatColumn,
    expected: FloatColumn,
    scale: FloatColumn,
    ready: BoolColumn,
    z: FloatColumn,
    unsure: BoolColumn,
    marks: IntColumn,
) -> None:
    """`score_learn_many` where what is learned depends on the scores.

    Scores in bulk want samples that do not depend on each other: those up to the next sample of a series that has one already.

    Parameters
    ----------
    z, unsure : (BLOCK,), overwritten
    marks : (N_MARKS,) int64, overwritten
        Begins as zeros: where a series has a sample in a block, the number of the block.
    """
    n: Any = np.uint64(slots.size)
    start: Any = np.uint64(0)
    block = 0
    while start < n:
        most = min(start + BLOCK, n)
        block += 1
        stop = start
        while stop < most and marks[slots[stop] & (N_MARKS - 1)] != block:
            marks[slots[stop] & (N_MARKS - 1)] = block
            fetch(rows, slots, stop, n)
            if stop + AHEAD < n and gate_rows.shape[0]:
                prefetch(gate_rows, (slots[stop + AHEAD], 0))
                prefetch(gate_rows, (slots[stop + AHEAD], gate_rows.shape[1] - 1))
            read_moments(rows, grace_period, slots[stop], values[stop], stop, scores, expected, scale, ready)
            stop += ONE
        if stop - start < FEW:
            # What follows is likely to be as close.
            stop = most
            score_learn_in_turn(rows, grace_period, gate, gate_rows, slots, values, scores, expected, scale, ready, start, stop)
        else:
            score_many(reach, values, scores, expected, scale, ready, start, stop, z, unsure)
            for i in range(start, stop):
                if math.isfinite(values[i]) and admits(gate, gate_rows, slots[i], scores[i]):
                    learn_known(rows, slots[i], values[i])
        start = stop


@kernel
def score_learn_many(
    rows: FloatColumn,
    grace_period: int,
    reach: float,
    gate: FloatColumn,
    gate_rows: FloatColumn,
    slots: IntColumn,
    values: FloatColumn,
    scores: FloatColumn,
    expected: FloatColumn,
    scale: FloatColumn,
    ready: BoolColumn,
) -> None:
    """Prequential pass over a batch; see `models.base.Estimator.score_learn_many` for shapes.  `rows` is mutated."""
    if gate[0] == OPEN:
        z, unsure = np.empty(CHUNK), np.empty(CHUNK, np.bool_)
        for start in range(0, slots.size, CHUNK):
            stop = min(start + CHUNK, slots.size)
            learn_many(rows, grace_period, slots, values, scores, expected, scale, ready, start, stop)
            score_many(reach, values, scores, expected, scale, ready, start, stop, z, unsure)
    else:
        z, unsure, marks = np.empty(BLOCK), np.empty(BLOCK, np.bool_), np.zeros(N_MARKS, np.int64)
        score_learn_gated(
            rows, grace_period, reach, gate, gate_rows, slots, values, scores, expected, scale, ready, z, unsure, marks
        )
