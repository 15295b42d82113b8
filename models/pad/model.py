"""Predictive anomaly detection."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn, ScoreKind, Scores, Snapshot
from models.bound import find_entry
from models.columnar import Batch
from models.damage import MOST_SAMPLES, find_not_finite, find_outside
from models.errors import ParameterError
from models.forecaster import Forecaster
from models.linear.model import LinearRegression
from models.number import to_number
from models.pad import kernel
from models.pad.state import ROW
from models.parameters import Parameter
from models.registry import model_class
from models.state_array import StateArray
from models.wrapper import WrapperEstimator

__all__ = ["PredictiveAnomalyDetection"]


class PredictiveAnomalyDetection(WrapperEstimator):
    """Squared error of a forecaster, as a share of a threshold that follows the errors.

    Good where the normal course can be forecast; it inherits its forecaster's demands, evenly spaced samples among them.

    Parameters
    ----------
    forecaster : mapping
        ``{model: name, parameters: {...}}`` of the model that predicts: holt_winters, snarimax or linear_regression.
    horizon : int
        Kept for river's sake: its detector asks for so many steps and looks at the first, so it changes nothing.
    n_std : float
        Deviations of the squared error above its mean from which the score is 1.0.
    warmup_period : int
        Samples learned before the first is scored.

    Notes
    -----
    Scores equal those of river's `anomaly.PredictiveAnomalyDetection` to the last bit when every sample is scored and then
    learned.  River moves its threshold when it scores; here scoring changes nothing, and the threshold moves on learning, and by
    what a filter keeps out.  The
    batch call withholds the score of a series' first sample.  Where the forecaster has no forecast yet (river raises, or keeps a
    NaN for ever) the sample is not scored.

    ``expected`` is the forecast, ``scale`` the root of the mean squared error.  Score in [0, 1].  32 bytes a series beside the
    forecaster's.

    Raises
    ------
    ParameterError
        `forecaster` names a model that does not forecast.

    References
    ----------
    Laptev, N., Amizadeh, S. and Flint, I. (2015). Generic and scalable framework for automated time-series anomaly detection.
    KDD, section 3.

    Examples
    --------
    >>> model = PredictiveAnomalyDetection({"model": "snarimax", "parameters": {"p": 1, "d": 1}}, warmup_period=5)
    >>> for step in range(100):
    ...     model.learn_one(None, 5.0 + step % 3)
    >>> model.score_one(None, 50.0)
    1.0
    """

    name: ClassVar[str] = "predictive_anomaly_detection"
    inner_name: ClassVar[str] = "forecaster"
    score_kind: ClassVar[ScoreKind] = "raw"
    schema: ClassVar[tuple[Parameter, ...]] = (
        Parameter("forecaster", "model", ..., "Model that predicts: {model: name, parameters: {...}}."),
        Parameter("horizon", "int", 1, "Kept for river's sake; only the first step is looked at.", minimum=1, maximum=10_000),
        Parameter("n_std", "float", 3.0, "Deviations of the squared error from which the score is 1.0.", minimum=0),
        Parameter("warmup_period", "int", 0, "Samples learned before the first is scored.", minimum=0, maximum=1_000_000_000),
    )
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"forecaster": {"model": "snarimax", "parameters": {"p": 2}}, "warmup_period": 10},
        {"forecaster": {"model": "holt_winters"}},
        {"forecaster": {"model": "linear_regression", "parameters": {"n_features": 2}}, "n_std": 2.0},
    )
    bound: ClassVar[tuple[str, ...]] = ("_score_error", "_learn_error")
    _inner: Forecaster
    _score_error: Callable[[float, float], float] | None = None
    _learn_error: Callable[[float, float], None] | None = None

    def __init__(self, forecaster: Mapping[str, Any], horizon: int = 1, n_std: float = 3.0, warmup_period: int = 0) -> None:
        super().__init__(forecaster=forecaster, horizon=horizon, n_std=n_std, warmup_period=warmup_period)
        self._ask: Any = self._inner
        self._n_std: float = self._parameters["n_std"]
        self._warmup_period: int = self._parameters["warmup_period"]

    def _build_inner(self, name: str, parameters: Mapping[str, Any]) -> Forecaster:
        if not issubclass(model_class(name), Forecaster):
            raise ParameterError(
                self.name,
                "forecaster",
                expected=f"one of {', '.join(_FORECASTERS)}",
                found=name,
                cure="name one of them: others do not forecast",
            )
        built = super()._build_inner(name, parameters)
        assert isinstance(built, Forecaster)
        return built

    @property
    def forecaster(self) -> Forecaster:
        """The model that predicts."""
        return self._inner

    @property
    def needs_target(self) -> bool:
        """True when the forecaster is a regression: `learn_one` and `score_one` take features and a value."""
        return isinstance(self._inner, LinearRegression)

    # One at a time ----------------------------------------------------------------------------------------------------

    def _predict(self, x: Mapping[str, float] | None) -> float:
        if isinstance(self._inner, LinearRegression):
            return self._inner.predict_one(x or {})
        return self._inner.forecast_next()

    def score_one(self, x: Any, y: float | None = None) -> float:
        """Score `y` in slot 0 (with the regressors `x` for a regression), as river does; the state is not changed."""
        value = to_number(x if y is None else y)
        predicted = self._predict(x if y is not None else None)
        if self._score_error is None:
            self.reserve(1)
            arguments = (self._rows, self._n_std, self._warmup_period)
            self._score_error = partial(find_entry(kernel.score_value, *arguments, value, predicted), *arguments)
        return self._score_error(value, predicted)

    def learn_one(self, x: Any, y: float | None = None) -> None:
        """Learn `y` in slot 0 (with the regressors `x` for a regression): its error first, then the sample."""
        value = to_number(x if y is None else y)
        if not math.isfinite(value):
            return
        self._take_error(value, self._predict(x if y is not None else None))
        if y is None:
            self._ask.learn_one(value)
        else:
            self._ask.learn_one(x, y)
            self.n_features = self._inner.n_features

    def _take_error(self, value: float, predicted: float) -> None:
        if self._learn_error is None:
            self.reserve(1)
            arguments = (self._rows, self._warmup_period)
            self._learn_error = partial(find_entry(kernel.learn_error, *arguments, value, predicted), *arguments)
        self._learn_error(value, predicted)

    def contributions(self, slot: int, x: FloatColumn) -> FloatColumn:
        """What each column adds to the absolute error of the forecast, in units of the value: the score itself is cut off at 1.0.

        See `LinearRegression.contributions`; of a forecaster of one value the error.
        """
        if isinstance(self._inner, LinearRegression):
            return self._inner.contributions(slot, x)
        self._check_slots(np.array([slot], dtype=np.int64))
        error = abs(float(x[0]) - self._inner.forecast(1, slot)[0])
        return np.array([error if math.isfinite(error) else 0.0])

    # State ------------------------------------------------------------------------------------------------------------

    def _find_damage(self, columns: Mapping[str, StateArray]) -> str:
        """See `ColumnarEstimator._find_damage`."""
        rows = columns["rows"]
        return find_outside("n_learned", rows["n_learned"], 0, MOST_SAMPLES) or find_not_finite(columns)

    def _make_fresh_row(self) -> dict[str, StateArray]:
        return {"rows": np.zeros(1, ROW)}

    def _bind(self) -> None:
        self._rows = self._state["rows"]
        self._score_error = None
        self._learn_error = None

    def withhold(self, slots: IntColumn, before: Snapshot) -> None:
        """See `Estimator.withhold`: the error stays with those that make the threshold, as in river; the forecaster forgets."""
        self._inner.withhold(slots, before["forecaster"])
        self._rows["n_learned"][slots] = before["columns"]["rows"]["n_learned"]

    def withhold_one(self, x: Any, y: float | None = None) -> None:
        """The same for one sample that was not learned yet: only its error is taken in."""
        value = to_number(x if y is None else y)
        if math.isfinite(value):
            self.reserve(1)
            self._take_error(value, self._predict(x if y is not None else None))
            self._rows[0]["n_learned"] -= 1

    # Scoring ----------------------------------------------------------------------------------------------------------

    def _check_values(self, X: FloatColumn, n_samples: int) -> FloatColumn:
        return self._inner._check_values(X, n_samples)

    def _score_learn(self, batch: Batch, out: Scores, ready: BoolColumn) -> None:
        forecasts = np.empty(batch.slots.size)
        self._inner.forecast_learn(batch, forecasts, ready)
        values = np.ascontiguousarray(self._inner.get_target(batch.X))
        kernel.score_learn_many(self._rows, self._n_std, self._warmup_period, batch.slots, values, forecasts, *out, ready)

    def is_withheld(self) -> bool:
        """See `ColumnarEstimator.is_withheld`: the first sample."""
        return bool(self._rows[0]["n_learned"] < max(self._warmup_period, 1))

    def _is_ready(self, slot: int) -> bool:
        learned = int(self._rows[slot]["n_learned"])
        return learned >= max(self._warmup_period, 1) and self._inner._is_ready(slot)

    def _describe_own(self, slot: int) -> Mapping[str, float | int | str | bool]:
        return {"n_samples": int(self._rows[slot]["n_learned"]), "mean_squared_error": float(self._rows[slot]["mean"])}


_FORECASTERS = ("holt_winters", "linear_regression", "snarimax")
