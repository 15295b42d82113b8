"""Kernel of Page-Hinkley.

References
----------
Page, E. S. (1954). Continuous inspection schemes. Biometrika 41(1/2), section 3.
"""

from __future__ import annotations

import math

from models.base import BoolColumn, FloatColumn, IntColumn
from models.jit import kernel_bare, kernel_call, kernel_inline
from models.prefetch_kernel import prefetch
from models.state_array import StateArray

MIN_INSTANCES, DELTA, THRESHOLD, ALPHA, UP, DOWN = 0, 1, 2, 3, 4, 5
AHEAD = 32
"""Samples whose series' state is fetched before their turn."""


@kernel_inline
def take(rows: StateArray, knobs: FloatColumn, slot: int, x: float) -> int:
    """Take one value into the sums of a slot; return 0 = not ready, 1 = no change, 2 = a change is detected.

    Parameters
    ----------
    rows : (S,) structured, mutated
    knobs : (6,) float64
        Least samples, tolerance, threshold, forgetting factor, and 1.0 for each direction watched.
    """
    # Sums of samples this far out overflow before a change is detected, and no sample could be taken any more.
    if not abs(x) < 1e150:
        return 0
    row = rows[slot]
    n, mean, rise, fall = row["n"], row["mean"], row["rise"], row["fall"]
    least_rise, greatest_fall = row["least_rise"], row["greatest_fall"]
    if row["is_drift"] or n == 0.0:
        n, mean, rise, fall = 0.0, 0.0, 0.0, 0.0
        least_rise, greatest_fall = math.inf, -1.0
    n += 1.0
    mean += (1.0 / n) * (x - mean)
    deviation = x - mean
    rise = knobs[ALPHA] * rise + deviation - knobs[DELTA]
    fall = knobs[ALPHA] * fall + deviation + knobs[DELTA]
    if not (math.isfinite(rise) and math.isfinite(fall) and math.isfinite(mean)):
        return 0
    least_rise = min(least_rise, rise)
    greatest_fall = max(greatest_fall, fall)
    is_drift = n >= knobs[MIN_INSTANCES] and (
        (knobs[UP] > 0.0 and rise - least_rise > knobs[THRESHOLD])
        or (knobs[DOWN] > 0.0 and greatest_fall - fall > knobs[THRESHOLD])
    )
    is_ready = row["is_warm"]
    row["is_drift"] = is_drift
    row["is_warm"] |= n + 1.0 >= knobs[MIN_INSTANCES]
    row["n"], row["mean"], row["rise"], row["fall"] = n, mean, rise, fall
    row["least_rise"], row["greatest_fall"] = least_rise, greatest_fall
    if not is_ready:
        return 0
    return 2 if is_drift else 1


@kernel_call
def update_one(rows: StateArray, knobs: FloatColumn, x: float) -> None:
    """`take` in slot 0; like river's, it returns nothing."""
    take(rows, knobs, 0, x)


@kernel_bare
def update_many(
    rows: StateArray, knobs: FloatColumn, slots: IntColumn, values: FloatColumn, scores: FloatColumn, ready: BoolColumn
) -> None:
    """`take` over a batch.

    Parameters
    ----------
    scores, ready : (B,), overwritten
    """
    for i in range(slots.size):
        if i + AHEAD < slots.size:
            prefetch(rows, (slots[i + AHEAD],))
            prefetch(rows, (slots[i + AHEAD] + 1,))
        found = take(rows, knobs, slots[i], values[i])
        scores[i] = 1.0 if found == 2 else 0.0
        ready[i] = found > 0
