"""What a river object is, for one that cannot stand as a model by itself: in words, with what to do instead."""

from __future__ import annotations

from typing import Any

from river import base, metrics, optim, stats, time_series

__all__ = ["EXPECTED", "OTHER_KIND", "tell_kind"]

EXPECTED = "an anomaly or drift detector, a forecaster or a regressor"
"""What can stand as a model by itself."""

_MODELS = (base.AnomalyDetector, base.SupervisedAnomalyDetector, base.AnomalyFilter, base.Regressor, time_series.base.Forecaster)

_KINDS: tuple[tuple[Any, str], ...] = (
    (
        base.Classifier,
        "it is a classifier, and samples have no classes that it could predict: take a detector of river.anomaly, or a regressor",
    ),
    (
        base.Clusterer,
        "it is a clusterer, which says how near samples are to each other and not how odd they are: take a detector of river.anomaly, "
        "e.g. river.anomaly.LocalOutlierFactor",
    ),
    (
        base.Transformer,
        "it is a transformer, which scores nothing by itself: put it before a detector, path: river.compose.Pipeline, parameters: "
        "{steps: [{path: ...}, {path: river.anomaly.LODA}]}",
    ),
    (
        stats.base.Statistic,
        "it is a statistic, which scores nothing by itself: take ew_scorer, quantile_scorer or gaussian_scorer, or the distance from "
        "it, path: river.dummy.StatisticRegressor, parameters: {statistic: {path: ...}}",
    ),
    (
        (metrics.base.Metric, time_series.ForecastingMetric),
        "it is a metric, which needs truth to compare with: take a detector of river.anomaly",
    ),
    (optim.base.Optimizer, "it is an optimizer: name the model it is for, and it among the model's parameters"),
)

OTHER_KIND = "take a detector of river.anomaly or river.drift, or a forecaster of river.time_series"
"""What to do about a model of which no more can be said."""


def tell_kind(found: type[Any]) -> str:
    """Why a class of river is no model by itself, and what to name in place of it; "" = it may be one.

    Examples
    --------
    >>> from river import anomaly, optim
    >>> tell_kind(optim.SGD), tell_kind(anomaly.LODA)
    ("it is an optimizer: name the model it is for, and it among the model's parameters", '')
    """
    kinds = (cure for kind, cure in _KINDS if issubclass(found, kind) and not issubclass(found, _MODELS))
    return next(kinds, "")
