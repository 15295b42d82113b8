"""What the model benchmark runs: every model, beside river's with the same parameters where river has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from river import anomaly, drift, linear_model, preprocessing, stats, time_series

__all__ = ["CASES", "Case"]


@dataclass(frozen=True)
class Case:
    """One model and its original.

    Attributes
    ----------
    id : str
        Permanent name of the case.
    model : str
        Registered name.
    parameters : mapping
        Parameters of ours.
    make_river : callable, optional
        Makes river's; None = river has no such model.
    call : {"value", "dict", "update", "forecast", "regression"}
        How river's is asked: ``(None, y)``, a dict of features, ``update``, ``forecast``, or a dict of regressors with the value.
    n_features : int
    is_anomaly : bool
        True for the classes of `river.anomaly`, over which the geometric mean goes.
    has_day : bool
        False where samples have no daily shape: the time of a test of a whole window depends on whether it finds a change.
    """

    id: str
    model: str
    make_river: Callable[[], Any] | None
    call: Literal["value", "dict", "update", "forecast", "regression"]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    n_features: int = 1
    is_anomaly: bool = True
    has_day: bool = True


_HOURLY = {"alpha": 0.3, "beta": 0.1, "gamma": 0.3, "seasonality": 24}
_GAUSSIAN = {"model": "gaussian_scorer"}

CASES: tuple[Case, ...] = (
    Case("default", "default", None, "value", is_anomaly=False),
    Case("gaussian_scorer", "gaussian_scorer", anomaly.GaussianScorer, "value"),
    Case(
        "gaussian_scorer_w100",
        "gaussian_scorer",
        lambda: anomaly.GaussianScorer(window_size=100),
        "value",
        {"window_size": 100},
    ),
    Case("standard_absolute_deviation", "standard_absolute_deviation", anomaly.StandardAbsoluteDeviation, "value"),
    Case("half_space_trees", "half_space_trees", lambda: anomaly.HalfSpaceTrees(seed=42), "dict"),
    Case("half_space_trees_f5", "half_space_trees", lambda: anomaly.HalfSpaceTrees(seed=42), "dict", {"n_features": 5}, 5),
    Case("loda", "loda", lambda: anomaly.LODA(seed=42), "dict"),
    Case("loda_f5", "loda", lambda: anomaly.LODA(seed=42), "dict", {"n_features": 5}, 5),
    Case("one_class_svm", "one_class_svm", anomaly.OneClassSVM, "dict"),
    Case("one_class_svm_f5", "one_class_svm", anomaly.OneClassSVM, "dict", {"n_features": 5}, 5),
    Case("local_outlier_factor", "local_outlier_factor", anomaly.LocalOutlierFactor, "dict"),
    Case("local_outlier_factor_f5", "local_outlier_factor", anomaly.LocalOutlierFactor, "dict", {"n_features": 5}, 5),
    Case(
        "pad_snarimax",
        "predictive_anomaly_detection",
        lambda: anomaly.PredictiveAnomalyDetection(time_series.SNARIMAX(p=12, d=1, q=12, m=12, sd=1), warmup_period=15),
        "value",
        {"forecaster": {"model": "snarimax", "parameters": {"p": 12, "d": 1, "q": 12, "m": 12, "sd": 1}}, "warmup_period": 15},
    ),
    Case(
        "pad_holt_winters",
        "predictive_anomaly_detection",
        lambda: anomaly.PredictiveAnomalyDetection(time_series.HoltWinters(**_HOURLY), warmup_period=24),
        "value",
        {"forecaster": {"model": "holt_winters", "parameters": _HOURLY}, "warmup_period": 24},
    ),
    Case(
        "threshold_filter",
        "threshold_filter",
        lambda: anomaly.ThresholdFilter(anomaly.GaussianScorer(), threshold=0.99),
        "value",
        {"detector": _GAUSSIAN, "threshold": 0.99},
    ),
    Case(
        "quantile_filter",
        "quantile_filter",
        lambda: anomaly.QuantileFilter(anomaly.GaussianScorer(), q=0.99),
        "value",
        {"detector": _GAUSSIAN, "q": 0.99},
    ),
    Case("adwin", "adwin", drift.ADWIN, "update", is_anomaly=False),
    Case("kswin", "kswin", lambda: drift.KSWIN(seed=42), "update", is_anomaly=False, has_day=False),
    Case("page_hinkley", "page_hinkley", drift.PageHinkley, "update", is_anomaly=False),
    Case("ew_scorer", "ew_scorer", lambda: _EWScorer(), "value", is_anomaly=False),
    Case("quantile_scorer", "quantile_scorer", lambda: _QuantileScorer(), "value", is_anomaly=False),
    Case(
        "holt_winters",
        "holt_winters",
        lambda: time_series.HoltWinters(**_HOURLY),
        "forecast",
        _HOURLY,
        is_anomaly=False,
    ),
    Case(
        "snarimax",
        "snarimax",
        lambda: time_series.SNARIMAX(p=12, d=1, q=12, m=12, sd=1),
        "forecast",
        {"p": 12, "d": 1, "q": 12, "m": 12, "sd": 1},
        is_anomaly=False,
    ),
    Case(
        "linear_regression_f5",
        "linear_regression",
        lambda: preprocessing.MinMaxScaler() | linear_model.LinearRegression(),
        "regression",
        {"n_features": 5},
        6,
        is_anomaly=False,
    ),
    Case("random_cut_forest", "random_cut_forest", None, "dict", is_anomaly=False),
)


class _EWScorer:
    """What a user of river writes to score by exponentially weighted moments."""

    def __init__(self) -> None:
        self._mean, self._var = stats.EWMean(0.05), stats.EWVar(0.05)

    def score_one(self, _: object, y: float) -> float:
        return float(abs(y - self._mean.get()) / (max(self._var.get(), 0.0) ** 0.5 + 1e-10))

    def learn_one(self, _: object, y: float) -> None:
        self._mean.update(y)
        self._var.update(y)


class _QuantileScorer:
    """What a user of river writes to score by running quantiles."""

    def __init__(self) -> None:
        self._quantiles = [stats.Quantile(q) for q in (0.1, 0.5, 0.9)]

    def score_one(self, _: object, y: float) -> float:
        low, middle, high = (quantile.get() or 0.0 for quantile in self._quantiles)
        return float(abs(y - middle) / ((high - low) / 2.0 + 1e-10))

    def learn_one(self, _: object, y: float) -> None:
        for quantile in self._quantiles:
            quantile.update(y)
