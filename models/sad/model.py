"""Standard absolute deviation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np

from models.base import BoolColumn, FloatColumn, ScoreKind, Scores, Snapshot
from models.bound import BoundEstimator, Call
from models.columnar import Batch
from models.damage import MOST_SAMPLES, find_not_finite, find_outside
from models.moments_kernel import compute_sigma
from models.parameters import GRACE_PERIOD, Parameter
from models.quantile.state import make_p2_row, pack_estimates
from models.sad import kernel
from models.sad.state import ESTIMATE, N
from models.state_array import StateArray

__all__ = ["StandardAbsoluteDeviation"]


class StandardAbsoluteDeviation(BoundEstimator):
    """Distance of a value from the series' mean or median, in standard deviations: the three-sigma rule.

    Good at spikes on a steady level; blind to seasons, and slow to follow a drift because it never forgets.

    Parameters
    ----------
    sub_stat : {"mean", "median"}
        What is subtracted from the value: the running mean, or the running median (P² estimate).
    grace_period : int
        Samples before which the score is 0.0 and the series is not ready; 0 = as in river, from the second sample on.

    Notes
    -----
    Scores equal river's `anomaly.StandardAbsoluteDeviation` to the last bit (``stats.Mean`` or ``stats.Quantile(0.5)`` as its
    ``sub_stat``).  The batch call withholds the score of a series' first sample.  ``expected`` is what is subtracted, ``scale``
    the standard deviation.  Score in [0, inf).  O(1) time; 24 bytes a series, 120 with the median.

    A sample that is NaN or infinite is not learned, scores 0.0 and is not ready.  A finite one so large that the variance would
    overflow is scored but not learned.

    References
    ----------
    Hochenbaum, J., Vallis, O. S. and Kejariwal, A. (2017). Automatic anomaly detection in the cloud via statistical learning.
    arXiv:1704.07706, section 3.

    Examples
    --------
    >>> model = StandardAbsoluteDeviation()
    >>> for y in (1.0, 2.0, 3.0):
    ...     model.learn_one(None, y)
    >>> round(model.score_one(None, 4.0), 6)
    2.0
    """

    name: ClassVar[str] = "standard_absolute_deviation"
    score_kind: ClassVar[ScoreKind] = "raw"
    schema: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            "sub_stat", "str", "mean", "What is subtracted from the value: running mean or median.", choices=("mean", "median")
        ),
        GRACE_PERIOD,
    )
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = ({}, {"sub_stat": "median", "grace_period": 20})
    has_gate: ClassVar[bool] = True
    state_version: ClassVar[int] = 2

    def __init__(self, sub_stat: Literal["mean", "median"] = "mean", grace_period: int = 0) -> None:
        super().__init__(sub_stat=sub_stat, grace_period=grace_period)
        self._has_median = self._parameters["sub_stat"] == "median"
        self._grace_period: int = self._parameters["grace_period"]
        self.reserve(1)

    def _find_damage(self, columns: Mapping[str, StateArray]) -> str:
        """See `ColumnarEstimator._find_damage`."""
        rows = columns["rows"]
        counts = [N, ESTIMATE] if self._has_median else [N]
        return find_outside("n", rows[:, counts], 0, MOST_SAMPLES) or find_not_finite(columns)

    def _make_fresh_row(self) -> dict[str, StateArray]:
        moments = np.zeros((1, ESTIMATE))
        return {"rows": np.concatenate([moments, make_p2_row([0.5])], axis=1) if self._has_median else moments}

    def _upgrade(self, snapshot: Snapshot) -> Snapshot:
        columns = snapshot.get("columns")
        if snapshot.get("version") != 1 or not isinstance(columns, Mapping) or list(columns) != ["rows"]:
            return snapshot
        # Version 1 kept all five markers of the median's estimate.
        rows = columns["rows"]
        if rows.shape[1:] == (ESTIMATE + 16,):
            rows = np.concatenate([rows[:, :ESTIMATE], pack_estimates([rows[:, ESTIMATE:]])], axis=1)
        return {**snapshot, "version": 2, "columns": {"rows": rows}}

    def _bind(self) -> None:
        self._rows: FloatColumn = self._state["rows"]
        super()._bind()

    def _get_calls(self) -> tuple[Call, Call]:
        return (kernel.learn_value, (self._rows,)), (kernel.score_value, (self._rows, self._grace_period))

    def _score_learn(self, batch: Batch, out: Scores, ready: BoolColumn) -> None:
        kernel.score_learn_many(self._rows, self._grace_period, *self._gate, batch.slots, batch.X, *out, ready)

    def is_withheld(self) -> bool:
        """See `ColumnarEstimator.is_withheld`: the first sample."""
        return not self._is_ready(0)

    def _is_ready(self, slot: int) -> bool:
        return bool(self._rows[slot, N] >= max(self._grace_period, 1))

    def _describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        return {
            "n_samples": int(self._rows[slot, N]),
            "center": float(kernel.get_center(self._rows, slot)),
            "sigma": float(compute_sigma(self._rows, slot)),
        }
