"""The provider ``local``: an independent detector of another family over the anomaly's own recent history.

It is built to err elsewhere than the detectors it checks: no mean, no variance, no trees, no state from before.  Two views, each
with leave-one-out scores over the history and the tail of `pipeline.crosscheck.tail`:

level
    How far the value is from its nearest neighbours among the values of the history, in units of a robust scale.  A value between
    two modes is far from both; a spike like those seen before is not far.
shape
    How far the value is from what followed the history's most similar moments (nearest neighbours of the last three samples after
    removing their level; the forecast is the current level plus the median step that followed them).  On a ramp or a periodic
    signal the next value is expected, however high.

A confirmation needs both views at or below ``confirm_tail``; a refutation needs both at or above ``refute_tail``; anything else
is ``unknown``.  The tail probability reported is the one that decided: the larger, and in a refutation the smaller.

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
from pipeline.crosscheck.tail import conformal_tail
from pipeline.engine.anomaly import Anomaly

__all__ = ["LocalProvider", "level_tail", "shape_tail", "silence_tail"]

N_NEIGHBOURS = 3
SHINGLE_SAMPLES = 3
RELATIVE_RESOLUTION = 1e-6
"""Of the median: the least scale of a series whose history does not vary at all."""


def _measure_scale(values: NDArray[np.float64]) -> float:
    """Robust scale: 1.4826 MAD; the mean deviation where more than half are equal; a sliver of the level where all are."""
    centre = float(np.median(values))
    deviations = np.abs(values - centre)
    return max(
        1.4826 * float(np.median(deviations)) or 1.2533 * float(np.mean(deviations)),
        RELATIVE_RESOLUTION * max(abs(centre), 1e-9),
    )


def level_tail(history: NDArray[np.float64], value: float) -> float:
    """Tail probability of the distance to the nearest values.

    Parameters
    ----------
    history : (N,) float64
        Values before the episode, more than `N_NEIGHBOURS`.
    value : float
        The value in question.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> noise = rng.normal(size=63)
    >>> level_tail(noise, 6.0) < 0.01, level_tail(noise, 0.3) > 0.1
    (True, True)
    """
    scale = _measure_scale(history)
    distances = np.abs(history[:, None] - history[None, :]) / scale
    np.fill_diagonal(distances, np.inf)
    scores = np.partition(distances, N_NEIGHBOURS - 1, axis=1)[:, N_NEIGHBOURS - 1]
    score = float(np.partition(np.abs(history - value) / scale, N_NEIGHBOURS - 1)[N_NEIGHBOURS - 1])
    return conformal_tail(scores, score, offset=1.0)


def shape_tail(history: NDArray[np.float64], value: float) -> float:
    """Tail probability of the distance to what followed the most similar moments.

    Parameters
    ----------
    history : (N,) float64
        Values before the episode, oldest first, at least ``SHINGLE_SAMPLES + N_NEIGHBOURS + 2``.
    value : float
        The value in question, which followed the last of them.

    Examples
    --------
    >>> ramp = np.arange(63.0)
    >>> shape_tail(ramp, 63.0), shape_tail(ramp, 90.0) < 0.01
    (1.0, True)
    """
    windows = np.lib.stride_tricks.sliding_window_view(np.append(history, value), SHINGLE_SAMPLES + 1)
    shingles = windows[:, :-1] - windows[:, -2:-1]
    steps = windows[:, -1] - windows[:, -2]
    distances = np.abs(shingles[:, None, :] - shingles[None, :, :]).sum(axis=2)
    # What is in question must not vote, and nobody for itself.
    distances[:, -1] = np.inf
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :N_NEIGHBOURS]
    errors = np.abs(steps - np.median(steps[nearest], axis=1))
    scale = _measure_scale(steps[:-1])
    scores = errors / scale
    return conformal_tail(scores[:-1], float(scores[-1]), offset=1.0)


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
    """Judges anomalies by the context they carry.  Deterministic, without state, about 0.4 ms an anomaly.

    Parameters
    ----------
    settings : LocalProvider settings
        `min_samples`, `confirm_tail`, `refute_tail`.

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
            if loop.time() < until_secs:
                verdicts.append(self.judge_one(anomaly))
            else:
                verdicts.append(self._give("unknown", "deadline", "too many suspicions at once to judge them all in time"))
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
            level, shape = level_tail(history, value), shape_tail(history, value)
            centre, scale = float(np.median(history)), _measure_scale(history)
        if not (math.isfinite(level) and math.isfinite(shape)):
            return self._give("unknown", "range", "the values are too large to be compared")
        what = (
            f"{value:.6g} is {abs(value - centre) / scale:.3g} robust deviations from the median {centre:.6g} of {len(history)} "
            f"samples; tail of its level {level:.2g}, of its step {shape:.2g}"
        )
        smaller, larger = min(level, shape), max(level, shape)
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
