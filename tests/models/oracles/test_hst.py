"""Half-Space Trees against river, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import anomaly, preprocessing

from models.base import FloatColumn, Scores
from models.errors import ParameterError, ShapeError
from models.hst.model import HalfSpaceTrees
from tests.models.asking import score_batch, score_vectors


def _to_dicts(X: FloatColumn, names: list[str]) -> list[dict[str, float]]:
    """Rows as river takes them: a missing feature is a missing key."""
    return [{name: value for name, value in zip(names, row, strict=True) if value == value} for row in X.tolist()]


def _make_matrix(n: int, n_features: int, seed: int, missing: float) -> FloatColumn:
    rng = np.random.default_rng(seed)
    X = rng.normal(0.5, 0.2, (n, n_features))
    X[n // 3 : n // 3 + 200] = 0.5
    X[rng.random(n) < 0.01] *= 50.0
    X[rng.random(X.shape) < missing] = np.nan
    X[np.isnan(X).all(axis=1), 0] = 0.5
    return X


@pytest.mark.parametrize("missing", [0.0, 0.02, 0.5])
@pytest.mark.parametrize(
    ("n_features", "parameters"),
    [
        (1, {}),
        (5, {}),
        (12, {"n_trees": 25, "height": 5, "window_size": 100}),
        (3, {"n_trees": 4, "height": 1, "window_size": 1}),
        (3, {"n_trees": 4, "height": 11, "window_size": 400}),
    ],
)
def test_scores_equal_river(n_features: int, parameters: dict[str, int], missing: float) -> None:
    X = _make_matrix(5_000, n_features, n_features, missing)
    names = [f"f{column:02}" for column in range(n_features)]
    rows = _to_dicts(X, names)
    expected = score_vectors(anomaly.HalfSpaceTrees(seed=11, **parameters), rows)
    assert len(set(expected)) > 3
    assert score_batch(HalfSpaceTrees(seed=11, features=names, **parameters), X) == expected
    model = HalfSpaceTrees(seed=11, features=names, **parameters)
    found = []
    for x in rows[:1500]:
        found.append(model.score_one(x))
        model.learn_one(x)
    assert found == expected[:1500]


@pytest.mark.parametrize("missing", [0.0, 0.05])
@pytest.mark.parametrize("n_features", [1, 4])
def test_minmax_scale_equals_the_pipeline(n_features: int, missing: float) -> None:
    X = _make_matrix(20_000, n_features, 5, missing) * np.array([1.0, 1e-9, 1e12, -40.0])[:n_features] + 3.0
    names = [f"f{column}" for column in range(n_features)]
    expected = score_vectors(preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(seed=2), _to_dicts(X, names))
    assert len(set(expected)) > 10
    assert score_batch(HalfSpaceTrees(seed=2, features=names, scale="minmax"), X) == expected


def test_minmax_scale_of_a_constant_series() -> None:
    rows = [{"x": 3.0}] * 600 + [{"x": 3.5}] * 3 + [{"x": 3.0}] * 600
    expected = score_vectors(preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(seed=2), rows)
    X = np.array([[x["x"]] for x in rows])
    assert score_batch(HalfSpaceTrees(seed=2, features=["x"], scale="minmax"), X) == expected


def test_limits_by_name_number_and_for_all() -> None:
    rng = np.random.default_rng(4)
    X = rng.normal([10.0, -3.0], [2.0, 0.1], (2000, 2))
    named = {"a": (0.0, 20.0), "b": (-4.0, -2.0)}
    expected = score_vectors(anomaly.HalfSpaceTrees(seed=1, limits=named), _to_dicts(X, ["a", "b"]))
    assert score_batch(HalfSpaceTrees(seed=1, limits=named, features=["a", "b"]), X) == expected
    assert score_batch(HalfSpaceTrees(seed=1, limits=list(named.values()), n_features=2), X) == expected
    swapped = HalfSpaceTrees(seed=1, limits=named, features=["b", "a"])
    assert score_batch(swapped, X[:, ::-1].copy()) == expected
    model = HalfSpaceTrees(seed=1, limits=named)
    found = []
    for x in _to_dicts(X, ["a", "b"]):
        found.append(model.score_one(x))
        model.learn_one(x)
    assert found == expected
    with pytest.raises(ParameterError, match="limits"):
        HalfSpaceTrees(limits=named, features=["a", "c"])
    with pytest.raises(ParameterError, match="2 pairs"):
        HalfSpaceTrees(limits=[(0, 1)], n_features=2)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), n_features=st.integers(1, 3), height=st.integers(1, 4), window_size=st.integers(1, 12))
def test_any_short_stream(data: st.DataObject, n_features: int, height: int, window_size: int) -> None:
    value = st.one_of(st.none(), st.floats(-0.5, 1.5))
    names = ["a", "b", "c"][:n_features]
    drawn = data.draw(st.lists(st.tuples(*[value] * n_features).filter(any), max_size=40))
    rows = [{name: v for name, v in zip(names, row, strict=True) if v is not None} for row in drawn]
    detector = anomaly.HalfSpaceTrees(n_trees=3, height=height, window_size=window_size, seed=5)
    model = HalfSpaceTrees(n_trees=3, height=height, window_size=window_size, seed=5, features=names)
    for x in filter(None, rows):
        assert model.score_one(x) == detector.score_one(x)
        detector.learn_one(x)
        model.learn_one(x)


def test_series_starting_with_other_features_get_their_own_forest() -> None:
    X = _make_matrix(900, 3, 8, 0.0)
    firsts = [[0, 1, 2], [1], [0, 2], [1]]
    model = HalfSpaceTrees(seed=9, features=["a", "b", "c"], window_size=50)
    model.reserve(4)
    slots = np.tile(np.arange(4), len(X))
    rows = np.repeat(X, 4, axis=0)
    for slot, present in enumerate(firsts):
        rows[slot, [column for column in range(3) if column not in present]] = np.nan
    out = Scores.empty(len(rows))
    model.score_learn_many(slots, np.zeros(len(rows), np.int64), rows, out)
    for slot in range(4):
        mine = _to_dicts(rows[slot::4], ["a", "b", "c"])
        assert out.score[slot::4].tolist() == score_vectors(anomaly.HalfSpaceTrees(seed=9, window_size=50), mine)
    # A fresh model that never saw these first samples draws the same forests from the snapshot.
    other = HalfSpaceTrees(seed=9, features=["a", "b", "c"], window_size=50)
    other.reserve(1)
    other.score_learn_many(np.zeros(1, np.int64), np.zeros(1, np.int64), X[:1], Scores.empty(1))
    other.restore(np.array([5, 3], np.int64), model.snapshot(np.array([1, 2], np.int64)))
    chosen = np.isin(slots, [1, 2])
    model.score_learn_many(slots[chosen], np.zeros(chosen.sum(), np.int64), rows[chosen], again_1 := Scores.empty(chosen.sum()))
    moved = np.where(slots[chosen] == 1, 5, 3)
    other.score_learn_many(moved, np.zeros(chosen.sum(), np.int64), rows[chosen], again_2 := Scores.empty(chosen.sum()))
    assert again_1.score.tolist() == again_2.score.tolist()


def test_new_features_do_not_fit_columns_in_use() -> None:
    model = HalfSpaceTrees()
    model.reserve(1)
    with pytest.raises(ShapeError, match="features="):
        model.learn_one({"a": 0.5, "b": 0.5})


def test_default_state_is_5456_bytes_a_series() -> None:
    assert HalfSpaceTrees().slot_nbytes == 16 + 10 * 16 * (32 + 2)
