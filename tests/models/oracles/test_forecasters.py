"""Holt-Winters, SNARIMAX, linear regression and predictive anomaly detection against river, bit by bit."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from river import anomaly, linear_model, optim, preprocessing, time_series

from models import registry
from models.base import Scores
from models.errors import ParameterError, ShapeError


def _make_stream(n: int = 4000) -> list[float]:
    rng = random.Random(12)
    values = [100.0 + 10.0 * math.sin(step / 12 * math.tau) + rng.gauss(0.0, 1.0) + 0.01 * step for step in range(n)]
    values[1000:1100] = [100.0] * 100
    values[2000] += 60.0
    return values


YS = _make_stream()
HOLT_WINTERS: list[dict[str, Any]] = [
    {"alpha": 0.3},
    {"alpha": 0.3, "beta": 0.1},
    {"alpha": 0.3, "multiplicative": True},
    {"alpha": 0.3, "beta": 0.1, "gamma": 0.6, "seasonality": 12},
    {"alpha": 0.3, "beta": 0.1, "gamma": 0.6, "seasonality": 12, "multiplicative": True},
    {"alpha": 0.3, "beta": 0.1, "gamma": 0.2, "seasonality": 1},
]
SNARIMAX: list[dict[str, Any]] = [
    {"p": 1, "d": 0, "q": 0},
    {"p": 0, "d": 0, "q": 0},
    {"p": 12, "d": 1, "q": 12, "m": 12, "sd": 1},
    {"p": 0, "d": 2, "q": 3, "m": 7, "sp": 2, "sq": 1},
    {"p": 2, "d": 0, "q": 1, "m": 5, "sp": 3, "sd": 2},
]


def _run(model: Any, X: Any) -> tuple[Scores, Any]:
    model.reserve(1)
    n = len(X)
    out = Scores.empty(n)
    ready = model.score_learn_many(np.zeros(n, np.int64), np.zeros(n, np.int64), np.array(X), out)
    return out, ready


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("holt_winters", parameters) for parameters in HOLT_WINTERS] + [("snarimax", parameters) for parameters in SNARIMAX],
)
def test_forecasts(name: str, parameters: dict[str, Any]) -> None:
    theirs: Any = {"holt_winters": time_series.HoltWinters, "snarimax": time_series.SNARIMAX}[name](**parameters)
    ours: Any = registry.build(name, parameters)
    out, ready = _run(registry.build(name, parameters), YS)
    assert ready.sum() > len(YS) - 50
    for step, y in enumerate(YS):
        if ready[step]:
            assert out.expected[step] == theirs.forecast(1)[0], step
            assert out.score[step] == abs(y - out.expected[step])
        theirs.learn_one(y)
        ours.learn_one(None, y)
    assert ours.forecast(30) == theirs.forecast(30)


def test_a_model_that_was_just_made_has_no_forecast() -> None:
    model: Any = registry.build("holt_winters")
    assert math.isnan(model.forecast(1)[0])
    assert all(map(math.isnan, registry.build("holt_winters").forecast(3)))  # type: ignore[attr-defined]
    inside = {"forecaster": {"model": "holt_winters"}}
    detector: Any = registry.build("predictive_anomaly_detection", inside)
    assert detector.score_one(None, 5.0) == 0.0


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_linear_regression(missing: float) -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(5.0, 2.0, (3000, 3))
    y = X @ np.array([1.0, -2.0, 0.5]) + 3.0
    X[rng.random(X.shape) < missing] = np.nan
    X[0] = 1.0
    theirs = preprocessing.MinMaxScaler() | linear_model.LinearRegression(optimizer=optim.SGD(0.05), intercept_lr=0.02)
    model: Any = registry.build("linear_regression", {"learning_rate": 0.05, "intercept_lr": 0.02, "features": ["a", "b", "c"]})
    out, ready = _run(registry.build("linear_regression", dict(model.parameters)), np.column_stack([y, X]))
    assert ready.sum() == len(y) - 1
    for step in range(len(y)):
        x = {name: value for name, value in zip("abc", X[step].tolist(), strict=True) if value == value}
        if step:
            expected = theirs.predict_one(x)
            assert out.expected[step] == expected
            assert model.predict_one(x) == expected
        theirs.learn_one(x, float(y[step]))
        model.learn_one(x, float(y[step]))


@pytest.mark.parametrize("warmup_period", [0, 1, 40])
@pytest.mark.parametrize("parameters", SNARIMAX)
def test_pad_over_snarimax(parameters: dict[str, Any], warmup_period: int) -> None:
    theirs = anomaly.PredictiveAnomalyDetection(time_series.SNARIMAX(**parameters), n_std=3.5, warmup_period=warmup_period)
    expected = []
    for y in YS:
        expected.append(theirs.score_one(None, y))
        theirs.learn_one(None, y)
    chosen = {"forecaster": {"model": "snarimax", "parameters": parameters}, "n_std": 3.5, "warmup_period": warmup_period}
    out, ready = _run(registry.build("predictive_anomaly_detection", chosen), YS)
    assert out.score[1:].tolist() == expected[1:]
    assert not ready[0]
    assert len(set(expected)) > 1000
    model: Any = registry.build("predictive_anomaly_detection", chosen)
    for y, score in zip(YS[:1500], expected[:1500], strict=True):
        assert model.score_one(None, y) == score
        model.learn_one(None, y)


@pytest.mark.parametrize("parameters", HOLT_WINTERS)
def test_pad_over_holt_winters(parameters: dict[str, Any]) -> None:
    start = max(2, parameters.get("seasonality", 0))
    theirs = anomaly.PredictiveAnomalyDetection(time_series.HoltWinters(**parameters), warmup_period=start)
    expected = []
    for step, y in enumerate(YS):
        expected.append(theirs.score_one(None, y) if step >= start else 0.0)
        theirs.learn_one(None, y)
    chosen = {"forecaster": {"model": "holt_winters", "parameters": parameters}, "warmup_period": start}
    out, ready = _run(registry.build("predictive_anomaly_detection", chosen), YS)
    assert out.score.tolist() == expected
    assert ready.tolist() == [step >= start for step in range(len(YS))]


def test_pad_over_its_default_regression() -> None:
    rng = np.random.default_rng(5)
    X = rng.normal(0.0, 1.0, (3000, 2))
    y = (X.sum(axis=1) + rng.normal(0.0, 0.1, 3000)).tolist()
    theirs = anomaly.PredictiveAnomalyDetection(warmup_period=1)
    expected = []
    for row, target in zip(X.tolist(), y, strict=True):
        x = {"a": row[0], "b": row[1]}
        expected.append(theirs.score_one(x, target) if expected else 0.0)
        theirs.learn_one(x, target)
    chosen = {"forecaster": {"model": "linear_regression", "parameters": {"n_features": 2}}, "warmup_period": 1}
    out, _ = _run(registry.build("predictive_anomaly_detection", chosen), np.column_stack([y, X]))
    assert out.score.tolist() == expected
    assert 0.0 < out.score[-1] <= 1.0


def test_pad_wants_a_forecaster() -> None:
    with pytest.raises(ParameterError, match="holt_winters, linear_regression, snarimax"):
        registry.build("predictive_anomaly_detection", {"forecaster": {"model": "gaussian_scorer"}})


def test_holt_winters_wants_a_trend_with_its_season() -> None:
    with pytest.raises(ParameterError, match=r"holt_winters\.gamma"):
        registry.build("holt_winters", {"seasonality": 12})
    with pytest.raises(ParameterError, match=r"holt_winters\.beta"):
        registry.build("holt_winters", {"seasonality": 12, "gamma": 0.5})


def test_predictive_detection_takes_the_regressors_of_the_first_dict() -> None:
    theirs = anomaly.PredictiveAnomalyDetection(preprocessing.MinMaxScaler() | linear_model.LinearRegression(), warmup_period=5)
    ours: Any = registry.build("predictive_anomaly_detection", {"forecaster": {"model": "linear_regression"}, "warmup_period": 5})
    rng = random.Random(3)
    for step in range(200):
        x = {"load": rng.random(), "heat": rng.gauss(20.0, 4.0), "rate": float(step % 7)}
        y = x["load"] + 0.1 * x["heat"] + rng.gauss(0.0, 0.1)
        if step >= 5:
            assert ours.score_one(x, y) == theirs.score_one(x, y)
        else:
            ours.score_one(x, y)
        ours.learn_one(x, y)
        theirs.learn_one(x, y)
    assert ours.n_features == 4
    learned: Any = registry.build("linear_regression", {"n_features": 2})
    learned.reserve(1)
    learned.score_learn_many(np.zeros(3, np.int64), np.zeros(3, np.int64), np.ones((3, 3)), Scores.empty(3))
    with pytest.raises(ShapeError, match="do not fit"):
        learned.learn_one({"a": 1.0, "b": 2.0, "c": 3.0}, 1.0)
