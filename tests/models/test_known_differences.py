"""Every known difference from river still exists, on both sides."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from river import anomaly, drift, linear_model, neighbors, optim, stats, time_series
from river.utils.math import _euclidean_distance

import models.anomaly
import models.time_series
from models import known_differences, registry
from models.base import Scores
from models.errors import ParameterError


def _run(model: Any, X: Any) -> tuple[Scores, Any]:
    model.reserve(1)
    n = len(X)
    out = Scores.empty(n)
    ready = model.score_learn_many(np.zeros(n, np.int64), np.zeros(n, np.int64), np.asarray(X, dtype=np.float64), out)
    return out, ready


def _pollute(detector: Any, value: float) -> Any:
    for y in (1.0, 2.0, 4.0, value, 2.0, 3.0):
        detector.learn_one(None, y)
    return detector


def _feed(detector: Any, values: list[float]) -> None:
    for y in values:
        detector.score_one(None, y)
        detector.learn_one(None, y)


def _detect(values: list[float]) -> list[bool]:
    detector = drift.KSWIN(seed=42)
    found = []
    for y in values:
        detector.update(y)
        found.append(bool(detector.drift_detected))
    return found


def test_every_difference_has_its_test_and_its_models() -> None:
    for difference in known_differences.KNOWN_DIFFERENCES:
        assert f"test_{difference.name}" in globals(), difference.name
        assert set(difference.models) <= set(registry.names())
        assert all(difference)
    overflowing = next(entry for entry in known_differences.KNOWN_DIFFERENCES if entry.name == "overflow_is_not_learned")
    assert set(_FURTHER) < set(overflowing.models)


def test_non_finite_values_are_not_learned() -> None:
    assert math.isnan(_pollute(anomaly.GaussianScorer(grace_period=1), math.nan).score_one(None, 3.0))
    assert math.isnan(_pollute(anomaly.StandardAbsoluteDeviation(), math.inf).score_one(None, 3.0))
    mean = stats.EWMean()
    page = drift.PageHinkley()
    for y in (1.0, math.nan, 2.0):
        mean.update(y)
        page.update(y)
    assert math.isnan(mean.get())
    assert math.isnan(page._x_mean.get())
    window = drift.ADWIN()
    for y in [1.0, 2.0] * 20 + [math.nan] + [1.0, 2.0] * 20:
        window.update(y)
    assert math.isnan(window.estimation)
    rng = np.random.default_rng(1)
    steps = [float(rng.normal(3.0 * (i // 200 % 2), 1.0)) for i in range(1_000)]
    detections = _detect(steps)
    assert any(detections)
    dirty_detections = _detect([*steps[:190], math.nan, math.inf, math.nan, *steps[190:]])
    assert dirty_detections[:190] + dirty_detections[193:] != detections
    with pytest.raises(BaseException, match="NaN"):  # a panic of river's Rust library
        stats.RollingQuantile(0.5, 3).update(math.nan)
    values = [1.0, 2.0, 4.0, 2.0, 3.0] * 30
    for name in known_differences.KNOWN_DIFFERENCES[0].models:
        clean, _ = _run(registry.build(name), values)
        dirty, ready = _run(registry.build(name), [values[0], math.nan, math.inf, -math.inf, *values[1:]])
        assert dirty.score[[0, *range(4, len(values) + 3)]].tobytes() == clean.score.tobytes()
        assert not ready[1:4].any()


def test_nan_is_a_missing_feature() -> None:
    rows = [{"a": 0.1 * (step % 7), "b": 0.1 * (step % 3)} for step in range(400)]
    theirs = [anomaly.HalfSpaceTrees(seed=1) for _ in range(2)]
    for x in rows:
        for detector in theirs:
            detector.learn_one(x)
    assert theirs[0].score_one({"a": math.nan, "b": 0.1}) != theirs[1].score_one({"b": 0.1})
    ours: Any = registry.build("half_space_trees", {"seed": 1, "features": ["a", "b"]})
    for x in rows:
        ours.learn_one(x)
    assert ours.score_one({"a": math.nan, "b": 0.1}) == ours.score_one({"b": 0.1}) == theirs[1].score_one({"b": 0.1})
    assert ours.score_one({"a": math.inf, "b": 0.1}) == ours.score_one({"b": 0.1})
    machine = anomaly.OneClassSVM()
    machine.learn_one({"a": math.nan})
    machine.learn_one({"a": 1.0})
    assert math.isnan(machine.score_one({"a": 1.0}))
    search = neighbors.LazySearch(window_size=30, dist_func=_euclidean_distance)
    pairs: list[tuple[Any, str, dict[str, Any]]] = [
        (anomaly.LODA(seed=1), "loda", {"seed": 1}),
        (anomaly.LocalOutlierFactor(n_neighbors=3, engine=search), "local_outlier_factor", {"n_neighbors": 3, "window_size": 30}),
    ]
    for detector, name, parameters in pairs:
        mine: Any = registry.build(name, {"features": ["a", "b"], **parameters})
        rng = np.random.default_rng(2)
        for row in rng.uniform(0.0, 1.0, (20, 2)).tolist():
            detector.learn_one({"a": row[0], "b": row[1]})
            mine.learn_one({"a": row[0], "b": row[1]})
        assert detector.score_one({"a": math.nan, "b": 0.5}) != detector.score_one({"b": 0.5})
        assert mine.score_one({"a": math.nan, "b": 0.5}) == mine.score_one({"b": 0.5})
    for name in ("loda", "one_class_svm", "local_outlier_factor"):
        out, ready = _run(registry.build(name), [0.5, 0.25, math.nan, 0.5, math.inf, 0.75, 0.5])
        assert np.isfinite(out.score).all()
        assert ready[-1]


def test_overflow_is_not_learned() -> None:
    assert not math.isfinite(_pollute(anomaly.GaussianScorer(grace_period=1), 1e300).gaussian.sigma)
    ours: Any = _pollute(registry.build("gaussian_scorer", {"grace_period": 1}), 1e300)
    clean = anomaly.GaussianScorer(grace_period=1)
    for y in (1.0, 2.0, 4.0, 2.0, 3.0):
        clean.learn_one(None, y)
    assert ours.score_one(None, 3.5) == clean.score_one(None, 3.5)
    assert ours.score_one(None, 1e300) == 1.0
    assert _pollute(anomaly.StandardAbsoluteDeviation(), 1e200).score_one(None, 3.0) == 0.0
    polluted: Any = _pollute(registry.build("standard_absolute_deviation"), 1e200)
    spared = anomaly.StandardAbsoluteDeviation()
    for y in (1.0, 2.0, 4.0, 2.0, 3.0):
        spared.learn_one(None, y)
    assert polluted.score_one(None, 3.0) == spared.score_one(None, 3.0) > 0.0
    with pytest.raises(OverflowError):
        anomaly.PredictiveAnomalyDetection(time_series.SNARIMAX(p=1, d=0, q=0)).score_one(None, 1e300)
    pad: Any = registry.build("predictive_anomaly_detection", {"forecaster": {"model": "snarimax"}})
    for y in (1.0, 2.0, 1e300, 1.0, 2.0):
        pad.learn_one(None, y)
    assert pad.score_one(None, 1e300) == 1.0
    assert 0.0 <= pad.score_one(None, 1.5) <= 1.0


def _overflow_theirs(name: str) -> float:
    """A number of river's state after values that overflow in it."""
    if name == "ew_scorer":
        variance = stats.EWVar()
        for y in (1.0, 2.0, 1e200, 2.0):
            variance.update(y)
        return float(variance.get())
    if name == "quantile_scorer":
        quantile = stats.Quantile(0.9)
        for y in (1.0, 2.0, 3.0, 4.0, 5.0, *([-1.7e308, 1.7e308] * 20)):
            quantile.update(y)
        return float(quantile.get())
    if name == "adwin":
        window = drift.ADWIN()
        for y in [1.0, 2.0] * 20 + [1e200]:
            window.update(y)
        return float(window.variance)
    if name == "page_hinkley":
        page = drift.PageHinkley()
        for y in (1.0, 2.0, 1.7e308, -1.7e308, 2.0):
            page.update(y)
        return float(page._x_mean.get())
    if name == "snarimax":
        forecaster = time_series.SNARIMAX(p=1, d=0, q=0)
        for y in (1.0, 2.0, 3.0, 1e300, 2.0, 3.0):
            forecaster.learn_one(y)
        return float(forecaster.forecast(1)[0])
    if name == "holt_winters":
        smoothed = time_series.HoltWinters(alpha=0.3, beta=0.9)
        for y in (1.0, 2.0, *([1.7e308] * 12), 2.0, 2.0):
            smoothed.learn_one(y)
        return float(smoothed.forecast(1)[0])
    if name == "loda":
        detector = anomaly.LODA(seed=1)
        for y in (1.0, 2.0, 1.7e308):
            detector.learn_one({"a": y, "b": y})
        return min(edge for histogram in detector.histograms_ for bucket in histogram for edge in (bucket.left, bucket.right))
    regression = linear_model.LinearRegression()
    for y in (1.0, 2.0, 1e300, 1e300, 2.0):
        regression.learn_one({"a": y}, y)
    return float(regression.predict_one({"a": 1.0}))


_FURTHER = ["ew_scorer", "quantile_scorer", "adwin", "page_hinkley", "snarimax", "holt_winters", "linear_regression", "loda"]


@pytest.mark.parametrize("name", _FURTHER)
def test_overflow_stays_out_of_the_state(name: str) -> None:
    assert not abs(_overflow_theirs(name)) < 1e150
    rng = np.random.default_rng(4)
    parameters = {"linear_regression": {"scale": "none"}, "loda": {"n_features": 2, "grace_period": 50}}.get(name, {})
    values = np.repeat(rng.normal(2.0, 1.0, 200)[:, None], 2 if parameters else 1, axis=1)
    values[100:106] = np.array([1e200, 1.7e308, -1.7e308, 1.7e308, -1.7e308, 1e300])[:, None]
    model = registry.build(name, parameters)
    out, ready = _run(model, values[:, 0] if values.shape[1] == 1 else values)
    assert np.isfinite(out.score).all()
    assert ready[-1]
    state = model.snapshot(np.zeros(1, dtype=np.int64))["columns"]
    for column in state.values():
        fields = [column[key] for key in column.dtype.names] if column.dtype.names else [column]
        assert all(np.isfinite(field).all() for field in fields)


def test_negative_variance_counts_as_zero() -> None:
    values = [1e8 + 0.1, 1e8 + 0.3, 1e8 + 0.2] * 400 + [5.1] * 10
    detector = anomaly.GaussianScorer(window_size=3, grace_period=1)
    with pytest.raises(TypeError):
        _feed(detector, values)
    out, ready = _run(registry.build("gaussian_scorer", {"window_size": 3, "grace_period": 1}), values)
    assert np.isfinite(out.score).all()
    assert ready[1:].all()


def test_unprotected_threshold_filter_learns() -> None:
    theirs = anomaly.ThresholdFilter(anomaly.GaussianScorer(grace_period=1), threshold=0.9, protect_anomaly_detector=False)
    inner = {"model": "gaussian_scorer", "parameters": {"grace_period": 1}}
    ours: Any = registry.build("threshold_filter", {"detector": inner, "threshold": 0.9, "protect": False})
    for y in (1.0, 2.0, 3.0):
        theirs.learn_one(None, y)
        ours.learn_one(None, y)
    assert theirs.anomaly_detector.gaussian.n_samples == 0
    assert ours.describe(0)["detector_n_samples"] == 3


def test_scoring_does_not_mutate() -> None:
    theirs = anomaly.PredictiveAnomalyDetection(time_series.SNARIMAX(p=1, d=0, q=0))
    ours: Any = registry.build("predictive_anomaly_detection", {"forecaster": {"model": "snarimax"}})
    for y in (1.0, 3.0, 2.0, 4.0, 2.5):
        assert ours.score_one(None, y) == theirs.score_one(None, y)
        ours.learn_one(None, y)
        theirs.learn_one(None, y)
    assert theirs.score_one(None, 3.0) != theirs.score_one(None, 3.0)
    assert ours.score_one(None, 3.0) == ours.score_one(None, 3.0)


def test_missing_forecast_does_not_poison() -> None:
    theirs = anomaly.PredictiveAnomalyDetection()
    with pytest.raises(ZeroDivisionError):
        theirs.score_one({"a": 1.0}, 1.0)
    assert math.isnan(theirs.dynamic_mae.get())
    with pytest.raises(IndexError):
        anomaly.PredictiveAnomalyDetection(time_series.HoltWinters(alpha=0.3)).score_one(None, 1.0)
    X = np.array([[step % 3, step % 3] for step in range(50)], dtype=np.float64)
    out, ready = _run(registry.build("predictive_anomaly_detection", {"forecaster": {"model": "linear_regression"}}), X)
    assert np.isfinite(out.score).all()
    assert ready[1:].all()
    assert 0.0 < out.score[-1] < 1.0
    rivers = registry.build("river_model", {"path": "river.anomaly.PredictiveAnomalyDetection", "n_features": 2})
    through, is_ready = _run(rivers, X)
    assert is_ready[1:].all()
    assert through.score[1:].tolist() == out.score[1:].tolist()


def test_binary_detectors_take_bits() -> None:
    with pytest.raises(ValueError, match="math domain error"):
        drift.binary.DDM().update(49.7)
    odd = drift.binary.HDDMA()
    odd.update(49.7)
    for name in drift.binary.__all__:
        model = registry.build("river_model", {"path": f"river.drift.binary.{name}"})
        bits, ready = _run(model, [1.0, 0.0, 0.0, 1.0, 0.0])
        assert ready[1:].all()
        before = model.snapshot(np.zeros(1, np.int64))["models"].tobytes()
        out = Scores.empty(1)
        zero = np.zeros(1, np.int64)
        assert not model.score_learn_many(zero, zero, np.array([49.7]), out)[0]
        assert model.snapshot(zero)["models"].tobytes() == before
        assert [fault.code for fault in model.take_faults()] == ["UnfitError"]
        assert np.isfinite(bits.score).all()


def test_first_sample_is_withheld() -> None:
    assert anomaly.StandardAbsoluteDeviation().score_one(None, 2.0) == 2.0 / 1e-10
    assert anomaly.PredictiveAnomalyDetection(time_series.SNARIMAX(p=1, d=0, q=0)).score_one(None, 2.0) == 1.0
    sad: Any = registry.build("standard_absolute_deviation")
    assert sad.score_one(None, 2.0) == 2.0 / 1e-10
    pad: Any = registry.build("predictive_anomaly_detection", {"forecaster": {"model": "snarimax"}})
    assert pad.score_one(None, 2.0) == 1.0
    for model in (sad, pad):
        out, ready = _run(model, [2.0])
        assert not ready[0]
        assert out.score[0] == 0.0
    assert time_series.SNARIMAX(p=1, d=0, q=0).forecast(1) == [0.0]
    assert linear_model.LinearRegression().predict_one({"a": 1.0}) == 0.0
    for name, X in (("snarimax", [2.0]), ("linear_regression", [[2.0, 1.0]])):
        out, ready = _run(registry.build(name, {"scale": "none"} if name == "linear_regression" else {}), X)
        assert not ready[0]
        assert math.isnan(out.expected[0])
    shut = anomaly.ThresholdFilter(anomaly.StandardAbsoluteDeviation(), threshold=3.0)
    open_: Any = registry.build("threshold_filter", {"threshold": 3.0, "detector": {"model": "standard_absolute_deviation"}})
    for model in (shut, open_):
        model.learn_one(None, 5.0)
    assert shut.anomaly_detector.variance.mean.n == 0
    assert open_.describe(0)["detector_n_samples"] == 1


def test_features_are_fixed() -> None:
    theirs = anomaly.OneClassSVM()
    ours: Any = registry.build("one_class_svm")
    for detector in (theirs, ours):
        detector.learn_one({"a": 1.0})
        for _ in range(40):
            detector.learn_one({"a": -1.0, "b": 2.0})
    assert theirs.score_one({"b": 1.0}) != 0.0
    assert ours.score_one({"b": 1.0}) == 0.0
    near = anomaly.LocalOutlierFactor(n_neighbors=3, engine=neighbors.LazySearch(window_size=30, dist_func=_euclidean_distance))
    closed: Any = registry.build("local_outlier_factor", {"n_neighbors": 3, "window_size": 30})
    for step in range(20):
        near.learn_one({"a": 0.1 * (step % 7)})
        closed.learn_one({"a": 0.1 * (step % 7)})
    assert near.score_one({"a": 0.3, "b": 9.0}) != near.score_one({"a": 0.3})
    assert closed.score_one({"a": 0.3, "b": 9.0}) == closed.score_one({"a": 0.3})
    regression = linear_model.LinearRegression()
    fixed: Any = registry.build("linear_regression", {"scale": "none"})
    for model in (regression, fixed):
        model.learn_one({"a": 1.0}, 1.0)
        model.learn_one({"a": 1.0, "b": 2.0}, 3.0)
    assert regression.predict_one({"b": 1.0}) != fixed.predict_one({"b": 1.0})


def _distance(one: dict[str, float], other: dict[str, float]) -> float:
    return abs(one["a"] - other["a"])


def test_parts_are_those_of_the_definition() -> None:
    machine = anomaly.OneClassSVM(optimizer=optim.Adam())
    machine.learn_one({"a": 1.0})
    refused: list[tuple[Any, dict[str, Any]]] = [
        (models.anomaly.OneClassSVM, {"optimizer": optim.Adam()}),
        (models.anomaly.OneClassSVM, {"intercept_lr": optim.schedulers.InverseScaling(0.1)}),
        (models.anomaly.OneClassSVM, {"initializer": optim.initializers.Normal(seed=1)}),
        (models.anomaly.LocalOutlierFactor, {"engine": neighbors.SWINN()}),
        (models.anomaly.LocalOutlierFactor, {"engine": neighbors.LazySearch(window_size=30, dist_func=_distance)}),
        (models.anomaly.StandardAbsoluteDeviation, {"sub_stat": stats.EWMean()}),
        (models.time_series.SNARIMAX, {"p": 1, "d": 0, "q": 0, "regressor": linear_model.PARegressor()}),
        (models.anomaly.PredictiveAnomalyDetection, {"predictive_model": linear_model.LinearRegression()}),
        (models.anomaly.QuantileFilter, {"q": 0.9, "anomaly_detector": anomaly.LODA(seed=1)}),
    ]
    for made, arguments in refused:
        with pytest.raises(ParameterError, match=r"expected .*; found "):
            made(**arguments)
    with pytest.raises(ParameterError, match="no regressors"):
        models.time_series.SNARIMAX(p=1, d=0, q=0).learn_one(1.0, {"a": 1.0})
    time_series.SNARIMAX(p=1, d=0, q=0).learn_one(1.0, {"a": 1.0})


def test_one_bucket_a_level_is_allowed() -> None:
    rng = random.Random(0)
    values = [rng.gauss(0.0 if step < 1500 else 9.0, 1.0) for step in range(3000)]
    parameters: dict[str, Any] = {"max_buckets": 1, "min_window_length": 1, "delta": 0.9, "clock": 33}
    with pytest.raises(BaseException, match="slice index"):  # a panic of river's Rust library
        list(map(drift.ADWIN(**parameters).update, values))
    out, _ = _run(registry.build("adwin", parameters), values)
    assert out.score[1500:1600].sum() > 0.0


def test_seed_is_never_none() -> None:
    assert anomaly.HalfSpaceTrees().seed is None
    assert anomaly.LODA().seed is None
    assert drift.KSWIN().seed is None
    for name in ("half_space_trees", "loda", "kswin"):
        assert registry.build(name).parameters["seed"] == 42
        with pytest.raises(ParameterError, match="seed"):
            registry.build(name, {"seed": None})


def test_zero_level_starts_a_neutral_season() -> None:
    parameters = {"alpha": 0.3, "beta": 0.1, "gamma": 0.2, "seasonality": 3}
    theirs = time_series.HoltWinters(**parameters)
    theirs.learn_one(-1.0)
    theirs.learn_one(0.0)
    with pytest.raises(ZeroDivisionError):
        theirs.learn_one(1.0)
    ours: Any = registry.build("holt_winters", parameters)
    for y in (-1.0, 0.0, 1.0, -1.0, 0.0):
        ours.learn_one(None, y)
    assert all(map(math.isfinite, ours.forecast(6)))
