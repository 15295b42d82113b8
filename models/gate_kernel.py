"""Kernels of the gate between scoring and learning."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from models.base import BoolColumn, FloatColumn, IntColumn
from models.jit import kernel_bare, kernel_inline
from models.quantile.kernel import get_quantile, update_quantile

OPEN, THRESHOLD = 0.0, 1.0
LEARNED, REFUSED, NEXT = 0, 1, 2


@kernel_bare
def get_cut(rule: FloatColumn, rows: FloatColumn, slot: int) -> float:
    """Score from which `slot` is anomalous now; infinite while no score, or a quantile of zero, is known (as in river)."""
    if rule[0] == THRESHOLD:
        return float(rule[1])
    cut = get_quantile(rows, slot, 0, 0, rule[2])
    return cut if cut != 0.0 else math.inf


@kernel_bare
def admits_by_quantile(rule: FloatColumn, rows: FloatColumn, slot: int, score: float) -> bool:
    """`admits` of a quantile rule; apart, so that `admits` is small enough to be inlined where it is called."""
    is_anomaly = score >= get_cut(rule, rows, slot)
    if math.isfinite(score):
        update_quantile(rows, slot, 0, rule[2], score)
    return rule[3] == 0.0 or not is_anomaly


@kernel_inline
def admits(rule: FloatColumn, rows: FloatColumn, slot: int, score: float) -> bool:
    """True when the sample that scored `score` may be learned; the score joins the quantile of a quantile rule."""
    if rule[0] == OPEN:
        return True
    if rule[0] == THRESHOLD:
        return rule[3] == 0.0 or not score >= rule[1]
    return admits_by_quantile(rule, rows, slot, score)


@kernel_bare
def pick_first_samples(slots: IntColumn, window: IntColumn, reach: int, counts: IntColumn, is_picked: BoolColumn) -> None:
    """Tell which places of `window` hold one of the first `reach` samples of their slot there.

    Parameters
    ----------
    slots : (B,) int64
    window : (W,) int64
        Places in `slots`, ascending.
    counts : (S,) int64
        All 0, before and after.
    is_picked : (W,) bool, overwritten
    """
    for i in range(window.size):
        slot = slots[window[i]]
        is_picked[i] = counts[slot] < reach
        counts[slot] += 1
    for i in range(window.size):
        counts[slots[window[i]]] = 0


@kernel_bare
def judge_in_order(
    rule: FloatColumn,
    rows: FloatColumn,
    slots: IntColumn,
    scores: FloatColumn,
    has_value: BoolColumn,
    counts: IntColumn,
    fate: npt.NDArray[np.int8],
) -> None:
    """Ask the gate about every sample up to the first of its slot that is refused.

    Parameters
    ----------
    rows : (S, ...) float64, mutated
    slots, scores, has_value : (B,)
        A sample without a value is not asked about.
    counts : (S,) int64
        All 0, before and after.
    fate : (B,) int8, overwritten
        `LEARNED`, `REFUSED`, or `NEXT`: after a refused one.
    """
    for i in range(slots.size):
        slot = slots[i]
        if counts[slot]:
            fate[i] = NEXT
        elif not has_value[i] or admits(rule, rows, slot, scores[i]):
            fate[i] = LEARNED
        else:
            fate[i] = REFUSED
            counts[slot] = 1
    for i in range(slots.size):
        counts[slots[i]] = 0
