"""Gaussian scorer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from models.base import BoolColumn, FloatColumn, ScoreKind, Scores
from models.bound import BoundEstimator, Call
from models.columnar import Batch
from models.damage import MOST_SAMPLES, find_not_finite, find_outside, find_ring_damage
from models.erf_kernel import find_reach
from models.gaussian import kernel
from models.gaussian.state import HEAD, MEAN, WINDOW, N
from models.moments_kernel import compute_sigma
from models.parameters import Parameter
from models.state_array import StateArray

__all__ = ["GaussianScorer"]


class GaussianScorer(BoundEstimator):
    """Distance of a value from a normal distribution fitted to the series: ``2 |CDF(y) - 0.5|``.

    Good at bell-shaped noise around a steady level; blind to seasons and trends.

    Parameters
    ----------
    window_size : int, optional
        Samples the distribution is fitted to; None = all.
    grace_period : int
        Samples before which the score is 0.0 and the series is not ready.

    Notes
    -----
    Scores equal river's `anomaly.GaussianScorer` to the last bit, including 1.0 for every sample while the spread is zero.
    ``expected`` is the mean, ``scale`` the standard deviation, both before the sample.  O(1) time; 32 bytes a series, plus 8
    a sample of the window.

    A sample that is NaN or infinite is not learned, scores 0.0 and is not ready.  A finite one so large (beyond about 1e150)
    that the variance would overflow is scored but not learned.

    References
    ----------
    Welford, B. P. (1962). Note on a method for calculating corrected sums of squares and products. Technometrics 4(3).

    Examples
    --------
    >>> model = GaussianScorer(grace_period=3)
    >>> for y in (1.0, 2.0, 3.0):
    ...     model.learn_one(None, y)
    >>> round(model.score_one(None, 4.0), 4)
    0.9545
    """

    name: ClassVar[str] = "gaussian_scorer"
    score_kind: ClassVar[ScoreKind] = "probability"
    schema: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            "window_size",
            "int",
            None,
            "Samples the distribution is fitted to; null = every sample so far.",
            minimum=1,
            maximum=1_000_000,
            is_optional=True,
        ),
        Parameter("grace_period", "int", 100, "Samples before which a series is not scored.", minimum=0, maximum=1_000_000_000),
    )
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {},
        {"window_size": 20, "grace_period": 5},
        {"window_size": 1, "grace_period": 1},
    )
    has_gate: ClassVar[bool] = True

    def __init__(self, window_size: int | None = None, grace_period: int = 100) -> None:
        super().__init__(window_size=window_size, grace_period=grace_period)
        self._grace_period: int = self._parameters["grace_period"]
        self._window_size: int = self._parameters["window_size"] or 0
        self.reserve(1)

    def _find_damage(self, columns: Mapping[str, StateArray]) -> str:
        """See `ColumnarEstimator._find_damage`."""
        rows, size = columns["rows"], self._window_size
        rings = (
            find_ring_damage("window", rows[:, N], rows[:, HEAD], size)
            if size
            else find_outside("n", rows[:, N], 0, MOST_SAMPLES)
        )
        return rings or find_not_finite(columns)

    def _make_fresh_row(self) -> dict[str, StateArray]:
        return {"rows": np.zeros((1, WINDOW + self._window_size))}

    def _bind(self) -> None:
        self._rows: FloatColumn = self._state["rows"]
        super()._bind()

    def _get_calls(self) -> tuple[Call, Call]:
        return (kernel.learn_value, (self._rows,)), (kernel.score_value, (self._rows, self._grace_period))

    def _score_learn(self, batch: Batch, out: Scores, ready: BoolColumn) -> None:
        kernel.score_learn_many(self._rows, self._grace_period, find_reach(), *self._gate, batch.slots, batch.X, *out, ready)

    def _is_ready(self, slot: int) -> bool:
        return bool(self._rows[slot, N] >= self._grace_period)

    def _describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        return {
            "n_samples": int(self._rows[slot, N]),
            "mean": float(self._rows[slot, MEAN]),
            "sigma": float(compute_sigma(self._rows, slot)),
        }
