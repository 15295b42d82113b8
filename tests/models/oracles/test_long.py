"""Every accelerated model against river over hundreds of thousands of samples, bit by bit: rounding has time to add up.

What river needs more than a second for is soak; it is as slow as river.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from river import anomaly, drift, linear_model, neighbors, preprocessing, stats, time_series
from river.utils.math import _euclidean_distance

from models import registry
from models.base import Estimator, FloatColumn, Scores

soak = pytest.mark.soak


def make_values(n: int, *, has_extremes: bool) -> FloatColumn:
    """Levels, spreads, constant stretches, spikes, tiny and (when asked for) huge values."""
    rng = np.random.default_rng(n)
    levels = np.repeat(rng.choice([0.0, 0.5, 5.0, -20.0, 300.0], n // 500 + 1), 500)[:n]
    spreads = np.repeat(rng.choice([0.0, 0.1, 1.0, 7.0], n // 900 + 1), 900)[:n]
    values = levels + spreads * rng.normal(0.0, 1.0, n)
    values[rng.random(n) < 0.001] *= 1e4
    values[rng.random(n) < 0.001] = 5e-324
    values[rng.random(n) < 0.001] = -0.0
    if has_extremes:
        at = n // 2 + rng.integers(0, n // 2, 40)
        values[at] = rng.choice([-1.0, 1.0], 40) * 10.0 ** rng.uniform(20.0, 60.0, 40)
    return values


def make_rows(n: int, n_features: int) -> FloatColumn:
    """Rows with gaps, some with one feature alone; a third of them constant."""
    rng = np.random.default_rng(n)
    X = rng.normal(0.5, 0.2, (n, n_features))
    X[n // 3 : n // 3 + n // 10] = 0.5
    X[rng.random(n) < 0.01] *= 50.0
    X[rng.random(X.shape) < 0.05] = np.nan
    X[np.isnan(X).all(axis=1), 0] = 0.5
    return X


def run(model: Estimator, X: FloatColumn) -> tuple[Scores, Any]:
    """One series in batches of 10,000."""
    model.reserve(1)
    out, ready = Scores.empty(len(X)), np.zeros(len(X), np.bool_)
    for start in range(0, len(X), 10_000):
        part = slice(start, start + 10_000)
        zeros = np.zeros(len(X[part]), np.int64)
        ready[part] = model.score_learn_many(zeros, zeros, X[part], Scores(*(column[part] for column in out)))
    return out, ready


DRIFT: list[Any] = [
    pytest.param("page_hinkley", drift.PageHinkley, {"threshold": 400.0}, 200_000),
    pytest.param("adwin", drift.ADWIN, {}, 300_000),
    pytest.param("kswin", drift.KSWIN, {"seed": 3}, 200_000, marks=soak),
]


@pytest.mark.parametrize(("name", "theirs", "parameters", "n"), DRIFT)
def test_drift_detectors(name: str, theirs: Any, parameters: dict[str, Any], n: int) -> None:
    values = make_values(n, has_extremes=False)
    detector = theirs(**parameters)
    expected = np.zeros(n)
    for step, y in enumerate(values.tolist()):
        detector.update(y)
        expected[step] = detector.drift_detected
    assert 3 < expected.sum() < n / 10
    assert run(registry.build(name, parameters), values)[0].score.tobytes() == expected.tobytes()


def test_moments_and_quantiles() -> None:
    values = make_values(200_000, has_extremes=True)
    mean, variance = stats.EWMean(0.01), stats.EWVar(0.01)
    estimated = [stats.Quantile(q) for q in (1.0 - 0.99, 0.5, 0.99)]
    rolling = [stats.RollingQuantile(q, 300) for q in (1.0 - 0.99, 0.5, 0.99)]
    moments: Any = registry.build("ew_scorer", {"fading_factor": 0.01})
    estimating: Any = registry.build("quantile_scorer", {"q": 0.99})
    windowed: Any = registry.build("quantile_scorer", {"q": 0.99, "window_size": 300})
    for part in np.array_split(values, 500):
        for y in part.tolist():
            mean.update(y)
            variance.update(y)
            for quantile in (*estimated, *rolling):
                quantile.update(y)
        for model in (moments, estimating, windowed):
            run(model, part)
        assert (moments.mean, moments.variance) == (mean.get(), variance.get())
        assert estimating.quantiles == tuple(quantile.get() for quantile in estimated)
        assert windowed.quantiles == tuple(quantile.get() for quantile in rolling)


GAUSS = {"model": "gaussian_scorer", "parameters": {"grace_period": 30}}
SUPERVISED: list[Any] = [
    pytest.param(
        "threshold_filter",
        {"detector": GAUSS, "threshold": 0.999},
        lambda: anomaly.ThresholdFilter(anomaly.GaussianScorer(grace_period=30), threshold=0.999),
        200_000,
        id="threshold_filter",
    ),
    pytest.param(
        "quantile_filter",
        {"detector": GAUSS, "q": 0.99},
        lambda: anomaly.QuantileFilter(anomaly.GaussianScorer(grace_period=30), q=0.99),
        200_000,
        id="quantile_filter",
    ),
    pytest.param(
        "standard_absolute_deviation",
        {"sub_stat": "median"},
        lambda: anomaly.StandardAbsoluteDeviation(stats.Quantile(0.5)),
        200_000,
        id="standard_absolute_deviation",
    ),
    pytest.param(
        "predictive_anomaly_detection",
        {"forecaster": {"model": "snarimax", "parameters": {"p": 2, "d": 1, "q": 1}}},
        lambda: anomaly.PredictiveAnomalyDetection(time_series.SNARIMAX(p=2, d=1, q=1)),
        200_000,
        id="predictive_anomaly_detection",
        marks=soak,
    ),
]


@pytest.mark.parametrize(("name", "parameters", "make", "n"), SUPERVISED)
def test_detectors_of_a_target(name: str, parameters: dict[str, Any], make: Callable[[], Any], n: int) -> None:
    values = make_values(n, has_extremes=True)
    detector = make()
    expected = np.empty(n)
    for step, y in enumerate(values.tolist()):
        # River has no median before the first sample, and raises; predictive detection moves its threshold when it scores.
        expected[step] = detector.score_one(None, y) if step or name != "standard_absolute_deviation" else 0.0
        detector.learn_one(None, y)
    assert len(set(expected.tolist())) > 1000
    assert run(registry.build(name, parameters), values)[0].score[1:].tobytes() == expected[1:].tobytes()


FORECASTERS: list[Any] = [
    pytest.param(
        "holt_winters",
        time_series.HoltWinters,
        {"alpha": 0.3, "beta": 0.1, "gamma": 0.2, "seasonality": 24},
        200_000,
        id="holt_winters",
    ),
    pytest.param(
        "snarimax", time_series.SNARIMAX, {"p": 3, "d": 1, "q": 2, "m": 24, "sp": 1}, 200_000, id="snarimax", marks=soak
    ),
]


@pytest.mark.parametrize(("name", "theirs", "parameters", "n"), FORECASTERS)
def test_forecasters(name: str, theirs: Any, parameters: dict[str, Any], n: int) -> None:
    values = make_values(n, has_extremes=False)
    forecaster = theirs(**parameters)
    out, ready = run(registry.build(name, parameters), values)
    assert ready[100:].all()
    for step, y in enumerate(values.tolist()):
        if ready[step]:
            assert out.expected[step] == forecaster.forecast(1)[0], step
        forecaster.learn_one(y)


@soak
def test_linear_regression() -> None:
    n = 200_000
    X = make_rows(n, 3)
    X[0] = 0.5
    y = np.nan_to_num(X).sum(axis=1) + make_values(n, has_extremes=False) * 0.01
    theirs = preprocessing.MinMaxScaler() | linear_model.LinearRegression()
    out, ready = run(registry.build("linear_regression", {"features": ["a", "b", "c"]}), np.column_stack([y, X]))
    assert ready[1:].all()
    for step, (target, row) in enumerate(zip(y.tolist(), X.tolist(), strict=True)):
        x = {name: value for name, value in zip("abc", row, strict=True) if value == value}
        if step:
            assert out.expected[step] == theirs.predict_one(x), step
        theirs.learn_one(x, target)


NAMES = ["a", "b", "c"]
compensated = pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="from Python 3.12 on sum() of floats is compensated: river's scores move"
)
VECTORS: list[Any] = [
    pytest.param("half_space_trees", {"seed": 8}, lambda: anomaly.HalfSpaceTrees(seed=8), 1, 200_000, marks=soak),
    pytest.param("half_space_trees", {"seed": 8}, lambda: anomaly.HalfSpaceTrees(seed=8), 3, 200_000, marks=soak),
    pytest.param("one_class_svm", {"nu": 0.1}, lambda: anomaly.OneClassSVM(nu=0.1), 3, 200_000, marks=soak),
    pytest.param("loda", {"seed": 8}, lambda: anomaly.LODA(seed=8), 3, 100_000, marks=soak),
    pytest.param(
        "local_outlier_factor",
        {"n_neighbors": 5, "window_size": 40},
        lambda: anomaly.LocalOutlierFactor(
            n_neighbors=5, engine=neighbors.LazySearch(window_size=40, dist_func=_euclidean_distance)
        ),
        1,
        100_000,
        marks=[soak, compensated],
    ),
]


@pytest.mark.parametrize(("name", "parameters", "make", "n_features", "n"), VECTORS)
def test_detectors_of_vectors(name: str, parameters: dict[str, Any], make: Callable[[], Any], n_features: int, n: int) -> None:
    X = make_rows(n, n_features)
    names = NAMES[:n_features]
    detector = make()
    expected = np.empty(n)
    for step, row in enumerate(X.tolist()):
        x = {feature: value for feature, value in zip(names, row, strict=True) if value == value}
        expected[step] = detector.score_one(x)
        detector.learn_one(x)
    assert len(set(expected.tolist())) > 30
    assert run(registry.build(name, {"features": names, **parameters}), X)[0].score.tobytes() == expected.tobytes()
