"""The part of the estimator contract that the drift detectors share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn, ScoreKind, Scores
from models.bound import Call
from models.columnar import Batch, UnivariateEstimator
from models.native_call import bind_value
from models.number import to_number
from models.state_array import StateArray

__all__ = ["DriftDetector"]


class DriftDetector(UnivariateEstimator):
    """Base of the drift detectors.

    A sample scores 1.0 when the change it belongs to is detected at it, and 0.0 otherwise; the detector then starts anew with the
    next sample, as river's do.  `update` and `drift_detected` are river's own names for slot 0.
    """

    score_kind: ClassVar[ScoreKind] = "raw"
    bound: ClassVar[tuple[str, ...]] = ("_update_y", "update")

    @property
    def has_expected_value(self) -> bool:
        """False: a change is expected nowhere."""
        return False

    @abstractmethod
    def _update_many(
        self, state: dict[str, StateArray], slots: IntColumn, values: FloatColumn, scores: FloatColumn, ready: BoolColumn
    ) -> None:
        """Update `state` by a batch, and write 1.0 where a change is detected."""

    def _get_update(self) -> Call | None:
        """Kernel that takes one value into slot 0 and its arguments before the value; None = the batch call is all there is."""
        return None

    def _bind(self) -> None:
        # Bound on the first call: making a model must not wait for a compiler.
        self._bind_update(self._update_first)

    def _bind_update(self, update: Callable[[float], Any]) -> None:
        self.__dict__["_update_y"] = update
        # In front of the method of the class, which would cost as much as what it calls.
        self.__dict__["update"] = update

    def _update_y(self, y: float) -> None:
        """The first of all calls."""
        self.reserve(1)
        self._update_y(y)

    def _update_first(self, y: float) -> None:
        call = self._get_update()
        self._bind_update(bind_value(call[0], *call[1]) if call else self._update_by_batch)
        self._update_y(y)

    def _update_by_batch(self, y: float) -> None:
        self._update_many(self._state, _SLOT_0, np.array([to_number(y)]), np.empty(1), np.empty(1, np.bool_))

    def _score_learn(self, batch: Batch, out: Scores, ready: BoolColumn) -> None:
        out.expected.fill(np.nan)
        out.scale.fill(np.nan)
        self._update_many(self._state, batch.slots, batch.X, out.score, ready)

    def update(self, x: float) -> None:
        """Take one value into slot 0."""
        self._update_y(x)

    @property
    def drift_detected(self) -> bool:
        """True when the last value taken into slot 0 was the one at which a change was detected."""
        return self._n_slots > 0 and bool(self._state["rows"][0]["is_drift"])

    def _learn_value(self, y: float) -> None:
        self._update_y(y)

    def _score_value(self, y: float) -> float:
        copied = {key: array[:1].copy() for key, array in self._state.items()}
        scores = np.empty(1)
        self._update_many(copied, _SLOT_0, np.array([y], dtype=np.float64), scores, np.empty(1, np.bool_))
        return float(scores[0])


_SLOT_0 = np.zeros(1, dtype=np.int64)
