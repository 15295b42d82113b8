"""Exponentially weighted scorer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from models.base import BoolColumn, ScoreKind, Scores
from models.bound import BoundEstimator, Call
from models.columnar import Batch
from models.damage import MOST_SAMPLES, find_not_finite, find_outside
from models.ew import kernel
from models.ew.state import ROW
from models.parameters import Parameter
from models.state_array import StateArray

__all__ = ["EWScorer"]


class EWScorer(BoundEstimator):
    """Distance of a value from the exponentially weighted mean, in exponentially weighted standard deviations.

    Good at spikes on a level that drifts, as lightly as can be; it adapts to a slow anomaly as well.

    Parameters
    ----------
    fading_factor : float
        Weight of the newest sample; the closer to 1, the faster the past is forgotten.
    grace_period : int
        Samples before which the score is 0.0 and the series is not ready.

    Notes
    -----
    Mean and variance equal river's `stats.EWMean` and `stats.EWVar` to the last bit.  ``expected`` is the mean, ``scale`` the
    root of the variance.  Score in [0, inf).  O(1) time; 24 bytes a series.  A sample that is NaN or infinite is not learned and
    not ready; one whose square overflows is scored but not learned.

    References
    ----------
    Finch, T. (2009). Incremental calculation of weighted mean and variance. University of Cambridge.

    Examples
    --------
    >>> model = EWScorer(fading_factor=0.5, grace_period=2)
    >>> for y in (1.0, 3.0, 5.0):
    ...     model.learn_one(None, y)
    >>> model.mean, model.variance
    (3.5, 2.75)
    """

    name: ClassVar[str] = "ew_scorer"
    score_kind: ClassVar[ScoreKind] = "raw"
    schema: ClassVar[tuple[Parameter, ...]] = (
        Parameter("fading_factor", "float", 0.05, "Weight of the newest sample.", minimum=0, maximum=1),
        Parameter("grace_period", "int", 20, "Samples before which a series is not scored.", minimum=0, maximum=1_000_000_000),
    )
    has_gate: ClassVar[bool] = True

    def __init__(self, fading_factor: float = 0.05, grace_period: int = 20) -> None:
        super().__init__(fading_factor=fading_factor, grace_period=grace_period)
        self._fading_factor: float = self._parameters["fading_factor"]
        self._grace_period: int = self._parameters["grace_period"]
        self.reserve(1)

    def _find_damage(self, columns: Mapping[str, StateArray]) -> str:
        """See `ColumnarEstimator._find_damage`."""
        return find_outside("n", columns["rows"]["n"], 0, MOST_SAMPLES) or find_not_finite(columns)

    def _make_fresh_row(self) -> dict[str, StateArray]:
        return {"rows": np.zeros(1, ROW)}

    def _bind(self) -> None:
        self._rows = self._state["rows"]
        super()._bind()

    def _get_calls(self) -> tuple[Call, Call]:
        return (kernel.learn_value, (self._rows, 0, self._fading_factor)), (
            kernel.score_value,
            (self._rows, 0, self._grace_period),
        )

    @property
    def mean(self) -> float:
        """Weighted mean of slot 0."""
        return float(self._rows[0]["mean"])

    @property
    def variance(self) -> float:
        """Weighted variance of slot 0."""
        return kernel.get_variance(self._rows, 0)

    def _score_learn(self, batch: Batch, out: Scores, ready: BoolColumn) -> None:
        kernel.score_learn_many(
            self._rows, self._fading_factor, self._grace_period, *self._gate, batch.slots, batch.X, *out, ready
        )

    def _is_ready(self, slot: int) -> bool:
        return bool(self._rows[slot]["n"] >= max(self._grace_period, 1))

    def _describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        return {
            "n_samples": int(self._rows[slot]["n"]),
            "mean": float(self._rows[slot]["mean"]),
            "variance": float(kernel.get_variance(self._rows, slot)),
        }
