"""Filtering a detector whose kernels know no gate: run ahead, and go back where something is to be kept out."""

from __future__ import annotations

import numpy as np

from models.base import BoolColumn, Estimator, FloatColumn, IntColumn, Scores
from models.columnar import Batch
from models.gate_kernel import LEARNED, REFUSED, judge_in_order, pick_first_samples

__all__ = ["score_learn_ahead"]

_WINDOW = 4_096
_FIRST_REACH, _MOST_REACH = 8, 512


def score_learn_ahead(
    detector: Estimator, rule: FloatColumn, rows: FloatColumn, batch: Batch, out: Scores, ready: BoolColumn
) -> None:
    """Score every sample; learn those that the gate admits and withhold the others, as if one by one.

    The detector learns a stretch of samples of each series as though none were to be kept out.  Where the gate refuses one, every
    series of the stretch goes back to where it was and learns what came before the refused sample; what came after it is for the
    next stretch.  Stretches become longer while nothing is refused and shorter when something is.  That gives the bits of going
    sample by sample, because no model's bits depend on how a log is cut into batches nor on the other series in them.

    Parameters
    ----------
    detector : Estimator
        With every slot of `batch` reserved; mutated.
    rule, rows : array
        Of the gate, see `models.gate.Gate`; `rows` is mutated.
    batch : Batch
    out : Scores of (B,) float64, overwritten
    ready : (B,) bool, overwritten

    Examples
    --------
    >>> from models.gate import make_threshold_rule
    >>> from models.registry import build
    >>> detector = build("holt_winters")
    >>> detector.reserve(1)
    >>> values, zeros = np.array([1.0, 1.0, 1.0, 90.0, 1.0]), np.zeros(5, np.int64)
    >>> out, rule = Scores.empty(5), make_threshold_rule(5.0, True)
    >>> score_learn_ahead(detector, rule, np.zeros((0, 1)), Batch(zeros, zeros, values), out, np.empty(5, np.bool_))
    >>> out.score.tolist()
    [0.0, 0.0, 0.0, 89.0, 0.0]
    """
    slots, times, X = batch
    has_value: BoolColumn = np.asarray(np.isfinite(X) if X.ndim == 1 else np.isfinite(X).any(axis=1))
    counts = np.zeros(int(slots.max(initial=0)) + 1, dtype=np.int64)
    waiting = np.arange(slots.size)
    reach = _FIRST_REACH
    while waiting.size:
        window = waiting[:_WINDOW]
        is_picked = np.empty(window.size, np.bool_)
        pick_first_samples(slots, window, reach, counts, is_picked)
        picked = window[is_picked]
        own = slots[picked]
        touched = np.unique(own)
        before = detector.snapshot(touched)
        scores = Scores.empty(picked.size)
        is_ready: BoolColumn = detector.score_learn_many(own, times[picked], X[picked], scores)
        fate = np.empty(picked.size, np.int8)
        judge_in_order(rule, rows, own, scores.score, has_value[picked], counts, fate)
        told: BoolColumn = np.asarray(fate <= REFUSED)
        done = picked[told]
        for column, found in zip(out, scores, strict=True):
            column[done] = found[told]
        ready[done] = is_ready[told]
        rest = np.concatenate([window[~is_picked], waiting[_WINDOW:]])
        refused = picked[fate == REFUSED]
        if not refused.size:
            waiting, reach = rest, min(2 * reach, _MOST_REACH)
            continue
        detector.restore(touched, before)
        _learn(detector, batch, picked[fate == LEARNED])
        before = detector.snapshot(slots[refused])
        _learn(detector, batch, refused)
        detector.withhold(slots[refused], before)
        waiting, reach = np.sort(np.concatenate([picked[~told], rest])), max(reach // 2, 1)


def _learn(detector: Estimator, batch: Batch, places: IntColumn) -> None:
    detector.score_learn_many(batch.slots[places], batch.event_time_ns[places], batch.X[places], Scores.empty(places.size))
