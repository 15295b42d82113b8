"""Estimators with one flaw each, in what they say of a sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn, ScoreKind, Scores
from tests.models.broken.flaw import Batched, Flaw, entering
from tests.models.plain_estimator import GREATEST, PlainLevel

__all__ = ["FLAWS"]

FLAWS: list[Flaw] = []
flaw = entering(FLAWS)


@flaw("score_before_learn", "expected depends on the sample itself")
class LearnsFirst(PlainLevel):
    def step(self, slot: int, x: list[float], parts: FloatColumn) -> tuple[float, float, bool]:
        score, expected, ready = super().step(slot, x, parts)
        return score, float(self.means[slot, 0]) if ready else expected, ready


@flaw("score_before_learn", "prefix of 701")
class LooksAhead(Batched):
    def after(self, slots: IntColumn, X: FloatColumn, out: Scores, ready: BoolColumn) -> None:
        out.score[ready] += float(np.nanmax(X, initial=0.0))


@flaw("ready_only_after_warm_up", "a series never seen is ready")
class ReadyUnseen(PlainLevel):
    def is_ready(self, slot: int) -> bool:
        return bool(self.counts[slot] == 0 or self.counts[slot] > 5)


@flaw("ready_only_after_warm_up", "ready after 0 samples; expected 5 at least")
class ReadyAtOnce(Batched):
    def after(self, slots: IntColumn, X: FloatColumn, out: Scores, ready: BoolColumn) -> None:
        ready[:] = True
        out.score[:] = np.nan_to_num(out.score)


@flaw("ready_only_after_warm_up", "ready after 4 samples; expected 5 at least")
class ReadyOneTooSoon(PlainLevel):
    def is_ready(self, slot: int) -> bool:
        return bool(self.counts[slot] >= self._grace_period - 1)


@flaw("ready_only_after_warm_up", "a sample that is not ready has a score")
class ScoresBeforeItIsReady(Batched):
    def after(self, slots: IntColumn, X: FloatColumn, out: Scores, ready: BoolColumn) -> None:
        out.score[~ready] = 0.25


@flaw("ready_only_after_warm_up", "a sample that is not ready has a value in 'expected'")
class ExpectsBeforeItIsReady(Batched):
    def after(self, slots: IntColumn, X: FloatColumn, out: Scores, ready: BoolColumn) -> None:
        out.expected[~ready] = 0.25


@flaw("ready_only_after_warm_up", "went back to not ready")
class RestsNowAndThen(PlainLevel):
    def is_ready(self, slot: int) -> bool:
        return bool(self.counts[slot] >= self._grace_period and self.counts[slot] % 100)


@flaw("ready_only_after_warm_up", "describe and the batch call disagree")
class NeverSaysItIsReady(PlainLevel):
    def describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        return {**super().describe(slot), "ready": False}


@flaw("ready_only_after_warm_up", "the check cannot see anything")
class NeverReady(PlainLevel):
    def is_ready(self, slot: int) -> bool:
        return False


@flaw("scores_are_in_range", "a score is nan")
class ScoresNotANumber(Batched):
    def after(self, slots: IntColumn, X: FloatColumn, out: Scores, ready: BoolColumn) -> None:
        out.score[ready] = np.where(np.isnan(X[ready, 0]), np.nan, out.score[ready])


@flaw("scores_are_in_range", "a probability is")
class CallsItAProbability(PlainLevel):
    score_kind: ClassVar[ScoreKind] = "probability"


@flaw("scores_are_in_range", "a scale is negative")
class NegativeScale(Batched):
    def after(self, slots: IntColumn, X: FloatColumn, out: Scores, ready: BoolColumn) -> None:
        out.scale[ready] = -1.0


@flaw("scores_are_in_range", "columns that held something else")
class LeavesWhatWasThere(PlainLevel):
    def score_learn_parts(
        self, slots: IntColumn, event_time_ns: IntColumn, X: FloatColumn, out: Scores, parts: FloatColumn
    ) -> BoolColumn:
        before = out.score.copy()
        ready = super().score_learn_parts(slots, event_time_ns, X, out, parts)
        out.score[~ready] = np.where(before == 7.25, before, 0.0)[~ready]
        return ready


@flaw("scores_are_in_range", "ready is")
class ReadyInNumbers(PlainLevel):
    def score_learn_parts(
        self, slots: IntColumn, event_time_ns: IntColumn, X: FloatColumn, out: Scores, parts: FloatColumn
    ) -> BoolColumn:
        return super().score_learn_parts(slots, event_time_ns, X, out, parts).astype(np.int8)  # type: ignore[return-value]


@flaw("non_finite_policy", "left a trace")
class LearnsInfinityAsTheGreatest(PlainLevel):
    def clean(self, x: list[float]) -> list[float]:
        return [min(max(value, -GREATEST), GREATEST) for value in x]


@flaw("non_finite_policy", "left a trace in the state")
class CountsGaps(PlainLevel):
    """Shows in the state alone: the count past the grace period does not score."""

    gaps: ClassVar[int] = 0

    def step(self, slot: int, x: list[float], parts: FloatColumn) -> tuple[float, float, bool]:
        if not np.isfinite(x).any() and self.is_ready(slot):
            self.counts[slot] += 1
        return super().step(slot, x, parts)


@flaw("non_finite_policy", "a sample without a finite value is ready")
class ReadyForGaps(Batched):
    def after(self, slots: IntColumn, X: FloatColumn, out: Scores, ready: BoolColumn) -> None:
        ready[~np.isfinite(X).any(axis=1)] = True


@flaw("non_finite_policy", "a sample without a finite value has a score")
class ScoresGaps(Batched):
    def after(self, slots: IntColumn, X: FloatColumn, out: Scores, ready: BoolColumn) -> None:
        out.score[~np.isfinite(X).any(axis=1)] = 1.0


class _Overflowing(PlainLevel):
    """Takes every float as it comes."""

    def clean(self, x: list[float]) -> list[float]:
        return [value if np.isfinite(value) else np.nan for value in x]

    def step(self, slot: int, x: list[float], parts: FloatColumn) -> tuple[float, float, bool]:
        with np.errstate(all="ignore"):
            return super().step(slot, x, parts)


@flaw("extremes_have_numbers", "score inf after extreme values")
class ScoresWithoutEnd(_Overflowing):
    pass


@flaw("extremes_have_numbers", "an infinite value in 'expected'")
class ExpectsWithoutEnd(_Overflowing):
    def step(self, slot: int, x: list[float], parts: FloatColumn) -> tuple[float, float, bool]:
        score, expected, ready = super().step(slot, x, parts)
        return float(np.nan_to_num(score, posinf=1e300)), expected, ready


@flaw("extremes_do_not_poison", "no longer scored after extreme values")
class NeverRecovers(_Overflowing):
    """Quiet about it: what is not a number is not ready, for good."""

    def step(self, slot: int, x: list[float], parts: FloatColumn) -> tuple[float, float, bool]:
        score, expected, ready = super().step(slot, x, parts)
        return (score, expected, ready) if np.isfinite(score) and np.isfinite(expected) else (0.0, np.nan, False)


@flaw("extremes_do_not_poison", "no longer ready after extreme values")
class SaysItNeverRecovers(PlainLevel):
    greatest = 0.0

    def learn(self, slot: int, x: list[float]) -> None:
        super().learn(slot, x)
        self.greatest = max(self.greatest, *x)

    def describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        return {**super().describe(slot), "ready": self.is_ready(slot) and self.greatest < GREATEST}
