"""Estimators with one flaw each, and the check that must see it: a check that lets its own flaw through is worth nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numba
import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn, ScoreKind, Scores, Snapshot
from models.errors import ShapeError, SlotError, SnapshotError
from tests.models.plain_estimator import GREATEST, PlainLevel

__all__ = ["FLAWS", "Flaw"]


class Flaw(NamedTuple):
    """A class, the check that must refuse it, and what the check says then."""

    broken: type[PlainLevel]
    check_name: str
    message: str


FLAWS: list[Flaw] = []


def flaw(check_name: str, message: str) -> Any:
    """Enter a class into `FLAWS`."""

    def enter(broken: type[PlainLevel]) -> type[PlainLevel]:
        FLAWS.append(Flaw(broken, check_name, message))
        return broken

    return enter


class _Batched(PlainLevel):
    """A hook around the batch call."""

    def score_learn_parts(
        self, slots: IntColumn, event_time_ns: IntColumn, X: FloatColumn, out: Scores, parts: FloatColumn
    ) -> BoolColumn:
        ready = super().score_learn_parts(slots, event_time_ns, X, out, parts)
        self.after(slots, X, out, ready)
        return ready

    def after(self, slots: IntColumn, X: FloatColumn, out: Scores, ready: BoolColumn) -> None:
        """Called with what the batch call put out."""


# Calls ----------------------------------------------------------------------------------------------------------------


@flaw("inputs_untouched", "wrote to its input")
class WritesToTheBatch(_Batched):
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
class ReadsMemoryInARow(_Batched):
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
class RemembersTheQuestion(_Batched):
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
class CompilesForReadOnlyColumns(_Batched):
    def after(self, slots: IntColumn, X: FloatColumn, out: Scores, ready: BoolColumn) -> None:
        total(X)


@flaw("no_compilation_after_warm_up", "compiled after warm-up.*shift")
class CompilesForEveryModel(_Batched):
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


# Scores ---------------------------------------------------------------------------------------------------------------


@flaw("score_before_learn", "expected depends on the sample itself")
class LearnsFirst(PlainLevel):
    def step(self, slot: int, x: list[float], parts: FloatColumn) -> tuple[float, float, bool]:
        score, expected, ready = super().step(slot, x, parts)
        return score, float(self.means[slot, 0]) if ready else expected, ready


@flaw("score_before_learn", "prefix of 701")
class LooksAhead(_Batched):
    def after(self, slots: IntColumn, X: FloatColumn, out: Scores, ready: BoolColumn) -> None:
        out.score[ready] += float(np.nanmax(X, initial=0.0))


@flaw("ready_only_after_warm_up", "a series never seen is ready")
class ReadyUnseen(PlainLevel):
    def is_ready(self, slot: int) -> bool:
        return bool(self.counts[slot] == 0 or self.counts[slot] > 5)


@flaw("ready_only_after_warm_up", "ready after 0 samples; expected 5 at least")
class ReadyAtOnce(_Batched):
    def after(self, slots: IntColumn, X: FloatColumn, out: Scores, ready: BoolColumn) -> None:
        ready[:] = True
        out.score[:] = np.nan_to_num(out.score)


@flaw("ready_only_after_warm_up", "ready after 4 samples; expected 5 at least")
class ReadyOneTooSoon(PlainLevel):
    def is_ready(self, slot: int) -> bool:
        return bool(self.counts[slot] >= self._grace_period - 1)


@flaw("ready_only_after_warm_up", "a sample that is not ready has a score")
class ScoresBeforeItIsReady(_Batched):
    def after(self, slots: IntColumn, X: FloatColumn, out: Scores, ready: BoolColumn) -> None:
        out.score[~ready] = 0.25


@flaw("ready_only_after_warm_up", "a sample that is not ready has a value in 'expected'")
class ExpectsBeforeItIsReady(_Batched):
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
class ScoresNotANumber(_Batched):
    def after(self, slots: IntColumn, X: FloatColumn, out: Scores, ready: BoolColumn) -> None:
        out.score[ready] = np.where(np.isnan(X[ready, 0]), np.nan, out.score[ready])


@flaw("scores_are_in_range", "a probability is")
class CallsItAProbability(PlainLevel):
    score_kind: ClassVar[ScoreKind] = "probability"


@flaw("scores_are_in_range", "a scale is negative")
class NegativeScale(_Batched):
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
class ReadyForGaps(_Batched):
    def after(self, slots: IntColumn, X: FloatColumn, out: Scores, ready: BoolColumn) -> None:
        ready[~np.isfinite(X).any(axis=1)] = True


@flaw("non_finite_policy", "a sample without a finite value has a score")
class ScoresGaps(_Batched):
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


# Bits -----------------------------------------------------------------------------------------------------------------


@flaw("batch_split_invariance", r"batches of \(1,\)")
class RoundsByTheBatch(_Batched):
    def after(self, slots: IntColumn, X: FloatColumn, out: Scores, ready: BoolColumn) -> None:
        out.score[:] *= 1.0 + 1e-12 * slots.size


@flaw("interleaving_invariance", "series 0 alone")
class SeesItsNeighbours(PlainLevel):
    def learn(self, slot: int, x: list[float]) -> None:
        super().learn(slot, x)
        self.means[slot] += 1e-9 * self.means.mean(axis=0)


@flaw("interleaving_invariance", "series 1 alone")
class KnowsItsSlot(PlainLevel):
    def measure(self, slot: int, x: list[float]) -> list[float]:
        return [distance + 1e-9 * (slot in (1, 7)) for distance in super().measure(slot, x)]

    def step(self, slot: int, x: list[float], parts: FloatColumn) -> tuple[float, float, bool]:
        return super().step(slot, x, parts) if slot != 7 else PlainLevel.step(self, 7, [*x[:1], 0.0], parts)


@flaw("instances_are_independent", "beside a model that learned something else")
class SharesItsMeans(PlainLevel):
    shared: ClassVar[dict[int, Any]] = {}

    def reserve(self, n_slots: int) -> None:
        super().reserve(n_slots)
        self.means = self.shared.setdefault(self.n_slots, self.means)


@flaw("one_by_one_equals_batch", "score_one gives")
class AddsALittleInBatches(_Batched):
    def after(self, slots: IntColumn, X: FloatColumn, out: Scores, ready: BoolColumn) -> None:
        out.score[ready] += 1e-9


@flaw("parameters_round_trip", "parameters changed on the way")
class ChangesItsParameters(PlainLevel):
    def __init__(self, rate: float = 0.125, grace_period: int = 5) -> None:
        super().__init__(rate / 2.0, grace_period)


@flaw("parameters_round_trip", "a model made from `parameters`")
class LeavesAParameterOut(PlainLevel):
    def __init__(self, rate: float = 0.125, grace_period: int = 5, made: int = 0) -> None:
        super().__init__(rate * (1.0 + made), grace_period)
        self._parameters = {"rate": rate, "grace_period": grace_period}
        if not made:
            self._parameters["made"] = 1

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {**self._parameters, "made": 1}


@flaw("determinism_across_processes", "another process came to different scores")
class HashesText(PlainLevel):
    def measure(self, slot: int, x: list[float]) -> list[float]:
        return [distance + hash(self.name) % 1000 for distance in super().measure(slot, x)]


@flaw("determinism_across_processes", "another process came to a different snapshot")
class SnapshotsSomethingHashed(PlainLevel):
    def snapshot(self, slots: IntColumn) -> Snapshot:
        return {**super().snapshot(slots), "salt": hash(self.name)}


@flaw("determinism_across_processes", "the other process failed")
class NeedsAnArgument(PlainLevel):
    @property
    def parameters(self) -> Mapping[str, Any]:
        return {**self._parameters, "no_such": 1}


# State ----------------------------------------------------------------------------------------------------------------


@flaw("snapshot_restore_bit_identity", "moved 262 times")
class ForgetsTheSecondMean(PlainLevel):
    def snapshot(self, slots: IntColumn) -> Snapshot:
        taken = super().snapshot(slots)
        taken["columns"]["means"][:, 1] = 0.0
        return taken


@flaw("snapshot_restore_bit_identity", "moved 262 times")
class ForgetsAtOneCutOnly(PlainLevel):
    """A cut that no list of a few would have."""

    def snapshot(self, slots: IntColumn) -> Snapshot:
        taken = super().snapshot(slots)
        taken["columns"]["means"][taken["columns"]["counts"] == 37] += 1e-9
        return taken


@flaw("snapshot_is_a_copy", "changed while the model learned on")
class GivesItsOwnArrays(PlainLevel):
    def snapshot(self, slots: IntColumn) -> Snapshot:
        taken = super().snapshot(slots)
        taken["columns"]["means"] = self.means
        return taken

    def restore(self, slots: IntColumn, snapshot: Snapshot) -> None:
        columns = {**snapshot["columns"], "means": snapshot["columns"]["means"][: slots.size]}
        super().restore(slots, {**snapshot, "columns": columns})


@flaw("snapshot_is_a_copy", "changed while a model restored from it learned on")
class AdoptsTheSnapshot(PlainLevel):
    def restore(self, slots: IntColumn, snapshot: Snapshot) -> None:
        super().restore(slots, snapshot)
        self.held = snapshot["columns"]["counts"]

    def learn(self, slot: int, x: list[float]) -> None:
        super().learn(slot, x)
        if hasattr(self, "held"):
            self.held[0] += 1


@flaw("snapshot_is_a_copy", "the state did not change")
class SnapshotsNothing(PlainLevel):
    def snapshot(self, slots: IntColumn) -> Snapshot:
        return {**super().snapshot(slots), "columns": {}}

    def restore(self, slots: IntColumn, snapshot: Snapshot) -> None:
        self.check(slots)


@flaw("copies_are_independent", "another state than its original")
class CopiesNothing(PlainLevel):
    def __deepcopy__(self, memo: dict[int, Any]) -> CopiesNothing:
        fresh = type(self)()
        fresh.reserve(self.n_slots)
        return fresh


@flaw("copies_are_independent", "a sample moved the state of a copy as well")
class LearnsThroughItsOriginal(PlainLevel):
    def reserve(self, n_slots: int) -> None:
        super().reserve(n_slots)
        bound: Any = super().learn_one
        # Methods are copied with what they are bound to; C functions are not.
        self.learn_one = np.frompyfunc(lambda x: bound(x), 1, 1)  # type: ignore[method-assign]


@flaw("copies_are_independent", "a batch moved the state of a copy as well")
class CopiesInPart(PlainLevel):
    def __deepcopy__(self, memo: dict[int, Any]) -> CopiesInPart:
        copied = type(self)()
        copied.counts, copied.means = self.counts.copy(), self.means
        return copied

    def learn_one(self, x: dict[str, float]) -> None:
        pass


@flaw("restore_refuses_strangers", "another version: SnapshotError was not raised")
class ReadsAnyVersion(PlainLevel):
    def restore(self, slots: IntColumn, snapshot: Snapshot) -> None:
        super().restore(slots, {**snapshot, "version": 1})


@flaw("restore_refuses_strangers", "a refused snapshot changed the state")
class RestoresBeforeItLooks(PlainLevel):
    def restore(self, slots: IntColumn, snapshot: Snapshot) -> None:
        try:
            super().restore(slots, snapshot)
        except SnapshotError:
            self.counts[0] = 0
            raise


@flaw("restore_refuses_strangers", "a restore changed another slot")
class RestoresAllSlots(PlainLevel):
    def restore(self, slots: IntColumn, snapshot: Snapshot) -> None:
        super().restore(slots, snapshot)
        if slots.size == 1:
            self.means[:] = self.means[slots]


@flaw("restore_refuses_strangers", "a snapshot restored is not the snapshot taken")
class RoundsWhatItRestores(PlainLevel):
    def restore(self, slots: IntColumn, snapshot: Snapshot) -> None:
        super().restore(slots, snapshot)
        self.means[slots] = np.round(self.means[slots], 6)


@flaw("reset_gives_a_fresh_row", "a reset slot")
class ResetsTheCountOnly(PlainLevel):
    def reset(self, slots: IntColumn) -> None:
        self.check(slots)
        self.counts[slots] = 0


@flaw("reset_gives_a_fresh_row", "reset changed another slot")
class ResetsItAll(PlainLevel):
    def reset(self, slots: IntColumn) -> None:
        super().reset(np.arange(self.n_slots))


@flaw("reserve_keeps_rows", "growing in between")
class GrowsIntoNothing(PlainLevel):
    def reserve(self, n_slots: int) -> None:
        if n_slots > self.n_slots:
            self.counts, self.means = np.zeros(n_slots, np.int64), np.zeros((n_slots, 2))


@flaw("reserve_keeps_rows", "2 slots after reserving 300, then 2")
class Shrinks(PlainLevel):
    def reserve(self, n_slots: int) -> None:
        super().reserve(n_slots)
        self.counts, self.means = self.counts[:n_slots], self.means[:n_slots]


@flaw("reserve_keeps_rows", "slot -1 of 300: SlotError was not raised")
class TakesNegativeSlots(PlainLevel):
    def check(self, slots: IntColumn) -> None:
        super().check(np.abs(slots))


@flaw("reserve_keeps_rows", "a refused batch was learned")
class LearnsHalfABadBatch(PlainLevel):
    def check(self, slots: IntColumn) -> None:
        try:
            super().check(slots)
        except SlotError:
            self.counts[0] += 1
            raise


@flaw("bounded_memory", "3000 samples left .* bytes behind")
class KeepsEverySample(PlainLevel):
    """Beside its arrays, where `state_nbytes` does not look."""

    def __init__(self, rate: float = 0.125, grace_period: int = 5) -> None:
        super().__init__(rate, grace_period)
        self.seen: list[list[float]] = []

    def learn(self, slot: int, x: list[float]) -> None:
        super().learn(slot, x)
        self.seen.append(x)


@flaw("bounded_memory", "state grew from")
class OwnsUpToEverySample(PlainLevel):
    @property
    def state_nbytes(self) -> int:
        return super().state_nbytes + int(self.counts.sum()) * 8


# Explanations ---------------------------------------------------------------------------------------------------------


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
