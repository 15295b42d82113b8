"""Estimators with one flaw each, in what they tell of themselves and of a score."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn, Scores
from tests.models.broken.flaw import Flaw, entering
from tests.models.plain_estimator import PlainLevel

__all__ = ["FLAWS"]

FLAWS: list[Flaw] = []
flaw = entering(FLAWS)


@flaw("describe_is_plain", "describe gives bool for 'ready'; expected a plain value")
class DescribesInNumpy(PlainLevel):
    def describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        return {**super().describe(slot), "ready": np.bool_(self.is_ready(slot))}  # type: ignore[dict-item]


@flaw("describe_is_plain", "as the model")
class DescribesAnother(PlainLevel):
    def describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        return {**super().describe(slot), "model": "another"}


@flaw("describe_is_plain", "does not say whether the series is ready")
class DescribesNothing(PlainLevel):
    def describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        return {"model": self.name}


@flaw("describe_is_plain", "`slot_nbytes` disagree")
class DescribesOtherBytes(PlainLevel):
    def describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        return {**super().describe(slot), "slot_nbytes": 1}


@flaw("describe_is_plain", "describe says ready=False before sample")
class DescribesReadinessLate(PlainLevel):
    def describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        told = dict(super().describe(slot))
        self._was_ready, was_ready = bool(told["ready"]), getattr(self, "_was_ready", False)
        return {**told, "ready": was_ready}


@flaw("describe_is_plain", "nothing is held of a series")
class HoldsNothing(PlainLevel):
    @property
    def state_nbytes(self) -> int:
        return 0


@flaw("parts_explain_the_score", "with its parts")
class ScoresOtherwiseWithParts(PlainLevel):
    def score_learn_many(self, slots: IntColumn, event_time_ns: IntColumn, X: FloatColumn, out: Scores) -> BoolColumn:
        ready = super().score_learn_many(slots, event_time_ns, X, out)
        out.score[ready] += 1e-9
        return ready


@flaw("parts_explain_the_score", "shares add up to")
class SharesTheWholeTwice(PlainLevel):
    def share_parts(self, parts: FloatColumn) -> tuple[tuple[str, float], ...]:
        return tuple((name, 2.0 * share) for name, share in super().share_parts(parts))


@flaw("parts_explain_the_score", "shares are not in order")
class SharesAtRandom(PlainLevel):
    def share_parts(self, parts: FloatColumn) -> tuple[tuple[str, float], ...]:
        return super().share_parts(parts)[::-1]


@flaw("parts_explain_the_score", "shares of")
class SharesByOtherNames(PlainLevel):
    def share_parts(self, parts: FloatColumn) -> tuple[tuple[str, float], ...]:
        return tuple((name.upper(), share) for name, share in super().share_parts(parts))


@flaw("contributions_are_numbers", "a missing feature contributes")
class BlamesTheMissing(PlainLevel):
    def contributions(self, slot: int, x: FloatColumn) -> FloatColumn:
        return super().contributions(slot, x) + 1.0


@flaw("contributions_are_numbers", "a contribution is nan")
class ContributesNotANumber(PlainLevel):
    def contributions(self, slot: int, x: FloatColumn) -> FloatColumn:
        return super().contributions(slot, x) * np.where(np.isnan(x), np.nan, 1.0)


@flaw("contributions_are_numbers", "contributions of shape")
class ContributesAsOne(PlainLevel):
    def contributions(self, slot: int, x: FloatColumn) -> FloatColumn:
        return super().contributions(slot, x)[:1]
