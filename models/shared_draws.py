"""Random parts that series share: drawn from one seed over the features present in a series' first sample.

Two series whose first samples have the same features get, by the definition of river's models, the same trees or projections.
They are therefore drawn once and kept once, and a series' row holds only the number of its draw.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn, Snapshot
from models.errors import SnapshotError
from models.multivariate import MultivariateEstimator
from models.state_array import StateArray

__all__ = ["SharedDrawEstimator"]


class SharedDrawEstimator(MultivariateEstimator):
    """Base of the models with shared random parts.

    The state array ``rows`` of a subclass has an int32 field ``draw``: number of the series' draw counted from one, 0 = none yet.
    """

    def __init__(self, *, n_features: int, features: Sequence[str] | None, **parameters: Any) -> None:
        super().__init__(n_features=n_features, features=features, **parameters)
        self._draw_by_mask: dict[bytes, int] = {}
        self._draws: tuple[StateArray, ...] = ()

    @abstractmethod
    def _make_draw(self, order: Sequence[int], mask: BoolColumn) -> tuple[StateArray, ...]:
        """Draw over the columns of `mask`; `order` lists all columns as river meets them (sorted by name)."""

    def _draw_of(self, mask: BoolColumn) -> int:
        """Number of the draw over the features of `mask`, made when it is new."""
        key = mask.tobytes()
        if key not in self._draw_by_mask:
            names = self._index.names
            order = sorted(range(self.n_features), key=names.__getitem__) if names else list(range(self.n_features))
            made = self._make_draw(order, mask)
            old = self._draws or tuple(part[None][:0] for part in made)
            self._draws = tuple(np.concatenate([many, one[None]]) for many, one in zip(old, made, strict=True))
            self._draw_by_mask[key] = len(self._draw_by_mask) + 1
        return self._draw_by_mask[key]

    def _run_in_turns(self, slots: IntColumn, X: FloatColumn, call: Callable[[int, tuple[StateArray, ...]], int]) -> None:
        """Run a kernel that stops at the first sample of a series without a draw, make the draw, and go on from there."""
        if not self._draws:
            self._draw_of(np.ones(self.n_features, dtype=np.bool_))
        start = 0
        while start < slots.size:
            start = call(start, self._draws)
            if start < slots.size:
                self._state["rows"][slots[start]]["draw"] = self._draw_of(np.isfinite(X[start]))

    def _is_worth_grouping(self, slots: IntColumn) -> bool:
        # Draws are numbered in the order of the log.
        return super()._is_worth_grouping(slots) and bool(self._state["rows"]["draw"][slots].all())

    def snapshot(self, slots: IntColumn) -> Snapshot:
        """See `ColumnarEstimator.snapshot`; ``"masks"`` (K, F) bool holds the features each draw was made over."""
        snapshot = super().snapshot(slots)
        masks = [np.frombuffer(key, dtype=np.bool_) for key in self._draw_by_mask]
        snapshot["masks"] = np.array(masks, dtype=np.bool_).reshape(len(masks), self.n_features)
        return snapshot

    def restore(self, slots: IntColumn, snapshot: Snapshot) -> None:
        """See `Estimator.restore`; what was drawn is drawn again from the seed."""
        self._check_masks(snapshot)
        super().restore(slots, snapshot)
        if slots.size:
            numbers = np.array([0, *(self._draw_of(mask) for mask in snapshot["masks"])], dtype=np.int32)
            rows = self._state["rows"]
            rows["draw"][slots] = numbers[rows["draw"][slots]]

    def _check_masks(self, snapshot: Snapshot) -> None:
        self._require_mapping(snapshot)
        if snapshot.get("model") != self.name or snapshot.get("parameters") != self._parameters:
            return  # a stranger's, which is told of as such
        masks = snapshot.get("masks")
        names = snapshot.get("features")
        n_features = len(names) if names else self.n_features
        if not isinstance(masks, np.ndarray) or masks.ndim != 2 or masks.dtype != np.bool_ or masks.shape[1] != n_features:
            raise SnapshotError(f"{self.name}: the snapshot's masks are damaged; expected a (K, {n_features}) bool array")
        if not masks.any(axis=1).all():
            raise SnapshotError(f"{self.name}: the snapshot's masks are damaged: one of them has no feature")
        rows = snapshot.get("columns", {}).get("rows")
        if isinstance(rows, np.ndarray) and rows.size and rows.dtype == self._make_fresh_row()["rows"].dtype:
            low, high = rows["draw"].min(), rows["draw"].max()
            if low < 0 or high > len(masks):
                raise SnapshotError(f"{self.name}: the snapshot's rows name draws {low} to {high}; it holds {len(masks)}")

    def _adopt(self, names: list[str]) -> None:
        super()._adopt(names)
        if not self._n_slots:
            self._draw_by_mask = {}
            self._draws = ()
