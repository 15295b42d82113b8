"""An estimator by a stranger: nothing but the contract of `models.base`, in plain Python.  It passes every check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from models.base import BoolColumn, Estimator, FloatColumn, IntColumn, Scores, Snapshot
from models.errors import ShapeError, SlotError, SnapshotError

GREATEST = 1e100


class PlainLevel(Estimator):
    """Sum of the distances of two features from their exponentially weighted means, so many learned before it scores."""

    name: ClassVar[str] = "plain_level"
    part_names: ClassVar[tuple[str, ...]] = ("first", "second")
    n_features: int = 2

    def __init__(self, rate: float = 0.125, grace_period: int = 5) -> None:
        self._parameters = {"rate": rate, "grace_period": grace_period}
        self._rate = rate
        self._grace_period = grace_period
        self.counts = np.zeros(0, np.int64)
        self.means = np.zeros((0, 2))

    # What a sample does -----------------------------------------------------------------------------------------------

    def clean(self, x: list[float]) -> list[float]:
        """A row with infinities as gaps and the greatest values cut off."""
        return [min(max(value, -GREATEST), GREATEST) if np.isfinite(value) else np.nan for value in x]

    def measure(self, slot: int, x: list[float]) -> list[float]:
        """Distance of each feature, 0.0 for a gap."""
        return [abs(value - mean) if value == value else 0.0 for value, mean in zip(x, self.means[slot].tolist(), strict=True)]

    def learn(self, slot: int, x: list[float]) -> None:
        """Move the means."""
        for column, value in enumerate(x):
            if value == value:
                self.means[slot, column] += self._rate * (value - self.means[slot, column])
        self.counts[slot] += 1

    def is_ready(self, slot: int) -> bool:
        """Whether the next sample of `slot` is scored."""
        return bool(self.counts[slot] >= max(self._grace_period, 1))

    def step(self, slot: int, x: list[float], parts: FloatColumn) -> tuple[float, float, bool]:
        """Score, expected value of the first feature, readiness; then learn."""
        row = self.clean(x)
        if row[0] != row[0] and row[1] != row[1]:
            return 0.0, np.nan, False
        ready = self.is_ready(slot)
        parts[:] = self.measure(slot, row)
        found = (float(parts.sum()), float(self.means[slot, 0]), True) if ready else (0.0, np.nan, False)
        self.learn(slot, row)
        return found

    # The contract -----------------------------------------------------------------------------------------------------

    def check(self, slots: IntColumn) -> None:
        """Refuse slots that are not reserved."""
        if slots.size and (slots.min() < 0 or slots.max() >= self.n_slots):
            raise SlotError(f"slots up to {slots.max()}, {self.n_slots} reserved")

    @property
    def n_slots(self) -> int:
        return self.counts.size

    def reserve(self, n_slots: int) -> None:
        more = n_slots - self.n_slots
        if more > 0:
            self.counts = np.concatenate([self.counts, np.zeros(more, np.int64)])
            self.means = np.concatenate([self.means, np.zeros((more, 2))])

    def reset(self, slots: IntColumn) -> None:
        self.check(slots)
        self.counts[slots] = 0
        self.means[slots] = 0.0

    def score_learn_many(self, slots: IntColumn, event_time_ns: IntColumn, X: FloatColumn, out: Scores) -> BoolColumn:
        return self.score_learn_parts(slots, event_time_ns, X, out, np.empty((slots.size, 2)))

    def score_learn_parts(
        self, slots: IntColumn, event_time_ns: IntColumn, X: FloatColumn, out: Scores, parts: FloatColumn
    ) -> BoolColumn:
        columns = (slots, event_time_ns, *out)
        if {column.shape for column in columns} != {(slots.size,)} or X.shape != (slots.size, 2):
            raise ShapeError(f"shapes {[column.shape for column in (*columns, X)]}")
        if slots.dtype != np.int64 or X.dtype != np.float64:
            raise ShapeError(f"{slots.dtype} and {X.dtype}")
        self.check(slots)
        ready = np.empty(slots.size, np.bool_)
        parts.fill(np.nan)
        out.scale.fill(np.nan)
        for i, (slot, x) in enumerate(zip(slots.tolist(), X.tolist(), strict=True)):
            out.score[i], out.expected[i], ready[i] = self.step(slot, x, parts[i])
        return ready

    def share_parts(self, parts: FloatColumn) -> tuple[tuple[str, float], ...]:
        total = float(parts.sum())
        shares = zip(self.part_names, (parts / total).tolist(), strict=True) if total > 0.0 else ()
        return tuple(sorted(shares, key=lambda share: -share[1]))

    def learn_one(self, x: dict[str, float]) -> None:
        """Learn in slot 0."""
        row = self.clean(list(x.values()))
        if row[0] == row[0] or row[1] == row[1]:
            self.learn(0, row)

    def score_one(self, x: dict[str, float]) -> float:
        """Score by slot 0."""
        return float(np.array(self.measure(0, self.clean(list(x.values())))).sum()) if self.is_ready(0) else 0.0

    def contributions(self, slot: int, x: FloatColumn) -> FloatColumn:
        """The distances."""
        return np.array(self.measure(slot, self.clean(x.tolist())))

    def snapshot(self, slots: IntColumn) -> Snapshot:
        self.check(slots)
        columns = {"counts": self.counts[slots].copy(), "means": self.means[slots].copy()}
        return {"model": self.name, "version": 1, "parameters": dict(self._parameters), "columns": columns}

    def restore(self, slots: IntColumn, snapshot: Snapshot) -> None:
        stamp = {"model": self.name, "version": 1, "parameters": self._parameters}
        if {key: snapshot.get(key) for key in stamp} != stamp:
            raise SnapshotError("not mine")
        if snapshot["columns"]["counts"].size != slots.size:
            raise SnapshotError("another count of rows")
        self.reserve(int(slots.max()) + 1)
        self.counts[slots] = snapshot["columns"]["counts"]
        self.means[slots] = snapshot["columns"]["means"]

    @property
    def state_nbytes(self) -> int:
        return self.counts.nbytes + self.means.nbytes

    @property
    def parameters(self) -> Mapping[str, Any]:
        return dict(self._parameters)

    def describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        self.check(np.array([slot]))
        return {"model": self.name, "ready": self.is_ready(slot), "slot_nbytes": self.slot_nbytes}
