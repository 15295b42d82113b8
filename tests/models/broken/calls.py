"""Estimators with one flaw each, in how they are called."""

from __future__ import annotations

from collections.abc import Mapping

import numba
import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn, Scores
from models.errors import ShapeError
from tests.models.broken.flaw import Batched, Flaw, entering
from tests.models.plain_estimator import PlainLevel

__all__ = ["FLAWS"]

FLAWS: list[Flaw] = []
flaw = entering(FLAWS)


@flaw("inputs_untouched", "wrote to its input")
class WritesToTheBatch(Batched):
    def after(self, slots: IntColumn, X: FloatColumn, out: Scores, ready: BoolColumn) -> None:
        np.nan_to_num(X, copy=False)


@flaw("inputs_untouched", "columns used again by the caller")
class KeepsTheLastRow(PlainLevel):
    last: FloatColumn | None = None

    def score_learn_parts(
        self, slots: IntColumn, event_time_ns: IntColumn, X: FloatColumn, out: Scores, parts: FloatColumn
    ) -> BoolColumn:
        if self.last is not None and self.last.size:
            self.means[0, 0] += 0.0 if np.array_equal(self.last, self.told, equal_nan=True) else 1.0
        self.last, self.told = X, X.copy()
        return super().score_learn_parts(slots, event_time_ns, X, out, parts)


@flaw("inputs_untouched", "strided columns")
class ReadsMemoryInARow(Batched):
    def after(self, slots: IntColumn, X: FloatColumn, out: Scores, ready: BoolColumn) -> None:
        out.score[ready] += 0.0 if X.flags.c_contiguous else 1.0


@flaw("inputs_untouched", "learn_one wrote to its input")
class EatsItsDict(PlainLevel):
    def learn_one(self, x: dict[str, float]) -> None:
        super().learn_one(x)
        x.clear()


@flaw("shapes_are_refused", "X is float32")
class TakesAnyDtype(PlainLevel):
    def score_learn_parts(
        self, slots: IntColumn, event_time_ns: IntColumn, X: FloatColumn, out: Scores, parts: FloatColumn
    ) -> BoolColumn:
        return super().score_learn_parts(slots, event_time_ns, X.astype(np.float64), out, parts)


@flaw("shapes_are_refused", "a refused batch was learned")
class LearnsBeforeItLooks(PlainLevel):
    def score_learn_parts(
        self, slots: IntColumn, event_time_ns: IntColumn, X: FloatColumn, out: Scores, parts: FloatColumn
    ) -> BoolColumn:
        try:
            return super().score_learn_parts(slots, event_time_ns, X, out, parts)
        except ShapeError:
            self.counts[0] += 1
            raise


@flaw("shapes_are_refused", "describe of slot 3")
class CountsSlotsFromTheEnd(PlainLevel):
    def describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        return super().describe(slot % self.n_slots)


@flaw("inference_does_not_mutate", "asking the model changed it")
class LearnsWhatItScores(PlainLevel):
    def score_one(self, x: dict[str, float]) -> float:
        score = super().score_one(x)
        self.learn_one(x)
        return score


@flaw("inference_does_not_mutate", "after the model was asked")
class RemembersTheQuestion(Batched):
    """Outside of the state, so that no snapshot shows it."""

    asked = 0

    def contributions(self, slot: int, x: FloatColumn) -> FloatColumn:
        self.asked += 1
        return super().contributions(slot, x)

    def after(self, slots: IntColumn, X: FloatColumn, out: Scores, ready: BoolColumn) -> None:
        out.score[ready] += self.asked


@numba.njit
def total(X: FloatColumn) -> float:
    return float(X.sum())


@flaw("no_compilation_after_warm_up", "compiled after warm-up.*total")
class CompilesForReadOnlyColumns(Batched):
    def after(self, slots: IntColumn, X: FloatColumn, out: Scores, ready: BoolColumn) -> None:
        total(X)


@flaw("no_compilation_after_warm_up", "compiled after warm-up.*shift")
class CompilesForEveryModel(Batched):
    def __init__(self, rate: float = 0.125, grace_period: int = 5) -> None:
        super().__init__(rate, grace_period)

        def shift(x: float) -> float:
            return x + rate

        self.shift = numba.njit(shift)

    def after(self, slots: IntColumn, X: FloatColumn, out: Scores, ready: BoolColumn) -> None:
        self.shift(1.0)


@flaw("no_compilation_after_warm_up", "compiled after warm-up.*total")
class CompilesForIntegers(PlainLevel):
    def score_one(self, x: dict[str, float]) -> float:
        total(np.array(list(x.values())))
        return super().score_one(x)
