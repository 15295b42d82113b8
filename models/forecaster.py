"""The part of the estimator contract that the forecasters share."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from models.base import BoolColumn, FloatColumn, ScoreKind, Scores
from models.columnar import Batch, ColumnarEstimator

__all__ = ["MAX_FLOAT", "Forecaster"]

MAX_FLOAT = float(np.finfo(np.float64).max)


class Forecaster(ColumnarEstimator):
    """Base of the models that predict a value before they see it.

    As detectors of their own they score a sample by its absolute error, in units of the value, and ``expected`` is the forecast.
    `models.pad` turns the error into a score in [0, 1].
    """

    score_kind: ClassVar[ScoreKind] = "raw"

    @abstractmethod
    def forecast_learn(self, batch: Batch, expected: FloatColumn, ready: BoolColumn) -> None:
        """Write the forecast of every sample into `expected` (NaN = none), learning each sample after its forecast.

        `ready` tells which forecasts rest on at least one sample learned.
        """

    @abstractmethod
    def forecast(self, horizon: int, slot: int = 0) -> list[float]:
        """Values expected 1 .. `horizon` samples ahead; NaN where there is no forecast."""

    def forecast_next(self) -> float:
        """Value expected next in slot 0; NaN where there is no forecast."""
        return self.forecast(1)[0]

    def get_target(self, X: FloatColumn) -> FloatColumn:
        """The column of `X` that is forecast, (B,) float64."""
        return X if X.ndim == 1 else X[:, 0]

    def is_withheld(self) -> bool:
        """See `ColumnarEstimator.is_withheld`: what no sample has taught."""
        return not self._is_ready(0)

    def _score_learn(self, batch: Batch, out: Scores, ready: BoolColumn) -> None:
        self.forecast_learn(batch, out.expected, ready)
        with np.errstate(over="ignore", invalid="ignore"):
            error = np.abs(self.get_target(batch.X) - out.expected)
        np.minimum(error, MAX_FLOAT, out=out.score)
        out.score[~ready] = 0.0
        out.expected[~ready] = np.nan
        out.scale.fill(np.nan)
