"""The provider ``local``: an independent detector of another family over the anomaly's own recent history.

It is built to err elsewhere than the detectors it checks: no mean, no variance, no state from before.  Two families can be chosen,
nearest neighbours (`pipeline.crosscheck.neighbours`) and random cut forests (`pipeline.crosscheck.forest`); each has two views of a
value, of its level and of its step.  A confirmation needs both at or below ``confirm_tail``; a refutation needs both at or above
``refute_tail``; anything else is ``unknown``.  The tail probability reported is the one that decided: the larger, and in a refutation
the smaller.

Silence is judged by the intervals between the samples: the probability that an interval this long is seen at all among as many
as the history has, so that a producer that was silent this long before is refuted.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.config.schema import LocalProvider as LocalSettings
from pipeline.crosscheck.base import Outcome, Verdict
from pipeline.crosscheck.forest import look_at
from pipeline.crosscheck.neighbours import level_tail, measure_scale, shape_tail
from pipeline.crosscheck.tail import conformal_tail
from pipeline.engine.anomaly import Anomaly
from pipeline.engine.explanation import format_number

__all__ = ["LocalProvider", "silence_tail"]


def silence_tail(intervals: NDArray[np.float64], silence: float) -> float:
    """Probability that a silence this long is seen among as many intervals as there are.

    Parameters
    ----------
    intervals : (N,) float64
        Between the samples, above 0, in any unit.
    silence : float
        Since the last sample, in that unit.

    Examples
    --------
    >>> regular = np.full(63, 10.0)
    >>> silence_tail(regular, 50.0) < 0.01, silence_tail(np.append(regular, 60.0), 50.0) > 0.5
    (True, True)
    """
    n = len(intervals)
    tail = conformal_tail(intervals, silence)
    return -math.expm1(n * math.log1p(-min(tail, 1.0 - 1e-12)))


class LocalProvider:
    """Judges anomalies by the context they carry.  Deterministic, without state.

    Parameters
    ----------
    settings : LocalProvider settings
        `family`, `min_samples`, `confirm_tail`, `refute_tail`.

    Notes
    -----
    Reasons: ``tail`` (both views agree), ``views_differ``, ``between`` (no view is clear), ``too_little_context``, ``no_history``
    (a new log template has none), ``intervals`` (silence judged).
    """

    name = "local"

    def __init__(self, settings: LocalSettings) -> None:
        self._settings = settings

    async def judge(self, anomalies: Sequence[Anomaly], deadline_secs: float) -> Sequence[Verdict]:
        """One verdict per anomaly, in order; other tasks get their turn between two of them.

        What it does not get to in nine tenths of the time left is ``unknown`` for the reason ``deadline``.
        """
        loop = asyncio.get_running_loop()
        until_secs = loop.time() + 0.9 * deadline_secs
        verdicts: list[Verdict] = []
        for anomaly in anomalies:
            if loop.time() >= until_secs:
                verdicts.append(self._give("unknown", "deadline", "too many suspicions at once to judge them all in time"))
            elif self._settings.family == "random_cut_forest":
                # Milliseconds, in kernels that hold no lock: scoring goes on meanwhile.
                verdicts.append(await asyncio.to_thread(self.judge_one, anomaly))
            else:
                verdicts.append(self.judge_one(anomaly))
            await asyncio.sleep(0)
        return verdicts

    async def close(self) -> None:
        """Nothing to release."""

    def judge_one(self, anomaly: Anomaly) -> Verdict:
        """The verdict on one anomaly: a pure function of the anomaly and the settings."""
        if anomaly.kind == "new_template":
            return self._give("unknown", "no_history", "a log template seen for the first time has no history to compare with")
        if anomaly.kind == "absence":
            return self._judge_silence(anomaly)
        return self._judge_value(anomaly)

    def _judge_value(self, anomaly: Anomaly) -> Verdict:
        times = np.asarray(anomaly.context_time_ns, dtype=np.int64)
        values = np.asarray(anomaly.context_value, dtype=np.float64)
        # Samples of the episode itself are not history, however many it took to open it.
        history = values[: len(values) - 1][times[: len(values) - 1] < anomaly.started_ns]
        history = history[np.isfinite(history)]
        value = float(values[-1]) if len(values) else math.nan
        if len(history) < self._settings.min_samples or not math.isfinite(value):
            return self._give_too_little(len(history))
        with np.errstate(over="ignore", invalid="ignore"):
            centre, scale = float(np.median(history)), measure_scale(history)
            if self._settings.family == "nearest_neighbours":
                level, step, by = level_tail(history, value), shape_tail(history, value), ""
            else:
                level, step, share = look_at(history, value)
                by = f"; {100 * share:.0f} % of what it displaces is by this very value" if math.isfinite(share) else ""
        if not (math.isfinite(level) and math.isfinite(step) and math.isfinite(scale)):
            return self._give("unknown", "range", "the values are too large to be compared")
        n_deviations = abs(value - centre) / scale
        far = f"{n_deviations:.3g}" if n_deviations < 10_000.0 else "more than 10,000"
        what = (
            f"{format_number(value)} is {far} robust deviations from the median {format_number(centre)} of {len(history)} "
            f"samples; tail of its level {level:.2g}, of its step {step:.2g}{by}"
        )
        smaller, larger = min(level, step), max(level, step)
        if larger <= self._settings.confirm_tail:
            return self._give("confirmed", "tail", what, larger)
        if smaller >= self._settings.refute_tail:
            return self._give("refuted", "tail", what, smaller)
        differ = smaller <= self._settings.confirm_tail and larger >= self._settings.refute_tail
        return self._give("unknown", "views_differ" if differ else "between", what, larger)

    def _judge_silence(self, anomaly: Anomaly) -> Verdict:
        times = np.asarray(anomaly.context_time_ns, dtype=np.int64)
        intervals = np.diff(times).astype(np.float64) / 1e9
        intervals = intervals[intervals > 0.0]
        if len(intervals) < self._settings.min_samples:
            return self._give_too_little(len(intervals))
        silence_secs = (anomaly.event_time_ns - int(times[-1])) / 1e9
        tail = silence_tail(intervals, silence_secs)
        what = (
            f"silent for {silence_secs:.6g} s; the longest of {len(intervals)} intervals was {float(np.max(intervals)):.6g} s, "
            f"their median {float(np.median(intervals)):.6g} s"
        )
        outcome: Outcome = "unknown"
        if tail <= self._settings.confirm_tail:
            outcome = "confirmed"
        elif tail >= self._settings.refute_tail:
            outcome = "refuted"
        return self._give(outcome, "intervals", what, tail)

    def _give_too_little(self, n_samples: int) -> Verdict:
        detail = f"{n_samples} usable samples of history, {self._settings.min_samples} needed"
        return self._give("unknown", "too_little_context", detail)

    def _give(self, outcome: Outcome, reason: str, detail: str, tail: float | None = None) -> Verdict:
        return Verdict(self.name, outcome, reason, detail, tail)
