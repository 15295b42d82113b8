"""Kernel of the gate between scoring and learning."""

from __future__ import annotations

import math

from models.base import FloatColumn
from models.jit import kernel_bare, kernel_inline
from models.quantile.kernel import get_quantile, update_quantile

OPEN, THRESHOLD = 0.0, 1.0


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
