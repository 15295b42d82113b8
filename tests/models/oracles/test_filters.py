"""Filters against river: the detector behind them learns exactly what river's would, bit by bit."""

from __future__ import annotations

import copy
import math
import random
from typing import Any

import numpy as np
import pytest
from river import anomaly, neighbors, time_series
from river.utils.math import _euclidean_distance

from models import registry
from models.base import Scores
from models.checks.comparison import flatten
from models.errors import ParameterError
from tests.models.asking import score_batch, score_values, score_vectors

INNER = {"model": "gaussian_scorer", "parameters": {"grace_period": 30}}
TREES = {"model": "half_space_trees", "parameters": {"window_size": 60, "seed": 1}}


def _make_stream() -> list[float]:
    rng = random.Random(77)
    return [rng.gauss(0.5, 0.1) * (1.0 if rng.random() > 0.03 else 4.0) for _ in range(6000)]


YS = _make_stream()
XS = [{"x": y} for y in YS]


def test_threshold_filter() -> None:
    expected = score_values(anomaly.ThresholdFilter(anomaly.GaussianScorer(grace_period=30), threshold=0.99), YS)
    assert score_batch(registry.build("threshold_filter", {"detector": INNER, "threshold": 0.99}), YS) == expected
    assert expected != score_values(anomaly.GaussianScorer(grace_period=30), YS)


def test_threshold_filter_of_trees() -> None:
    expected = score_vectors(anomaly.ThresholdFilter(anomaly.HalfSpaceTrees(window_size=60, seed=1), threshold=0.6), XS)
    assert score_batch(registry.build("threshold_filter", {"detector": TREES, "threshold": 0.6}), YS) == expected
    assert expected != score_vectors(anomaly.HalfSpaceTrees(window_size=60, seed=1), XS)


@pytest.mark.parametrize("protect", [True, False])
@pytest.mark.parametrize("q", [0.5, 0.95, 0.999])
def test_quantile_filter(q: float, protect: bool) -> None:
    detector = anomaly.QuantileFilter(anomaly.GaussianScorer(grace_period=30), q=q, protect_anomaly_detector=protect)
    expected = score_values(detector, YS)
    model: Any = registry.build("quantile_filter", {"detector": INNER, "q": q, "protect": protect})
    assert score_batch(model, YS) == expected
    assert model.get_cut(0) == detector.quantile.get()
    for score in (0.0, 0.5, 0.98, 1.0):
        assert model.classify(score) == detector.classify(score)


OVER_SNARIMAX = {"forecaster": {"model": "snarimax", "parameters": {"p": 2}}, "warmup_period": 10}
OVER_REGRESSION = {"forecaster": {"model": "linear_regression", "parameters": {"n_features": 2}}, "warmup_period": 10}
FILTERS: dict[str, tuple[dict[str, float], Any]] = {
    "threshold_filter": ({"threshold": 1.0}, lambda inner: anomaly.ThresholdFilter(inner, threshold=1.0)),
    "quantile_filter": ({"q": 0.9}, lambda inner: anomaly.QuantileFilter(inner, q=0.9)),
}


def _rivers_filtered(detector: Any, rows: list[list[float]]) -> list[float]:
    """River's filter asks once before it learns, and asking moves the threshold: so the score is asked of a copy."""
    scores = []
    for y, *rest in rows:
        x = {str(column): value for column, value in enumerate(rest)} or None
        scores.append(copy.deepcopy(detector).score_one(x, y))
        detector.learn_one(x, y)
    return scores


@pytest.mark.parametrize("kind", FILTERS)
@pytest.mark.parametrize("is_regression", [False, True])
def test_errors_that_a_filter_keeps_out_still_move_the_threshold(kind: str, is_regression: bool) -> None:
    rng = np.random.default_rng(5)
    X = rng.uniform(0.0, 1.0, (400, 3 if is_regression else 1))
    X[:, 0] = (2.0 * X[:, 1] - X[:, 2] if is_regression else 0.5) + rng.normal(0.0, 0.2, 400)
    X[rng.random(400) < 0.02, 0] += 5.0
    cut, make = FILTERS[kind]
    forecaster = None if is_regression else time_series.SNARIMAX(p=2, d=0, q=0)
    expected = _rivers_filtered(make(anomaly.PredictiveAnomalyDetection(forecaster, warmup_period=10)), X.tolist())
    inside = {"model": "predictive_anomaly_detection", "parameters": OVER_REGRESSION if is_regression else OVER_SNARIMAX}
    zeros = np.zeros(len(X), dtype=np.int64)
    model, twice = (
        registry.build(kind, {**cut, "detector": inside}),
        registry.build(
            "threshold_filter", {"threshold": 9.0, "detector": {"model": kind, "parameters": {**cut, "detector": inside}}}
        ),
    )
    for one in (model, twice):
        one.reserve(1)
        out = Scores.empty(len(X))
        one.score_learn_many(zeros, zeros, X if is_regression else X[:, 0].copy(), out)
        assert out.score.tolist() == expected
    assert 0.0 < np.mean(np.array(expected) == 1.0) < 0.2
    rivers = {"path": "river.anomaly.PredictiveAnomalyDetection", "n_features": X.shape[1]}
    given: dict[str, Any] = {"warmup_period": 10}
    if not is_regression:
        given["predictive_model"] = {"path": "river.time_series.SNARIMAX", "parameters": {"p": 2, "d": 0, "q": 0}}
    through = registry.build(kind, {**cut, "detector": {"model": "river_model", "parameters": {**rivers, "parameters": given}}})
    through.reserve(1)
    out = Scores.empty(len(X))
    through.score_learn_many(zeros, zeros, X, out)
    assert out.score.tolist() == expected


def test_quantile_filter_one_by_one() -> None:
    expected = score_values(anomaly.QuantileFilter(anomaly.GaussianScorer(grace_period=30), q=0.9), YS)
    model: Any = registry.build("quantile_filter", {"detector": INNER, "q": 0.9})
    found = []
    for y in YS:
        found.append(model.score_one(None, y))
        model.learn_one(None, y)
    assert found == expected


OF_VECTORS: dict[str, tuple[dict[str, Any], Any]] = {
    "half_space_trees": ({"window_size": 60, "seed": 1}, lambda: anomaly.HalfSpaceTrees(window_size=60, seed=1)),
    "loda": ({"n_random_cuts": 20, "seed": 1}, lambda: anomaly.LODA(n_random_cuts=20, seed=1)),
    "one_class_svm": ({}, anomaly.OneClassSVM),
    "local_outlier_factor": (
        {"n_neighbors": 3, "window_size": 30},
        lambda: anomaly.LocalOutlierFactor(3, neighbors.LazySearch(window_size=30, dist_func=_euclidean_distance)),
    ),
}


@pytest.mark.parametrize("protect", [True, False])
@pytest.mark.parametrize("name", OF_VECTORS)
def test_quantile_filter_asks_once_about_a_sample_of_a_vector_model(name: str, protect: bool) -> None:
    parameters, make = OF_VECTORS[name]
    theirs = anomaly.QuantileFilter(make(), q=0.8, protect_anomaly_detector=protect)
    inner = {"model": name, "parameters": {"features": ["x"], **parameters}}
    model: Any = registry.build("quantile_filter", {"detector": inner, "q": 0.8, "protect": protect})
    batched: Any = registry.build("quantile_filter", {"detector": inner, "q": 0.8, "protect": protect})
    batched.reserve(1)
    values, zeros, out = np.array(YS[:400]), np.zeros(400, np.int64), Scores.empty(400)
    ready = batched.score_learn_many(zeros, zeros, values, out)
    for i, y in enumerate(values.tolist()):
        expected = theirs.score_one({"x": y})
        assert model.score_one({"x": y}) == expected
        assert not ready[i] or out.score[i] == expected
        theirs.learn_one({"x": y})
        model.learn_one({"x": y})
        assert model.get_cut() == (theirs.quantile.get() or math.inf)


@pytest.mark.parametrize("kind", FILTERS)
@pytest.mark.parametrize("name", ["standard_absolute_deviation", "predictive_anomaly_detection", "snarimax"])
def test_a_first_sample_that_is_withheld_passes_a_filter_in_both_forms(kind: str, name: str) -> None:
    cut, _ = FILTERS[kind]
    inside = {"model": name, "parameters": registry.variants(name)[0]}
    one, batched = (registry.build(kind, {**cut, "detector": inside}) for _ in range(2))
    batched.reserve(1)
    zeros = np.zeros(200, dtype=np.int64)
    batched.score_learn_many(zeros, zeros, np.array(YS[:200]), Scores.empty(200))
    for y in YS[:200]:
        one.learn_one(None, y)  # type: ignore[attr-defined]
    assert flatten(one.snapshot(zeros[:1])) == flatten(batched.snapshot(zeros[:1]))


def test_nested_filters_take_the_slow_way_to_the_same_scores() -> None:
    nested = anomaly.ThresholdFilter(anomaly.QuantileFilter(anomaly.GaussianScorer(grace_period=30), q=0.99), threshold=0.97)
    scores = score_values(nested, YS)
    inner = {"model": "quantile_filter", "parameters": {"detector": INNER, "q": 0.99}}
    assert score_batch(registry.build("threshold_filter", {"detector": inner, "threshold": 0.97}), YS) == scores


def test_a_filter_behaves_the_same_behind_every_detector_with_a_gate() -> None:
    """Fast and slow way agree: the gate in the kernel against learn, look, and put back."""
    for name in registry.names():
        if name == registry.DEFAULT_MODEL or not getattr(registry.model_class(name), "has_gate", False):
            continue
        parameters = registry.variants(name)[0]
        fast: Any = registry.build("quantile_filter", {"detector": {"model": name, "parameters": parameters}, "q": 0.8})
        slow: Any = registry.build("quantile_filter", {"detector": {"model": name, "parameters": parameters}, "q": 0.8})
        slow.detector.has_gate = False
        slow.detector._gate = registry.build(name, parameters)._gate  # type: ignore[attr-defined]
        for model in (fast, slow):
            model.reserve(1)
        n = 700
        zeros = np.zeros(n, dtype=np.int64)
        outs = [Scores.empty(n), Scores.empty(n)]
        X = np.array(YS[:n])[:, None].repeat(fast.n_features, axis=1)
        for model, out in zip((fast, slow), outs, strict=True):
            model.score_learn_many(zeros, zeros, X, out)
        assert outs[0].score.tobytes() == outs[1].score.tobytes(), name
        assert outs[0].score.any(), name


def test_unknown_detector_is_named() -> None:
    with pytest.raises(ParameterError, match="did you mean 'gaussian_scorer'"):
        registry.build("quantile_filter", {"detector": {"model": "gaussian_score"}, "q": 0.9})
    with pytest.raises(ParameterError, match="no default"):
        registry.build("quantile_filter", {"detector": INNER})
