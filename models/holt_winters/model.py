"""Holt-Winters forecaster."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np

from models.base import BoolColumn, FloatColumn
from models.bound import find_entry
from models.columnar import Batch, UnivariateEstimator
from models.damage import find_not_finite, find_outside
from models.errors import ParameterError
from models.forecaster import Forecaster
from models.holt_winters import kernel
from models.holt_winters.state import ROW
from models.parameters import Parameter
from models.state_array import StateArray

__all__ = ["HoltWinters"]


class HoltWinters(Forecaster, UnivariateEstimator):
    """Exponential smoothing of level, trend and season.

    Good at series with a season of known length and a slow drift; needs evenly spaced samples.

    Parameters
    ----------
    alpha : float
        Smoothing of the level.
    beta : float, optional
        Smoothing of the trend; None or 0 = no trend.
    gamma : float, optional
        Smoothing of the season.
    seasonality : int
        Samples in a season; 0 = no season.
    multiplicative : bool
        True multiplies by the seasonal term instead of adding it.

    Notes
    -----
    Forecasts equal river's `time_series.HoltWinters` to the last bit.  The first ``max(2, seasonality)`` samples set level, trend
    and season, and are not scored.  Score: absolute error, in units of the value.

    A sample that is NaN or infinite is passed over, and one beyond 1e150 not learned; nor is one that would make a component
    infinite, such as any value over a multiplicative term of zero.  Where the first values average to zero, river divides by it;
    here every seasonal term then starts neutral.  O(1) time; 32 bytes a series and 8 a sample of the season.

    Raises
    ------
    ParameterError
        A season without `gamma`, or without a trend.

    References
    ----------
    Winters, P. R. (1960). Forecasting sales by exponentially weighted moving averages. Management Science 6(3).

    Examples
    --------
    >>> model = HoltWinters(alpha=0.3, beta=0.1)
    >>> for y in (1.0, 2.0, 3.0, 4.0):
    ...     model.learn_one(None, y)
    >>> [round(y, 2) for y in model.forecast(2)]
    [4.79, 5.82]
    """

    name: ClassVar[str] = "holt_winters"
    schema: ClassVar[tuple[Parameter, ...]] = (
        Parameter("alpha", "float", 0.3, "Smoothing of the level.", minimum=0, maximum=1),
        Parameter("beta", "float", None, "Smoothing of the trend; null or 0 = no trend.", minimum=0, maximum=1, is_optional=True),
        Parameter("gamma", "float", None, "Smoothing of the season.", minimum=0, maximum=1, is_optional=True),
        Parameter("seasonality", "int", 0, "Samples in a season; 0 = no season.", minimum=0, maximum=100_000),
        Parameter("multiplicative", "bool", False, "True multiplies by the seasonal term instead of adding it."),
    )
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {},
        {"beta": 0.1, "gamma": 0.3, "seasonality": 24},
        {"beta": 0.1, "gamma": 0.3, "seasonality": 7, "multiplicative": True},
    )

    bound: ClassVar[tuple[str, ...]] = ("_learn_y", "_forecast_next")
    _forecast_next: Callable[[], float] | None = None

    def __init__(
        self,
        alpha: float = 0.3,
        beta: float | None = None,
        gamma: float | None = None,
        seasonality: int = 0,
        multiplicative: bool = False,
    ) -> None:
        super().__init__(alpha=alpha, beta=beta, gamma=gamma, seasonality=seasonality, multiplicative=multiplicative)
        self._seasonality: int = self._parameters["seasonality"]
        self._is_product: bool = self._parameters["multiplicative"]
        if self._seasonality and gamma is None:
            raise ParameterError(self.name, "gamma", expected="a number, because seasonality is set", found=gamma)
        if (self._seasonality or gamma) and not beta:
            raise ParameterError(self.name, "beta", expected="a number above 0, because a season is smoothed", found=beta)
        self._knobs = np.array([self._parameters[key] or 0.0 for key in ("alpha", "beta", "gamma")])

    def _find_damage(self, columns: Mapping[str, StateArray]) -> str:
        """See `ColumnarEstimator._find_damage`."""
        rows, size = columns["rows"], max(2, self._seasonality)
        return (
            find_outside("n_first", rows["n_first"], 0, size)
            or find_outside("head", rows["head"], 0, max(self._seasonality - 1, 0))
            or find_not_finite(columns)
        )

    def _make_fresh_row(self) -> dict[str, StateArray]:
        return {"rows": np.zeros(1, ROW), "seasons": np.zeros((1, max(2, self._seasonality)))}

    def _bind(self) -> None:
        self._rows, self._seasons = self._state.values()
        self._learn_y: Callable[[float], bool] | None = None
        self._forecast_next = None

    def forecast_learn(self, batch: Batch, expected: FloatColumn, ready: BoolColumn) -> None:
        """See `Forecaster.forecast_learn`."""
        start = 0
        while start < batch.slots.size:
            start = kernel.forecast_learn_many(
                self._rows,
                self._seasons,
                self._knobs,
                self._seasonality,
                self._is_product,
                start,
                batch.slots,
                batch.X,
                expected,
                ready,
            )
            if start < 0:
                self._start_series(int(batch.slots[-1 - start]))
                start = -start

    def _start_series(self, slot: int) -> None:
        """Set level, trend and season from the first values, by exact sums as river does; overflow starts anew."""
        first: list[float] = self._seasons[slot].tolist()
        level = statistics.mean(first)
        trend = 0.0
        if self._knobs[kernel.BETA] > 0.0:
            trend = statistics.mean([after - before for before, after in itertools.pairwise(first)])
        if not (math.isfinite(level) and math.isfinite(trend)):
            self._rows[slot] = np.zeros(1, ROW)[0]
            return
        self._rows[slot]["level"] = level
        self._rows[slot]["trend"] = trend
        if self._seasonality:
            neutral = 1.0 if self._is_product else 0.0
            ratios = [y / level if level else neutral for y in first]
            # A season of one sample starts from the second of the two first values.
            kept = ratios[-self._seasonality :]
            self._seasons[slot, : self._seasonality] = kept if all(map(math.isfinite, kept)) else neutral

    def forecast(self, horizon: int, slot: int = 0) -> list[float]:
        """Values expected 1 .. `horizon` samples ahead; NaN before the series has started."""
        if horizon == 1 and slot == 0:
            return [self.forecast_next()]
        if slot >= self._n_slots or not self._is_ready(slot):
            return [math.nan] * horizon
        return [
            kernel.forecast(self._rows, self._seasons, slot, self._seasonality, self._is_product, step)
            for step in range(1, horizon + 1)
        ]

    def _learn_value(self, y: float) -> None:
        if self._learn_y is None:
            arguments = (self._rows, self._seasons, self._knobs, self._seasonality, self._is_product)
            self._learn_y = partial(find_entry(kernel.learn_value, *arguments, 1.0), *arguments)
        if self._learn_y(y):
            self._start_series(0)

    def forecast_next(self) -> float:
        """See `Forecaster.forecast_next`."""
        if self._forecast_next is None:
            self.reserve(1)
            arguments = (self._rows, self._seasons, self._seasonality, self._is_product)
            self._forecast_next = partial(find_entry(kernel.forecast_next, *arguments), *arguments)
        return self._forecast_next()

    def _score_value(self, y: float) -> float:
        error = abs(y - self.forecast(1)[0])
        return error if math.isfinite(error) else 0.0

    def _is_ready(self, slot: int) -> bool:
        return bool(self._rows[slot]["n_first"] == self._seasons.shape[1])

    def _describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        return {"level": float(self._rows[slot]["level"]), "trend": float(self._rows[slot]["trend"])}
