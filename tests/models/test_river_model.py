"""Any river model by its path: the same scores as river, snapshots without pickle, and refusals with a reason."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from river import anomaly, compose, drift, preprocessing, time_series

from models import registry
from models.base import Scores
from models.errors import ParameterError, SnapshotError
from models.river_model.codec import decode, encode
from tests.models.asking import score_batch

CASES: list[tuple[dict[str, Any], Any]] = [
    ({"path": "river.anomaly.GaussianScorer", "parameters": {"grace_period": 5}}, lambda: anomaly.GaussianScorer(grace_period=5)),
    (
        {"path": "river.anomaly.LODA", "parameters": {"seed": 3, "n_random_cuts": 5}},
        lambda: anomaly.LODA(seed=3, n_random_cuts=5),
    ),
    (
        {
            "path": "river.anomaly.QuantileFilter",
            "parameters": {"anomaly_detector": {"path": "river.anomaly.OneClassSVM", "parameters": {"nu": 0.2}}, "q": 0.9},
        },
        lambda: anomaly.QuantileFilter(anomaly.OneClassSVM(nu=0.2), q=0.9),
    ),
]


YS = np.random.default_rng(6).normal(0.0, 1.0, 400).tolist()


@pytest.mark.parametrize(("parameters", "make"), CASES, ids=lambda value: value["path"] if isinstance(value, dict) else "")
def test_scores_are_rivers(parameters: dict[str, Any], make: Any) -> None:
    detector = make()
    is_supervised = isinstance(detector, anomaly.GaussianScorer)
    expected = []
    for y in YS:
        arguments = (None, y) if is_supervised else ({"0": y},)
        expected.append(detector.score_one(*arguments))
        detector.learn_one(*arguments)
    assert score_batch(registry.build("river_model", parameters), YS)[1:] == expected[1:]


def test_forecaster_drift_detector_and_regressor_are_adapted() -> None:
    forecaster = registry.build("river_model", {"path": "river.time_series.HoltWinters", "parameters": {"alpha": 0.3}})
    theirs = time_series.HoltWinters(alpha=0.3)
    found = score_batch(forecaster, YS)
    for step, y in enumerate(YS):
        if step >= 2:
            assert found[step] == abs(y - theirs.forecast(1)[0])
        theirs.learn_one(y)
    page = registry.build("river_model", {"path": "river.drift.PageHinkley", "parameters": {"threshold": 5.0}})
    detector = drift.PageHinkley(threshold=5.0)
    values = YS + [value + 4.0 for value in YS]
    flags = []
    for y in values:
        detector.update(y)
        flags.append(float(detector.drift_detected))
    assert sum(flags) > 0
    assert score_batch(page, values) == flags
    regressor = registry.build("river_model", {"path": "river.linear_model.LinearRegression", "n_features": 2})
    regressor.reserve(1)
    X = np.column_stack([np.array(YS) * 2.0, YS])
    out = Scores.empty(len(X))
    ready = regressor.score_learn_many(np.zeros(len(X), np.int64), np.zeros(len(X), np.int64), X, out)
    assert ready[1:].all()
    assert out.score[-50:].mean() < out.score[1:51].mean()


def _rows(n_features: int) -> Any:
    X = np.random.default_rng(8).normal(5.0, 2.0, (400, n_features))
    X[np.random.default_rng(9).random(X.shape) < 0.05] = np.nan
    return X


def _run(model: Any, X: Any) -> tuple[list[float], list[bool]]:
    model.reserve(1)
    zeros = np.zeros(len(X), dtype=np.int64)
    out = Scores.empty(len(X))
    ready = model.score_learn_many(zeros, zeros, X, out)
    return out.score.tolist(), ready.tolist()


SCALER = {"path": "river.preprocessing.MinMaxScaler"}
TREES = {"path": "river.anomaly.HalfSpaceTrees", "parameters": {"seed": 1, "n_trees": 4, "window_size": 30}}


def test_pipeline_of_scaler_and_trees_scores_as_river() -> None:
    parameters = {"path": "river.compose.Pipeline", "parameters": {"steps": [SCALER, TREES]}, "features": ["a", "b", "c"]}
    theirs = preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(seed=1, n_trees=4, window_size=30)
    expected = []
    X = _rows(3)
    for row in X.tolist():
        x = {name: value for name, value in zip("abc", row, strict=True) if value == value}
        expected.append(theirs.score_one(x))
        theirs.learn_one(x)
    assert len(set(expected)) > 20
    model = registry.build("river_model", parameters)
    assert _run(model, X)[0][1:] == expected[1:]
    again = registry.build("river_model", parameters)
    again.reserve(1)
    slot = np.zeros(1, np.int64)
    again.restore(slot, model.snapshot(slot))
    assert _run(again, X) == _run(model, X)


def test_pipeline_of_a_regressor_scores_by_its_error() -> None:
    steps = [{"path": "river.preprocessing.StandardScaler"}, {"path": "river.linear_model.LinearRegression"}]
    model = registry.build("river_model", {"path": "river.compose.Pipeline", "parameters": {"steps": steps}, "n_features": 3})
    X = np.random.default_rng(8).normal(5.0, 2.0, (2_000, 3))
    X[:, 0] = X[:, 1] + 2.0 * X[:, 2]
    scores, ready = _run(model, X)
    assert all(ready[1:])
    assert max(scores[-100:]) < 0.1 * max(scores[1:100])


def test_a_sample_without_its_target_is_passed_over() -> None:
    for path in ("river.anomaly.GaussianScorer", "river.linear_model.LinearRegression"):
        X = np.random.default_rng(8).normal(5.0, 2.0, (300, 2))
        dirty = np.insert(X, 150, [np.nan, 3.0], axis=0)
        clean_scores, _ = _run(registry.build("river_model", {"path": path, "n_features": 2}), X)
        scores, ready = _run(registry.build("river_model", {"path": path, "n_features": 2}), dirty)
        assert not ready[150]
        assert scores[:150] + scores[151:] == clean_scores
        assert any(clean_scores)


def test_a_seed_left_out_is_not_drawn_from_the_clock() -> None:
    trees = {"path": "river.anomaly.HalfSpaceTrees", "parameters": {"n_trees": 3, "window_size": 20}}
    for parameters in (
        {"path": "river.anomaly.LODA"},
        {"path": "river.compose.Pipeline", "parameters": {"steps": [SCALER, trees]}},
        {"path": "river.drift.KSWIN"},
    ):
        fresh = [registry.build("river_model", parameters) for _ in range(2)]
        assert score_batch(fresh[0], YS[:150]) == score_batch(fresh[1], YS[:150])
        slot = np.zeros(1, np.int64)
        assert fresh[0].snapshot(slot)["models"].tobytes() == fresh[1].snapshot(slot)["models"].tobytes()
    with pytest.raises(ParameterError, match="seed"):
        registry.build("river_model", {"path": "river.anomaly.LODA", "parameters": {"seed": None}})


@pytest.mark.parametrize("path", ["river.linear_model.BayesianLinearRegression", "river.tree.HoeffdingAdaptiveTreeRegressor"])
def test_restored_regressor_goes_on_to_the_bit(path: str) -> None:
    models = [registry.build("river_model", {"path": path, "n_features": 4}) for _ in range(2)]
    X = np.random.default_rng(8).normal(5.0, 2.0, (600, 4))
    slot = np.zeros(1, np.int64)
    _run(models[0], X[:300])
    models[1].reserve(1)
    models[1].restore(slot, models[0].snapshot(slot))
    assert _run(models[0], X[300:]) == _run(models[1], X[300:])
    assert models[0].snapshot(slot)["models"].tobytes() == models[1].snapshot(slot)["models"].tobytes()


def test_arrays_keep_their_order_in_memory() -> None:
    for order in ("C", "F"):
        array = np.asarray(np.arange(6.0).reshape(2, 3), order=order)
        again = decode(encode(array))
        assert (again == array).all()
        assert again.strides == array.strides
        assert again.flags.writeable


@pytest.mark.parametrize(
    "make",
    [
        lambda: compose.Pipeline(preprocessing.MinMaxScaler(), anomaly.HalfSpaceTrees(seed=1, n_trees=2, height=3)),
        lambda: anomaly.LocalOutlierFactor(n_neighbors=3),
        lambda: anomaly.PredictiveAnomalyDetection(time_series.SNARIMAX(p=2, d=1, q=1)),
        lambda: drift.ADWIN(),
        lambda: drift.KSWIN(seed=1),
        lambda: drift.PageHinkley(),
    ],
)
def test_codec_round_trip_goes_on_alike(make: Any) -> None:
    def feed(model: Any, values: list[float]) -> list[Any]:
        seen: list[Any] = []
        for y in values:
            if hasattr(model, "update"):
                model.update(y)
                seen.append(model.drift_detected)
            elif isinstance(model, anomaly.PredictiveAnomalyDetection):
                seen.append(model.score_one(None, y))
                model.learn_one(None, y)
            else:
                seen.append(model.score_one({"x": y}))
                model.learn_one({"x": y})
        return seen

    model = make()
    feed(model, YS[:150])
    data = encode(model)
    json.loads(data)
    restored = decode(data)
    assert encode(restored) == data
    assert feed(restored, YS[150:]) == feed(model, YS[150:])


@pytest.mark.parametrize(
    "text",
    [
        '["name","os:system"]',
        '["object",0,"builtins:eval",["1"],null,null,null]',
        '["object",0,"river.datasets:os.system",["true"],null,null,null]',
        '["object",0,"river.utils.pretty:print_table",[[],[]],null,null,null]',
        '["method",["list",0,[]],"append"]',
        '["no_such",1]',
        '["list",0',
        '["ref",7]',
        '["array",0,"|O",[1],"AAAAAAAAAAA="]',
    ],
)
def test_codec_refuses_what_is_not_data(text: str) -> None:
    with pytest.raises(SnapshotError):
        decode(text.encode())


def test_codec_keeps_numpys_old_generators() -> None:
    drawn = np.random.RandomState(3)
    drawn.normal(size=5)
    again = decode(encode(drawn))
    assert again.normal(size=9).tolist() == drawn.normal(size=9).tolist()
    scaled = {"steps": [{"path": "river.preprocessing.StandardScaler"}, {"path": "river.facto.FMRegressor"}]}
    parameters = {"path": "river.compose.Pipeline", "parameters": scaled, "n_features": 4}
    models = [registry.build("river_model", parameters) for _ in range(2)]
    X = np.random.default_rng(8).normal(5.0, 2.0, (200, 4))
    slot = np.zeros(1, np.int64)
    _run(models[0], X[:100])
    models[1].reserve(1)
    models[1].restore(slot, models[0].snapshot(slot))
    assert _run(models[0], X[100:]) == _run(models[1], X[100:])
    assert models[0].take_faults() == ()


def test_seeds_nobody_gave_are_settled_in_the_parts_of_a_model() -> None:
    models = [registry.build("river_model", {"path": "river.neighbors.KNNRegressor", "n_features": 3}) for _ in range(2)]
    X = np.random.default_rng(8).normal(5.0, 2.0, (700, 3))
    assert _run(models[0], X) == _run(models[1], X)
    slot = np.zeros(1, np.int64)
    assert models[0].snapshot(slot)["models"].tobytes() == models[1].snapshot(slot)["models"].tobytes()


def test_codec_keeps_sharing_and_cycles() -> None:
    shared = [1.5]
    value: dict[str, Any] = {"a": shared, "b": shared, "c": (float("-inf"), -0.0, 10**30, {"x", "y"}, b"\0")}
    value["self"] = value
    again = decode(encode(value))
    assert again["a"] is again["b"]
    assert again["self"] is again
    assert again["c"] == value["c"]


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"path": "os.system"}, "path of a river class"),
        ({"path": "river.anomaly.NoSuch"}, "path of a river class"),
        ({"path": "river.anomaly.LODA", "parameters": {"bins": 3}}, "arguments of river.anomaly.LODA"),
        ({"path": "river.preprocessing.MinMaxScaler"}, "detector"),
        ({"path": "river.anomaly.LODA", "parameters": [1]}, "mapping"),
    ],
)
def test_refusals_name_the_cure(parameters: dict[str, Any], reason: str) -> None:
    with pytest.raises(ParameterError, match=reason):
        registry.build("river_model", parameters)
