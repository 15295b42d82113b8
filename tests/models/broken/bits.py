"""Estimators with one flaw each, whose bits hang on what they must not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from models.base import BoolColumn, FloatColumn, IntColumn, Scores, Snapshot
from tests.models.broken.flaw import Batched, Flaw, entering
from tests.models.plain_estimator import PlainLevel

__all__ = ["FLAWS"]

FLAWS: list[Flaw] = []
flaw = entering(FLAWS)


@flaw("batch_split_invariance", r"batches of \(1,\)")
class RoundsByTheBatch(Batched):
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
class AddsALittleInBatches(Batched):
    def after(self, slots: IntColumn, X: FloatColumn, out: Scores, ready: BoolColumn) -> None:
        out.score[ready] += 1e-9


@flaw("parameters_round_trip", "parameters changed on the way")
class ChangesItsParameters(PlainLevel):
    def __init__(self, rate: float = 0.125, grace_period: int = 5) -> None:
        super().__init__(rate / 2.0, grace_period)


@flaw("parameters_round_trip", "changing what `parameters` returned changed the model")
class GivesItsOwnParameters(PlainLevel):
    @property
    def parameters(self) -> Mapping[str, Any]:
        if not hasattr(self, "_own"):
            self._own = dict(super().parameters)
        return self._own


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
