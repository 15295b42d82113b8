"""Every class of river's own modules by its path, from topics.yaml through the engine: it scores as river does, or is refused.

The classes are listed here; one that a newer river brings, or takes away, fails `test_every_class_is_listed`.
"""

from __future__ import annotations

import copy
import hashlib
import inspect
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import yaml
from river import base, time_series

from pipeline.codecs.record import RecordBatch
from pipeline.config.load import load_text
from pipeline.config.report import InvalidConfigError
from pipeline.config.schema import Config
from pipeline.engine.checkpoint import restore_lane, take_checkpoint
from pipeline.engine.lane import Lane

N, CUT = 100, 50
START_MS = 1_700_000_000_000
FEATURES = ["latency", "load", "conns"]

LODA = {"path": "river.anomaly.LODA", "parameters": {"n_random_cuts": 5}}
TREES = {"path": "river.anomaly.HalfSpaceTrees", "parameters": {"n_trees": 3, "window_size": 30, "height": 4}}
SCALER = {"path": "river.preprocessing.StandardScaler"}
LINEAR = {"path": "river.linear_model.LinearRegression"}
SNARIMAX = {"path": "river.time_series.SNARIMAX", "parameters": {"p": 2, "d": 0, "q": 1}}

Given = dict[str, Any]

# What a constructor must be given; small, where the default is slow.
GIVEN: dict[str, Given] = {
    "anomaly.LODA": {"n_random_cuts": 5},
    "anomaly.HalfSpaceTrees": TREES["parameters"],
    "anomaly.LocalOutlierFactor": {"n_neighbors": 3},
    "anomaly.QuantileFilter": {"anomaly_detector": LODA, "q": 0.9},
    "anomaly.ThresholdFilter": {"anomaly_detector": {"path": "river.anomaly.GaussianScorer"}, "threshold": 0.99},
    "drift.DummyDriftDetector": {"t_0": 30},
    "drift.KSWIN": {"window_size": 40, "stat_size": 10},
    "time_series.HoltWinters": {"alpha": 0.3, "beta": 0.1, "gamma": 0.2, "seasonality": 6},
    "time_series.SNARIMAX": SNARIMAX["parameters"],
    "dummy.StatisticRegressor": {"statistic": {"path": "river.stats.EWMean"}},
    "ensemble.BaggingRegressor": {"model": LINEAR, "n_models": 3},
    "ensemble.EWARegressor": {"models": [LINEAR, {"path": "river.neighbors.KNNRegressor"}]},
    "forest.AMFRegressor": {"n_estimators": 2},
    "forest.ARFRegressor": {"n_models": 2},
    "forest.OXTRegressor": {"n_models": 2},
    "ensemble.SRPRegressor": {"n_models": 2, "model": {"path": "river.tree.HoeffdingTreeRegressor"}},
    "preprocessing.PredClipper": {"regressor": LINEAR, "y_min": 0, "y_max": 100},
    "preprocessing.TargetMinMaxScaler": {"regressor": LINEAR},
    "preprocessing.TargetStandardScaler": {"regressor": LINEAR},
    "conf.RegressionJackknife": {"regressor": LINEAR},
    "compose.Pipeline": {"steps": [SCALER, LODA]},
}

# Of every class: what it does to one value at a time, and to three features with a target.
SCORES, REFUSED = "scores", "refused"
ONE_VALUE = (SCORES, REFUSED)
BOTH = (SCORES, SCORES)
NEEDS_FEATURES = (REFUSED, SCORES)
NEITHER = (REFUSED, REFUSED)
CLASSES: dict[str, dict[str, tuple[str, str]]] = {
    "anomaly": {
        "GaussianScorer": ONE_VALUE,
        "HalfSpaceTrees": BOTH,
        "LODA": BOTH,
        "LocalOutlierFactor": BOTH,
        "OneClassSVM": BOTH,
        "PredictiveAnomalyDetection": NEEDS_FEATURES,
        "QuantileFilter": BOTH,
        "StandardAbsoluteDeviation": ONE_VALUE,
        "ThresholdFilter": ONE_VALUE,
    },
    "drift": {
        "ADWIN": ONE_VALUE,
        "DriftRetrainingClassifier": NEITHER,
        "DummyDriftDetector": ONE_VALUE,
        "KSWIN": ONE_VALUE,
        "NoDrift": NEITHER,
        "PageHinkley": ONE_VALUE,
    },
    "drift.binary": dict.fromkeys(["DDM", "EDDM", "FHDDM", "HDDMA", "HDDMW"], ONE_VALUE),
    "time_series": {
        "ForecastingMetric": NEITHER,
        "HoltWinters": ONE_VALUE,
        "HorizonAggMetric": NEITHER,
        "HorizonMetric": NEITHER,
        "SNARIMAX": BOTH,
    },
    "linear_model": {
        **dict.fromkeys(
            ["ALMAClassifier", "AdPredictor", "LogisticRegression", "PAClassifier", "Perceptron", "SoftmaxRegression"], NEITHER
        ),
        "BayesianLinearRegression": NEEDS_FEATURES,
        "LinearRegression": BOTH,
        "PARegressor": BOTH,
    },
    "neighbors": {"KNNClassifier": NEITHER, "KNNRegressor": BOTH, "LazySearch": NEITHER, "SWINN": NEITHER},
    "tree": {
        **dict.fromkeys(
            [
                "ExtremelyFastDecisionTreeClassifier",
                "HoeffdingAdaptiveTreeClassifier",
                "HoeffdingTreeClassifier",
                "LASTClassifier",
                "SGTClassifier",
                "ISOUPTreeRegressor",
            ],
            NEITHER,
        ),
        **dict.fromkeys(["HoeffdingAdaptiveTreeRegressor", "HoeffdingTreeRegressor", "SGTRegressor"], BOTH),
    },
    "rules": {"AMRules": BOTH},
    "forest": {
        **dict.fromkeys(["AMFClassifier", "ARFClassifier"], NEITHER),
        **dict.fromkeys(["AMFRegressor", "ARFRegressor", "OXTRegressor"], BOTH),
    },
    "dummy": {"NoChangeClassifier": NEITHER, "PriorClassifier": NEITHER, "StatisticRegressor": ONE_VALUE},
}

PIPELINES: dict[str, tuple[Given, tuple[str, str]]] = {
    "scaled_trees": (
        {"path": "river.compose.Pipeline", "parameters": {"steps": [{"path": "river.preprocessing.MinMaxScaler"}, TREES]}},
        BOTH,
    ),
    "scaled_regression": ({"path": "river.compose.Pipeline", "parameters": {"steps": [SCALER, LINEAR]}}, BOTH),
    "clipped": ({"path": "river.preprocessing.PredClipper", "parameters": GIVEN["preprocessing.PredClipper"]}, BOTH),
    "scaled_target": (
        {"path": "river.preprocessing.TargetStandardScaler", "parameters": GIVEN["preprocessing.TargetStandardScaler"]},
        BOTH,
    ),
    "bagging": ({"path": "river.ensemble.BaggingRegressor", "parameters": GIVEN["ensemble.BaggingRegressor"]}, BOTH),
    "jackknife": ({"path": "river.conf.RegressionJackknife", "parameters": GIVEN["conf.RegressionJackknife"]}, BOTH),
    "predictive_over_snarimax": (
        {"path": "river.anomaly.PredictiveAnomalyDetection", "parameters": {"predictive_model": SNARIMAX, "warmup_period": 5}},
        ONE_VALUE,
    ),
    "predictive_over_holt_winters": (
        {
            "path": "river.anomaly.PredictiveAnomalyDetection",
            "parameters": {"predictive_model": {"path": "river.time_series.HoltWinters", "parameters": {"alpha": 0.3}}},
        },
        ONE_VALUE,
    ),
    "filtered_predictive": (
        {
            "path": "river.anomaly.ThresholdFilter",
            "parameters": {
                "anomaly_detector": {
                    "path": "river.anomaly.PredictiveAnomalyDetection",
                    "parameters": {"predictive_model": SNARIMAX},
                },
                "threshold": 0.95,
            },
        },
        ONE_VALUE,
    ),
    "scaler_alone": (SCALER, NEITHER),
    "statistic": ({"path": "river.stats.Mean"}, NEITHER),
    "optimizer": ({"path": "river.optim.SGD"}, NEITHER),
    "clusterer": ({"path": "river.cluster.KMeans"}, NEITHER),
    "metric": ({"path": "river.metrics.MAE"}, NEITHER),
    "function": ({"path": "river.anomaly.base"}, NEITHER),
    "empty_pipeline": ({"path": "river.compose.Pipeline"}, NEITHER),
    "unprotected_quantile": (
        {
            "path": "river.anomaly.QuantileFilter",
            "parameters": {"anomaly_detector": LODA, "q": 0.9, "protect_anomaly_detector": False},
        },
        BOTH,
    ),
    "unprotected_threshold": (
        {
            "path": "river.anomaly.ThresholdFilter",
            "parameters": {**GIVEN["anomaly.ThresholdFilter"], "protect_anomaly_detector": False},
        },
        NEITHER,
    ),
}


def _cases() -> Iterator[Any]:
    for module, classes in CLASSES.items():
        for name, outcomes in classes.items():
            given = {"path": f"river.{module}.{name}", "parameters": GIVEN.get(f"{module}.{name}", {})}
            for is_group, outcome in enumerate(outcomes):
                yield pytest.param(given, bool(is_group), outcome, id=f"{module}.{name}-{'group' if is_group else 'one'}")
    for name, (given, outcomes) in PIPELINES.items():
        for is_group, outcome in enumerate(outcomes):
            yield pytest.param(given, bool(is_group), outcome, id=f"{name}-{'group' if is_group else 'one'}")


@pytest.mark.parametrize("module", CLASSES)
def test_every_class_is_listed(module: str) -> None:
    found = import_module(f"river.{module}")
    classes = {name for name in found.__all__ if isinstance(getattr(found, name, None), type)}
    assert classes == set(CLASSES[module]), "river has other classes than those listed: say what becomes of them"


def make_text(given: Given, *, is_group: bool) -> str:
    detector: dict[str, Any] = {
        "name": "tried",
        "model": {"type": "river_model", "parameters": given},
        # Every sample that has a score is told.
        "threshold": {"type": "fixed", "score": -1.0e9},
        "episode": {"repeat_secs": 0.001},
    }
    if is_group:
        detector["group"] = {"by": ["host"], "features": FEATURES, "period_secs": 60, "wait_secs": 0, "missing": "absent"}
    topics = [{"name": "m", "kind": "metrics", "format": "metric_json"}]
    return yaml.safe_dump({"version": 1, "topics": topics, "detectors": [detector]})


def make_rows(*, is_binary: bool) -> np.ndarray[Any, np.dtype[np.float64]]:
    rng = np.random.default_rng(11)
    X = rng.uniform(1.0, 3.0, (N, 3))
    X[:, 0] = 10.0 + 2.0 * X[:, 1] + X[:, 2] + rng.normal(0.0, 0.3, N)
    X[70:80, 0] += 8.0
    if is_binary:
        X[:, 0] = X[:, 0] > 15.0
    return X


def make_log(X: Any, *, is_group: bool) -> list[tuple[int, int, None, bytes]]:
    """One record a value; the last only ends the last period."""
    rows = []
    for i, row in enumerate(X.tolist()):
        for name, value in zip(FEATURES, row if is_group else row[:1], strict=False):
            at = START_MS // 60_000 * 60_000 + 60_000 * i + 1_000
            record = {"name": name, "ts": at, "value": value, "labels": {"host": "n1"}}
            rows.append((len(rows), at, None, json.dumps(record).encode()))
    at += 200_000
    rows.append((len(rows), at, None, json.dumps({"name": "end", "ts": at, "value": 0.0, "labels": {"host": "n1"}}).encode()))
    return rows


def feed(lane: Lane, rows: Any) -> list[tuple[float, float]]:
    found = lane.process(RecordBatch.from_rows("m", 0, rows)).anomalies
    return [
        (one.score, one.expected) for one in found if one.detector == "tried" and one.series.name != "end" and one.kind == "point"
    ]


def make_lane(config: Config) -> Lane:
    return Lane(config, config.topics[0], 0, config_hash="h")


def ask_river(model: Any, X: Any, *, is_group: bool) -> list[float]:
    """Scores as somebody gets them who calls river sample by sample."""
    core = model
    while not isinstance(core, base.SupervisedAnomalyDetector) and (hasattr(core, "anomaly_detector") or hasattr(core, "steps")):
        core = core.anomaly_detector if hasattr(core, "anomaly_detector") else list(core.steps.values())[-1]
    is_supervised = isinstance(core, base.SupervisedAnomalyDetector)
    scores = []
    for row in X.tolist():
        y, x = row[0], dict(zip(FEATURES[1:], row[1:], strict=True)) if is_group else {}
        score = math.nan
        if is_supervised:
            x_or_none = x or None
            if not hasattr(core, "predictive_model") or _has_forecast(core, x_or_none):
                score = model.score_one(x_or_none, y)
                model.learn_one(x_or_none, y)
            else:
                core.learn_one(x_or_none, y)
        elif hasattr(model, "drift_detected"):
            model.update(bool(y) if isinstance(model, base.BinaryDriftDetector) else y)
            score = float(model.drift_detected)
        elif isinstance(core, time_series.base.Forecaster):
            try:
                score = abs(y - (model.forecast(1, xs=[x]) if is_group else model.forecast(1))[0])
            except IndexError:
                score = math.nan
            model.learn_one(y, x=x) if is_group else model.learn_one(y)
        elif hasattr(model, "score_one") and isinstance(core, base.AnomalyDetector):
            features = dict(zip(FEATURES if is_group else ["0"], row, strict=False))
            score = model.score_one(features)
            model.learn_one(features)
        else:
            expected = model.predict_one(x)
            score = math.nan if expected is None else abs(y - expected)
            model.learn_one(x, y)
        scores.append(score)
    return [score for score in scores[1:] if math.isfinite(score)]


def _has_forecast(core: Any, x: Any) -> bool:
    model = core.predictive_model
    try:
        expected = model.forecast(core.horizon)[0] if isinstance(model, time_series.base.Forecaster) else model.predict_one(x)
    except IndexError:
        return False
    return math.isfinite(expected)


def build(given: Any) -> Any:
    """The river object by its path, made here without the product's own code."""
    if isinstance(given, list):
        return [build(one) for one in given]
    if not (isinstance(given, dict) and "path" in given):
        return given
    module, _, name = given["path"].rpartition(".")
    found = getattr(import_module(module), name)
    parameters = {key: build(value) for key, value in given.get("parameters", {}).items()}
    steps = parameters.pop("steps", [])
    if "seed" in inspect.signature(found).parameters:
        parameters.setdefault("seed", 42)
    return found(*steps, **parameters)


@pytest.mark.parametrize(("given", "is_group", "outcome"), list(_cases()))
def test_it_scores_as_river_or_is_refused(given: Given, is_group: bool, outcome: str) -> None:
    text = make_text(given, is_group=is_group)
    if outcome == REFUSED:
        with pytest.raises(InvalidConfigError) as caught:
            load_text(text)
        (problem,) = caught.value.found
        assert problem.code in ("CFG403", "CFG404", "CFG405")
        assert problem.path[:4] == ("detectors", 0, "model", "parameters")
        assert len(problem.cure) > 20
        return
    config = load_text(text)
    model = build(copy.deepcopy(given))
    X = make_rows(is_binary=isinstance(model, base.BinaryDriftDetector))
    rows = make_log(X, is_group=is_group)
    lane = make_lane(config)
    whole = feed(lane, rows)
    assert lane.take_faults() == []
    assert [score for score, _ in whole] == ask_river(model, X, is_group=is_group)
    cut = CUT * (3 if is_group else 1) + 1
    first, second = make_lane(config), make_lane(config)
    before = feed(first, rows[:cut])
    restore_lane(second, take_checkpoint(first, is_full=True).encode())
    after = feed(second, rows[cut:])
    assert str(before + after) == str(whole)
    assert take_checkpoint(second, is_full=True).encode() == take_checkpoint(lane, is_full=True).encode()


def digest_of_all() -> str:
    """Of all anomalies and checkpoints of every case that scores, together."""
    total = hashlib.sha256()
    for case in _cases():
        given, is_group, outcome = case.values
        if outcome == SCORES:
            config = load_text(make_text(given, is_group=is_group))
            is_binary = isinstance(build(copy.deepcopy(given)), base.BinaryDriftDetector)
            lane = make_lane(config)
            rows = make_log(make_rows(is_binary=is_binary), is_group=is_group)
            for one in lane.process(RecordBatch.from_rows("m", 0, rows)).anomalies:
                total.update(one.to_json())
            for block in take_checkpoint(lane, is_full=True).encode().values():
                total.update(block)
    return total.hexdigest()


@pytest.mark.soak
def test_every_process_comes_to_the_same_bytes() -> None:
    script = "from tests.properties.test_river_paths import digest_of_all; print(digest_of_all())"
    digests = set()
    for seed in ("1", "2", "random"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        told = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
        digests.add(told.stdout.strip())
    assert len(digests) == 1
