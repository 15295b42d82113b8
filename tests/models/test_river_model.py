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


def _scores(model: Any, ys: list[float]) -> list[float]:
    model.reserve(1)
    zeros = np.zeros(len(ys), dtype=np.int64)
    out = Scores.empty(len(ys))
    model.score_learn_many(zeros, zeros, np.array(ys), out)
    return out.score.tolist()


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
    assert _scores(registry.build("river_model", parameters), YS)[1:] == expected[1:]


def test_forecaster_drift_detector_and_regressor_are_adapted() -> None:
    forecaster = registry.build("river_model", {"path": "river.time_series.HoltWinters", "parameters": {"alpha": 0.3}})
    theirs = time_series.HoltWinters(alpha=0.3)
    found = _scores(forecaster, YS)
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
    assert _scores(page, values) == flags
    regressor = registry.build("river_model", {"path": "river.linear_model.LinearRegression", "n_features": 2})
    regressor.reserve(1)
    X = np.column_stack([np.array(YS) * 2.0, YS])
    out = Scores.empty(len(X))
    ready = regressor.score_learn_many(np.zeros(len(X), np.int64), np.zeros(len(X), np.int64), X, out)
    assert ready[1:].all()
    assert out.score[-50:].mean() < out.score[1:51].mean()


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
