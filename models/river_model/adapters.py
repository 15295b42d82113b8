"""How a river model is asked: one adapter for each thing it can be."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, ClassVar, NamedTuple

from river import base, time_series

from models.errors import ParameterError
from models.river_model.kinds import EXPECTED, OTHER_KIND, tell_kind

__all__ = ["NOTHING", "Adapter", "Answer", "UnfitError", "make_adapter", "try_call", "unwrap"]


class UnfitError(ValueError):
    """A sample is not of the kind the model takes: it is passed over, and the model stays as it is."""


class Answer(NamedTuple):
    """What a model says about a sample.

    Attributes
    ----------
    score, expected, scale : float
        As in `models.base.Scores`; NaN = it does not say.
    """

    score: float
    expected: float = math.nan
    scale: float = math.nan


NOTHING = Answer(math.nan)
"""No answer."""


class Adapter(ABC):
    """One river model behind the calls that a batch makes of it.

    Parameters
    ----------
    model : object
        The river model.
    names : sequence of str
        Feature names in column order.

    Attributes
    ----------
    needs_first : bool
        The first column is what the model is about: a sample without it is passed over.
    has_expected_value : bool
        It says which value of the first column it expected.
    learns_when_asked : bool
        `advance` has learned the sample as well.
    needs_features : bool
        It predicts the first column from the others, and knows nothing without them.
    """

    needs_first: ClassVar[bool] = True
    learns_when_asked: ClassVar[bool] = False
    has_expected_value: bool = False
    needs_features: bool = False

    def __init__(self, model: Any, names: Sequence[str]) -> None:
        self.model = model
        self.names = names

    @abstractmethod
    def score(self, x: Sequence[float]) -> Answer:
        """What the model says about the sample `x`; it is not changed."""

    def measure(self, x: Sequence[float]) -> float:
        """How odd `x` is: the absolute error where a value is expected, else the score; the model is not changed."""
        answer = self.score(x)
        return abs(x[0] - answer.expected) if self.has_expected_value else answer.score

    def advance(self, x: Sequence[float]) -> Answer:
        """As `score`, but what asking changes in the model stays changed; `learn` of the same sample comes next."""
        return self.score(x)

    @abstractmethod
    def learn(self, x: Sequence[float], *, is_asked: bool) -> None:
        """Learn the sample `x`; `is_asked`: `advance` was called with it."""

    def withhold(self, x: Sequence[float]) -> None:  # noqa: B027 - most have nothing to note
        """Take note of the sample `x`, which is not to be learned; see `Estimator.withhold`."""

    def to_dict(self, x: Sequence[float]) -> dict[str, float]:
        """The features present in `x`."""
        return {name: value for name, value in zip(self.names, x, strict=True) if math.isfinite(value)}

    def to_regressors(self, x: Sequence[float]) -> dict[str, float]:
        """The features present in `x` but for the first."""
        return {name: value for name, value in zip(self.names[1:], x[1:], strict=True) if math.isfinite(value)}


class _Detector(Adapter):
    """An anomaly detector of features, or a pipeline or filter around one."""

    needs_first: ClassVar[bool] = False

    def score(self, x: Sequence[float]) -> Answer:
        return Answer(self.model.score_one(self.to_dict(x)))

    def learn(self, x: Sequence[float], *, is_asked: bool) -> None:  # noqa: ARG002 - asking changes nothing
        self.model.learn_one(self.to_dict(x))


class _SupervisedDetector(Adapter):
    """An anomaly detector of a target, the first column; the others are its features."""

    def score(self, x: Sequence[float]) -> Answer:
        return Answer(self._ask(self.model, x))

    def learn(self, x: Sequence[float], *, is_asked: bool) -> None:  # noqa: ARG002 - asking changes nothing
        self.model.learn_one(self._get_features(x), x[0])

    def _ask(self, model: Any, x: Sequence[float]) -> float:
        score: float = model.score_one(self._get_features(x), x[0])
        return score

    def _get_features(self, x: Sequence[float]) -> dict[str, float] | None:
        return self.to_regressors(x) if len(self.names) > 1 else None


class _SupervisedPipeline(_SupervisedDetector):
    """A pipeline that ends in one: its other steps know no sample without features, only one with none."""

    def _ask(self, model: Any, x: Sequence[float]) -> float:
        score: float = model.score_one(self.to_regressors(x), y=x[0])
        return score

    def _get_features(self, x: Sequence[float]) -> dict[str, float] | None:
        return self.to_regressors(x)


class _PredictiveDetector(_SupervisedDetector):
    """River's predictive anomaly detection, or a filter around it; it is not asked while its model has no forecast.

    It moves its threshold when it scores, so that a sample without a forecast would poison it for good.
    """

    has_expected_value = True

    def __init__(self, model: Any, names: Sequence[str]) -> None:
        super().__init__(model, names)
        self._is_forecaster = isinstance(self._core.predictive_model, time_series.base.Forecaster)
        self.needs_features = not self._is_forecaster

    @property
    def _core(self) -> Any:
        return unwrap(self.model)

    def score(self, x: Sequence[float]) -> Answer:
        # Asking moves the threshold, so a copy is asked.
        return self._answer(copy.deepcopy(self.model), x)

    def measure(self, x: Sequence[float]) -> float:
        return abs(x[0] - self._expect(x))

    def advance(self, x: Sequence[float]) -> Answer:
        return self._answer(self.model, x)

    def withhold(self, x: Sequence[float]) -> None:
        with suppress(Exception):
            self._answer(self.model, x)

    def learn(self, x: Sequence[float], *, is_asked: bool) -> None:
        if not is_asked:
            self.withhold(x)
        # A filter asks once more before it learns.
        is_filter = self.model is not self._core
        learner = self._core if is_filter and not math.isfinite(self._expect(x)) else self.model
        learner.learn_one(self._get_features(x), x[0])

    def _answer(self, model: Any, x: Sequence[float]) -> Answer:
        expected = self._expect(x)
        if not math.isfinite(expected):
            return NOTHING
        mean = float(unwrap(model).dynamic_mae.get())
        return Answer(self._ask(model, x), expected, math.sqrt(mean) if mean > 0.0 else math.nan)

    def _expect(self, x: Sequence[float]) -> float:
        """The forecast of the first column; NaN while there is none."""
        core = self._core
        try:
            if self._is_forecaster:
                return float(core.predictive_model.forecast(core.horizon)[0])
        except LookupError:
            return math.nan
        return float(core.predictive_model.predict_one(self._get_features(x)))

    def _get_features(self, x: Sequence[float]) -> dict[str, float] | None:
        # It asks a forecaster without features, so one that has learned with them would be asked for something else.
        return None if self._is_forecaster else super()._get_features(x)


class _Drift(Adapter):
    """A drift detector of the first column."""

    learns_when_asked: ClassVar[bool] = True

    def score(self, x: Sequence[float]) -> Answer:
        return self._update(copy.deepcopy(self.model), x)

    def advance(self, x: Sequence[float]) -> Answer:
        return self._update(self.model, x)

    def learn(self, x: Sequence[float], *, is_asked: bool) -> None:
        if not is_asked:
            self._update(self.model, x)

    def _update(self, model: Any, x: Sequence[float]) -> Answer:
        model.update(self._to_value(x))
        return Answer(float(model.drift_detected))

    def _to_value(self, x: Sequence[float]) -> float:
        return x[0]


class _BinaryDrift(_Drift):
    """A drift detector of true and false; of other values it would make something, but nothing that means anything."""

    def _to_value(self, x: Sequence[float]) -> bool:
        if x[0] not in (0.0, 1.0):
            raise UnfitError(f"{type(self.model).__name__} takes true and false, 1 and 0, only; found {x[0]:g}")
        return x[0] == 1.0


class _Forecaster(Adapter):
    """A forecaster of the first column; the others are known when it is asked."""

    has_expected_value = True

    def score(self, x: Sequence[float]) -> Answer:
        expected = self._forecast(x)
        return Answer(abs(x[0] - expected), expected)

    def learn(self, x: Sequence[float], *, is_asked: bool) -> None:  # noqa: ARG002 - asking changes nothing
        if len(self.names) == 1:
            self.model.learn_one(x[0])
        else:
            self.model.learn_one(x[0], x=self.to_regressors(x))

    def _forecast(self, x: Sequence[float]) -> float:
        known = {} if len(self.names) == 1 else {"xs": [self.to_regressors(x)]}
        return float(self.model.forecast(1, **known)[0])


class _ForecastPipeline(_Forecaster):
    """A pipeline that ends in a forecaster."""

    def learn(self, x: Sequence[float], *, is_asked: bool) -> None:  # noqa: ARG002 - asking changes nothing
        self.model.learn_one(self.to_regressors(x), x[0])

    def _forecast(self, x: Sequence[float]) -> float:
        return float(self.model.forecast(1, xs=[self.to_regressors(x)])[0])


class _Regressor(Adapter):
    """A regressor of the first column on the others."""

    has_expected_value = True
    needs_features = True

    def score(self, x: Sequence[float]) -> Answer:
        expected = self.model.predict_one(self.to_regressors(x))
        return Answer(abs(x[0] - expected), expected)

    def learn(self, x: Sequence[float], *, is_asked: bool) -> None:  # noqa: ARG002 - asking changes nothing
        self.model.learn_one(self.to_regressors(x), x[0])


def make_adapter(model: Any, names: Sequence[str]) -> Adapter:
    """The adapter for `model`.

    Raises
    ------
    ParameterError
        It neither scores, nor detects drift, nor predicts a number.

    Examples
    --------
    >>> from river import anomaly
    >>> make_adapter(anomaly.LODA(seed=1), ["x"]).score([0.5])
    Answer(score=0.0, expected=nan, scale=nan)
    """
    core = unwrap(model)
    is_pipeline = hasattr(model, "steps")
    if isinstance(core, base.SupervisedAnomalyDetector):
        if is_pipeline:
            return _SupervisedPipeline(model, names)
        return (_PredictiveDetector if hasattr(core, "predictive_model") else _SupervisedDetector)(model, names)
    if isinstance(model, base.BinaryDriftDetector):
        return _BinaryDrift(model, names)
    if isinstance(model, base.DriftDetector):
        return _Drift(model, names)
    if isinstance(core, time_series.base.Forecaster):
        return (_ForecastPipeline if is_pipeline else _Forecaster)(model, names)
    if isinstance(core, base.AnomalyDetector):
        return _Detector(model, names)
    if isinstance(core, base.Regressor):
        return _Regressor(model, names)
    raise ParameterError(
        "river_model",
        "path",
        expected=EXPECTED,
        found=type(core).__name__,
        cure=tell_kind(type(core)) or OTHER_KIND,
    )


def unwrap(model: Any) -> Any:
    """The model at the end of a pipeline and within filters; `model` itself when it is neither."""
    while True:
        steps = getattr(model, "steps", None)
        if steps:
            model = next(reversed(steps.values()))
        elif isinstance(model, base.AnomalyFilter):
            model = model.anomaly_detector
        else:
            return model


def try_call(call: Callable[[Sequence[float]], Answer | None], x: Sequence[float]) -> tuple[Answer, Exception | None]:
    """What `call`, a method of an adapter, says of `x`, or what it raised.

    Examples
    --------
    >>> try_call(lambda x: Answer(1.0 / x[0]), [0.0])
    (Answer(score=nan, expected=nan, scale=nan), ZeroDivisionError('float division by zero'))
    """
    try:
        answer = call(x)
        if answer is None:
            return NOTHING, None
        return Answer(*map(float, answer)), None
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever somebody else's model raises
        return NOTHING, error
