"""Records of hosts whose metrics belong together, and configurations that score them together."""

from __future__ import annotations

import json
import random
from typing import Any

from pipeline.config.model_fit import find_misfit
from pipeline.config.schema import (
    Config,
    DetectorSettings,
    EpisodeSettings,
    FixedThreshold,
    GroupSettings,
    Match,
    ModelSettings,
    SeriesSettings,
    SourceTopic,
)
from tests.properties.naughty_log import START_MS, Row

__all__ = ["FEATURES", "FILTERED", "MODELS", "PREDICTING", "log_of", "make_config", "make_filter_config", "make_target_config"]

FEATURES = ["cpu", "mem", "net"]
MODELS: dict[str, dict[str, Any]] = {
    "half_space_trees": {"window_size": 20, "n_trees": 5, "height": 4, "limits": [-5.0, 5.0]},
    "loda": {"grace_period": 10},
    "local_outlier_factor": {"grace_period": 10, "window_size": 30},
    "one_class_svm": {"grace_period": 10},
    "random_cut_forest": {},
    "river_model": {
        "grace_period": 10,
        "path": "river.compose.Pipeline",
        "parameters": {"steps": [{"path": "river.preprocessing.StandardScaler"}, {"path": "river.anomaly.OneClassSVM"}]},
    },
}
REGRESSION = {"model": "linear_regression", "parameters": {"learning_rate": 0.05}}
PREDICTIVE = {"model": "predictive_anomaly_detection", "parameters": {"forecaster": REGRESSION, "warmup_period": 10}}
RIVER_REGRESSION = {"path": "river.linear_model.LinearRegression", "grace_period": 10}
# Models that predict mem from the others, by a name of their own: registered name, parameters, threshold.
PREDICTING: dict[str, tuple[str, dict[str, Any], float]] = {
    "regression": ("linear_regression", REGRESSION["parameters"], 3.0),
    "predictive": ("predictive_anomaly_detection", PREDICTIVE["parameters"], 1.0),
    "filtered": ("threshold_filter", {"detector": PREDICTIVE, "threshold": 1.0}, 1.0),
    "twice_filtered": (
        "quantile_filter",
        {"detector": {"model": "threshold_filter", "parameters": {"detector": PREDICTIVE, "threshold": 1.0}}, "q": 0.98},
        1.0,
    ),
    "river_regression": ("river_model", RIVER_REGRESSION, 3.0),
    "river_predictive": ("river_model", {"path": "river.anomaly.PredictiveAnomalyDetection", "grace_period": 10}, 1.0),
    "filtered_river": (
        "threshold_filter",
        {"detector": {"model": "river_model", "parameters": RIVER_REGRESSION}, "threshold": 4.0},
        3.0,
    ),
    "one_value": ("holt_winters", {"alpha": 0.3}, 4.0),
    "river_one_value": ("river_model", {"path": "river.time_series.HoltWinters", "parameters": {"alpha": 0.3}}, 4.0),
}
# Filters around models of vectors.
FILTERED: dict[str, tuple[str, dict[str, Any]]] = {
    f"{kind} around {name}": (kind, {"detector": {"model": name, "parameters": MODELS[name]}, **cut})
    for kind, cut in (("quantile_filter", {"q": 0.98}), ("threshold_filter", {"threshold": 30.0}))
    for name in ("half_space_trees", "loda", "local_outlier_factor", "one_class_svm", "river_model")
}
THRESHOLDS = {
    "half_space_trees": 0.5,
    "loda": 1.2,
    "local_outlier_factor": 1.2,
    "one_class_svm": 0.1,
    "random_cut_forest": 15.0,
    "river_model": 0.1,
}


def make_config(model: str = "half_space_trees", *, missing: str = "last", evict_after_secs: float = 1e6) -> Config:
    return Config(
        version=1,
        topics=[SourceTopic(name="m", kind="metrics", format="metric_json", lateness_secs=30.0)],
        series=SeriesSettings(evict_after_secs=evict_after_secs, context_samples=8, silence_min_samples=5, silence_min_secs=60),
        detectors=[
            DetectorSettings(
                name="node",
                match=Match(labels={"kind": "node"}),
                group=GroupSettings(by=["host"], features=FEATURES, period_secs=20.0, wait_secs=5.0, missing=missing),  # type: ignore[arg-type]
                model=ModelSettings(type=model, parameters=MODELS[model]),
                threshold=FixedThreshold(type="fixed", score=THRESHOLDS[model]),
                episode=EpisodeSettings(clear_after_samples=2, repeat_secs=60.0),
            ),
            DetectorSettings(
                name="each",
                match=Match(name=["cpu", "other"]),
                model=ModelSettings(type="gaussian_scorer", parameters={"grace_period": 5}),
                threshold=FixedThreshold(type="fixed", score=0.9999),
            ),
        ],
    )


def make_target_config(name: str, *, missing: str = "last", direction: str = "both") -> Config:
    type_, parameters, score = PREDICTING[name]
    return with_model(make_config(missing=missing, evict_after_secs=300.0), type_, parameters, score, "mem", direction)


def make_filter_config(name: str) -> Config:
    type_, parameters = FILTERED[name]
    threshold = THRESHOLDS[parameters["detector"]["model"]]
    return with_model(make_config(evict_after_secs=300.0), type_, parameters, threshold, None)


def with_model(
    config: Config, type_: str, parameters: dict[str, Any], score: float, target: str | None, direction: str = "both"
) -> Config:
    node, each = config.detectors
    changed = {
        "model": ModelSettings(type=type_, parameters=parameters),
        "threshold": FixedThreshold(type="fixed", score=score),
        "group": node.group.model_copy(update={"target": target}) if node.group else None,
        "direction": direction,
    }
    assert find_misfit(node.model_copy(update=changed)) is None
    return config.model_copy(update={"detectors": [node.model_copy(update=changed), each]})


def log_of(seed: int, n: int) -> list[Row]:
    rng = random.Random(seed)
    rows: list[Row] = []
    now = 0.0
    quiet = [0.0] * 5
    for offset in range(n):
        now += rng.choice([0.0, 0.2, 1.0, 3.0])
        if rng.random() < 0.01:
            now += rng.choice([30.0, 200.0])
        host = rng.randrange(4)
        if rng.random() < 0.01:
            quiet[host] = now + 400.0
        name = rng.choice([*FEATURES, "other"])
        if now < quiet[host]:
            host = 4
        at = now - (rng.choice([4.0, 25.0]) if rng.random() < 0.1 else 0.0)
        value = rng.gauss(0.0, 1.0) + (6.0 if (now // 100) % 5 == 3 and host == 1 else 0.0)
        record = {"name": name, "ts": START_MS + round(at * 1000), "value": value, "labels": {"host": f"n{host}", "kind": "node"}}
        rows.append((offset, START_MS + round(now * 1000), None, json.dumps(record).encode()))
    return rows
