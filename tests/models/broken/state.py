"""Estimators with one flaw each, in what they keep, give away and take back."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.base import IntColumn, Snapshot
from models.errors import SlotError, SnapshotError
from tests.models.broken.flaw import Flaw, entering
from tests.models.plain_estimator import PlainLevel

__all__ = ["FLAWS"]

FLAWS: list[Flaw] = []
flaw = entering(FLAWS)


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


@flaw("withheld_samples_teach_nothing", "changed whether the model is ready")
class ForgetsAllWhenOneIsWithheld(PlainLevel):
    def withhold(self, slots: IntColumn, before: Snapshot) -> None:
        self.reset(slots)


@flaw("withheld_samples_teach_nothing", "changed what is expected")
class LearnsWhatIsWithheld(PlainLevel):
    def withhold(self, slots: IntColumn, before: Snapshot) -> None:
        pass


@flaw("withheld_samples_teach_nothing", "withholding changed another slot")
class WithholdsFromEverybody(PlainLevel):
    def withhold(self, slots: IntColumn, before: Snapshot) -> None:
        for slot in range(self.n_slots):
            self.restore(np.array([slot], dtype=np.int64), before)
