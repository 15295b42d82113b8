"""How a river model is asked: one adapter for each thing it can be."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from river import base, time_series

from models.errors import ParameterError

__all__ = ["Adapter", "make_adapter"]


class Adapter(ABC):
    """One river model behind the two calls that a batch makes of it.

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
    """

    needs_first: ClassVar[bool] = True

    def __init__(self, model: Any, names: Sequence[str]) -> None:
        self.model = model
        self.names = names

    @abstractmethod
    def score(self, x: Sequence[float]) -> tuple[float, float]:
        """Score of the sample `x`, and the value expected (NaN = none); the model is not changed."""

    @abstractmethod
    def learn(self, x: Sequence[float]) -> None:
        """Learn the sample `x`."""

    def to_dict(self, x: Sequence[float]) -> dict[str, float]:
        """The features present in `x`."""
        return {name: value for name, value in zip(self.names, x, strict=True) if math.isfinite(value)}


class _Detector(Adapter):
    """An anomaly detector of features, or a pipeline or filter around one."""

    needs_first: ClassVar[bool] = False

    def score(self, x: Sequence[float]) -> tuple[float, float]:
        return self.model.score_one(self.to_dict(x)), math.nan

    def learn(self, x: Sequence[float]) -> None:
        self.model.learn_one(self.to_dict(x))


class _SupervisedDetector(Adapter):
    """An anomaly detector of a target, the first column; the others are its features."""

    def score(self, x: Sequence[float]) -> tuple[float, float]:
        # river's predictive detector moves its threshold when it scores, so the asking is done of a copy.
        model = copy.deepcopy(self.model) if hasattr(self.model, "predictive_model") else self.model
        return model.score_one(self._get_features(x), x[0]), math.nan

    def learn(self, x: Sequence[float]) -> None:
        if hasattr(self.model, "predictive_model"):
            self.model.score_one(self._get_features(x), x[0])
        self.model.learn_one(self._get_features(x), x[0])

    def _get_features(self, x: Sequence[float]) -> dict[str, float] | None:
        features = self.to_dict(x)
        features.pop(self.names[0], None)
        return features or None


class _Drift(Adapter):
    """A drift detector of the first column."""

    def score(self, x: Sequence[float]) -> tuple[float, float]:
        asked = copy.deepcopy(self.model)
        asked.update(x[0])
        return float(asked.drift_detected), math.nan

    def learn(self, x: Sequence[float]) -> None:
        self.model.update(x[0])


class _Forecaster(Adapter):
    """A forecaster of the first column."""

    def score(self, x: Sequence[float]) -> tuple[float, float]:
        expected = self.model.forecast(1)[0]
        return abs(x[0] - expected), expected

    def learn(self, x: Sequence[float]) -> None:
        self.model.learn_one(x[0])


class _Regressor(Adapter):
    """A regressor of the first column on the others."""

    def score(self, x: Sequence[float]) -> tuple[float, float]:
        expected = self.model.predict_one(self.to_dict([math.nan, *x[1:]]))
        return abs(x[0] - expected), expected

    def learn(self, x: Sequence[float]) -> None:
        self.model.learn_one(self.to_dict([math.nan, *x[1:]]), x[0])


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
    (0.0, nan)
    """
    inner = getattr(model, "anomaly_detector", model)
    if isinstance(inner, base.SupervisedAnomalyDetector):
        return _SupervisedDetector(model, names)
    if hasattr(model, "drift_detected"):
        return _Drift(model, names)
    if isinstance(model, time_series.base.Forecaster):
        return _Forecaster(model, names)
    last = _get_last_step(model)
    if isinstance(getattr(last, "anomaly_detector", last), base.AnomalyDetector):
        return _Detector(model, names)
    if isinstance(last, base.Regressor):
        return _Regressor(model, names)
    raise ParameterError(
        "river_model", "path", expected="an anomaly or drift detector, a forecaster or a regressor", found=type(model).__name__
    )


def _get_last_step(model: Any) -> Any:
    """The model at the end of a pipeline; `model` itself when it is none."""
    steps = list(getattr(model, "steps", {}).values())
    return steps[-1] if steps else model
