"""Standard absolute deviation, LODA, one-class SVM and local outlier factor against river, bit by bit."""

from __future__ import annotations

import random
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import anomaly, neighbors, stats
from river.utils.math import _euclidean_distance

from models import registry
from models.base import FloatColumn
from tests.models.asking import score_batch, score_values, score_vectors

NAMES = ["a", "b", "c", "d", "e"]


def to_dicts(X: FloatColumn) -> list[dict[str, float]]:
    """Rows as river takes them: a missing feature is a missing key."""
    return [{name: value for name, value in zip(NAMES, row, strict=False) if value == value} for row in X.tolist()]


def make_matrix(n: int, n_features: int, seed: int, missing: float, digits: int = 12) -> FloatColumn:
    """Clusters, a constant stretch, far points, missing features."""
    rng = np.random.default_rng(seed)
    X = rng.normal(0.0, 1.0, (n, n_features)) + 4.0 * rng.integers(0, 2, (n, 1))
    X[n // 3 : n // 3 + n // 10] = 0.5
    X[rng.random(n) < 0.01] *= 30.0
    X = X.round(digits)
    X[rng.random(X.shape) < missing] = np.nan
    X[np.isnan(X).all(axis=1), 0] = 0.5
    return X


@pytest.mark.parametrize("sub_stat", ["mean", "median"])
def test_standard_absolute_deviation(sub_stat: str) -> None:
    rng = random.Random(8)
    ys = [rng.gauss(0.0, 2.0) for _ in range(100_000)] + [3.0] * 500 + [rng.uniform(-1e90, 1e90) for _ in range(500)]
    detector = anomaly.StandardAbsoluteDeviation(stats.Mean() if sub_stat == "mean" else stats.Quantile(0.5))
    detector.learn_one(None, ys[0])
    expected = [0.0, *score_values(detector, ys[1:])]
    model: Any = registry.build("standard_absolute_deviation", {"sub_stat": sub_stat})
    assert score_batch(model, np.array(ys)) == expected
    model.reset(np.zeros(1, dtype=np.int64))
    for y, score in zip(ys[:2000], expected[:2000], strict=True):
        if y != ys[0]:
            assert model.score_one(None, y) == score
        model.learn_one(None, y)


@pytest.mark.parametrize("missing", [0.0, 0.1])
@pytest.mark.parametrize(
    ("n_features", "parameters"), [(1, {}), (4, {"n_bins": 3, "n_random_cuts": 17}), (5, {"n_bins": 40, "n_random_cuts": 30})]
)
def test_loda(n_features: int, parameters: dict[str, int], missing: float) -> None:
    X = make_matrix(1500, n_features, 3, missing)
    expected = score_vectors(anomaly.LODA(seed=6, **parameters), to_dicts(X))
    assert len(set(expected)) > 100
    model: Any = registry.build("loda", {"seed": 6, "features": NAMES[:n_features], **parameters})
    assert score_batch(model, X) == expected
    again: Any = registry.build("loda", {"seed": 6, "features": NAMES[:n_features], **parameters})
    for x, score in zip(to_dicts(X[:300]), expected[:300], strict=True):
        assert again.score_one(x) == score
        again.learn_one(x)


@pytest.mark.parametrize("missing", [0.0, 0.1])
@pytest.mark.parametrize("nu", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("n_features", [1, 5])
def test_one_class_svm(n_features: int, nu: float, missing: float) -> None:
    X = make_matrix(20_000, n_features, 4, missing)
    expected = score_vectors(anomaly.OneClassSVM(nu=nu), to_dicts(X))
    assert len(set(expected)) > 100
    model: Any = registry.build("one_class_svm", {"nu": nu, "features": NAMES[:n_features]})
    assert score_batch(model, X) == expected
    again: Any = registry.build("one_class_svm", {"nu": nu, "features": NAMES[:n_features]})
    for x, score in zip(to_dicts(X[:500]), expected[:500], strict=True):
        assert again.score_one(x) == score
        again.learn_one(x)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="from Python 3.12 on sum() of floats is compensated: river's scores move")
@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("digits", [0, 2, 12])
@pytest.mark.parametrize(("n_features", "k", "window_size"), [(1, 10, 150), (1, 3, 8), (3, 5, 90), (2, 1, 30), (1, 40, 20)])
def test_local_outlier_factor(n_features: int, k: int, window_size: int, digits: int, missing: float) -> None:
    X = make_matrix(500, n_features, 5, missing, digits)
    engine = neighbors.LazySearch(window_size=window_size, dist_func=_euclidean_distance)
    expected = score_vectors(anomaly.LocalOutlierFactor(n_neighbors=k, engine=engine), to_dicts(X))
    assert len(set(expected)) > 10
    parameters = {"n_neighbors": k, "window_size": window_size, "features": NAMES[:n_features]}
    model: Any = registry.build("local_outlier_factor", parameters)
    assert score_batch(model, X) == expected
    again: Any = registry.build("local_outlier_factor", parameters)
    for x, score in zip(to_dicts(X[:200]), expected[:200], strict=True):
        assert again.score_one(x) == score
        again.learn_one(x)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="from Python 3.12 on sum() of floats is compensated: river's scores move")
@settings(max_examples=200, deadline=None)
@given(
    values=st.lists(
        st.one_of(st.integers(-3, 3).map(float), st.floats(-1e3, 1e3), st.sampled_from([0.0, -0.0, 1e-200])), max_size=50
    ),
    k=st.integers(1, 4),
    window_size=st.integers(1, 12),
)
def test_local_outlier_factor_of_any_short_stream(values: list[float], k: int, window_size: int) -> None:
    engine = neighbors.LazySearch(window_size=window_size, dist_func=_euclidean_distance)
    detector = anomaly.LocalOutlierFactor(n_neighbors=k, engine=engine)
    expected = score_vectors(detector, [{"a": value} for value in values])
    model = registry.build("local_outlier_factor", {"n_neighbors": k, "window_size": window_size})
    assert score_batch(model, np.array(values)) == expected


def test_missing_feature_is_not_mistaken_for_negative_zero() -> None:
    rows = [{"a": -0.0, "b": float(step % 3)} for step in range(10)] + [{"b": 1.0}, {"a": 0.0}, {"a": -0.0, "b": 2.0}]
    X = np.array([[x.get("a", np.nan), x.get("b", np.nan)] for x in rows])
    engine = neighbors.LazySearch(window_size=8, dist_func=_euclidean_distance)
    expected = score_vectors(anomaly.LocalOutlierFactor(n_neighbors=2, engine=engine), rows)
    assert (
        score_batch(registry.build("local_outlier_factor", {"n_neighbors": 2, "window_size": 8, "n_features": 2}), X) == expected
    )
