"""What was written for river runs by another import, to the same scores: river's own examples, with its pipelines around them."""

from __future__ import annotations

import copy
import inspect
import pickle
import random
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import river.anomaly
import river.drift
import river.time_series
from river import compose, datasets, evaluate, linear_model, metrics, neighbors, optim, preprocessing, stats
from river.utils.math import _euclidean_distance

import models.anomaly
import models.drift
import models.time_series
from models.base import Scores
from models.checks.comparison import flatten

RIVER = types.SimpleNamespace(anomaly=river.anomaly, drift=river.drift, time_series=river.time_series)
OURS = types.SimpleNamespace(anomaly=models.anomaly, drift=models.drift, time_series=models.time_series)


def _payments(n: int) -> Iterator[tuple[dict[str, float], bool]]:
    """As river's credit card set: features that are not in the order of their names, and a few frauds."""
    rng = random.Random(3)
    for step in range(n):
        factor = 4.0 if rng.random() < 0.02 else 1.0
        features = {f"V{k}": rng.gauss(0.0, 1.0 / k) * factor for k in range(1, 13)}
        yield {"Time": float(step // 3), **features, "Amount": rng.expovariate(0.01) * factor}, factor > 1.0


def _score_learn(model: Any, n: int) -> list[float]:
    scores = []
    for x, _ in _payments(n):
        scores.append(model.score_one(x))
        model.learn_one(x)
    return scores


def _gaussian(lib: Any) -> Any:
    rng, model = random.Random(42), lib.anomaly.GaussianScorer()
    for _ in range(150):
        model.learn_one(None, rng.gauss(0, 1))
    return [model.score_one(None, y) for y in (3, -3, 0, 0.5)]


def _deviation(lib: Any) -> Any:
    rng, model = random.Random(42), lib.anomaly.StandardAbsoluteDeviation(sub_stat=stats.Quantile(0.5))
    for _ in range(150):
        model.learn_one(None, rng.gauss(0, 1))
    return [model.score_one(None, y) for y in (2, 0, 1)]


def _trees(lib: Any) -> Any:
    model = compose.Pipeline(preprocessing.MinMaxScaler(), lib.anomaly.HalfSpaceTrees(window_size=60, seed=42))
    return _score_learn(model, 300)


def _limited_trees(lib: Any) -> Any:
    limits = {"V1": (-3.0, 3.0), "Amount": (0.0, 900.0), "never": (0.0, 2.0)}
    return _score_learn(lib.anomaly.HalfSpaceTrees(n_trees=5, window_size=60, limits=limits, seed=1), 200)


def _quantile_filter(lib: Any) -> Any:
    filtered = lib.anomaly.QuantileFilter(lib.anomaly.HalfSpaceTrees(window_size=60, seed=42), q=0.95)
    model = preprocessing.MinMaxScaler() | filtered
    told = []
    for x, _ in _payments(300):
        told.append((model.score_one(x), model["QuantileFilter"].classify(model.score_one(x))))
        model.learn_one(x)
    return told


def _evaluated_machine(lib: Any) -> Any:
    model = lib.anomaly.QuantileFilter(lib.anomaly.OneClassSVM(nu=0.2), q=0.995)
    return repr(evaluate.progressive_val_score(dataset=_payments(400), model=model, metric=metrics.ROCAUC()))


def _machine(lib: Any) -> Any:
    steps = {"optimizer": optim.SGD(0.05), "intercept_lr": optim.schedulers.Constant(0.02), "clip_gradient": 5.0}
    return _score_learn(lib.anomaly.OneClassSVM(nu=0.3, **steps), 200)


def _loda(lib: Any) -> Any:
    return _score_learn(lib.anomaly.LODA(seed=7, n_random_cuts=20), 120)


def _neighbors(lib: Any) -> Any:
    engine = neighbors.LazySearch(window_size=40, dist_func=_euclidean_distance)
    return _score_learn(lib.anomaly.LocalOutlierFactor(n_neighbors=4, engine=engine), 90)


def _predictive(lib: Any) -> Any:
    regressor = preprocessing.StandardScaler() | linear_model.LinearRegression(optimizer=optim.SGD(0.005))
    forecaster = lib.time_series.SNARIMAX(p=12, d=1, q=12, m=12, sd=1, regressor=regressor)
    model = lib.anomaly.PredictiveAnomalyDetection(forecaster, horizon=1, n_std=3.5, warmup_period=15)
    scores = []
    for _, y in datasets.AirlinePassengers():
        scores.append(model.score_one(None, y))
        model.learn_one(None, y)
    return scores


def _predictive_regression(lib: Any) -> Any:
    regression = preprocessing.MinMaxScaler() | linear_model.LinearRegression(optim.SGD(0.05), intercept_lr=0.02)
    model = lib.anomaly.PredictiveAnomalyDetection(predictive_model=regression, n_std=2.5, warmup_period=1)
    scores = []
    for x, _ in _payments(200):
        y = x.pop("Amount")
        if scores or model.learn_one(x, y) is None:
            scores.append(model.score_one(x, y))
            model.learn_one(x, y)
    return scores


def _forecasts(lib: Any) -> Any:
    smoothed = lib.time_series.HoltWinters(alpha=0.3, beta=0.1, gamma=0.6, seasonality=12, multiplicative=True)
    model = lib.time_series.SNARIMAX(p=0, d=0, q=0, m=12, sp=3, sq=6)
    for x, y in datasets.AirlinePassengers():
        smoothed.learn_one(y=y, x=x)
        model.learn_one(y)
    return smoothed.forecast(horizon=12), model.forecast(12, None)


def _filter_in_front_of_a_forecaster(lib: Any) -> Any:
    scorer = lib.anomaly.GaussianScorer(window_size=24 * 7, grace_period=30)
    guard = lib.anomaly.ThresholdFilter(anomaly_detector=scorer, threshold=0.995, protect_anomaly_detector=True)
    model = guard | river.time_series.HoltWinters(alpha=0.3, beta=0.1)
    forecasts = []
    for _, y in list(datasets.WaterFlow())[:400]:
        model.learn_one({}, y)
        forecasts.append(model["HoltWinters"].level[-1] if len(forecasts) > 2 else 0.0)
    return forecasts


def _changes(lib: Any) -> Any:
    found = []
    for make in (lib.drift.ADWIN, lambda: lib.drift.KSWIN(alpha=0.0001, seed=42), lib.drift.PageHinkley):
        rng, detector = random.Random(12345), make()
        for step, y in enumerate(rng.choices([0, 1], k=1000) + rng.choices(range(4, 8), k=1000)):
            detector.update(y)
            if detector.drift_detected:
                found.append(step)
    return found


PORTED = [
    _gaussian,
    _deviation,
    _trees,
    _limited_trees,
    _quantile_filter,
    _evaluated_machine,
    _machine,
    _loda,
    _neighbors,
    _predictive,
    _predictive_regression,
    _forecasts,
    _filter_in_front_of_a_forecaster,
    _changes,
]


@pytest.mark.parametrize("example", PORTED, ids=lambda example: example.__name__.strip("_"))
def test_only_the_import_changes(example: Callable[[Any], Any]) -> None:
    assert example(OURS) == example(RIVER)


@pytest.mark.parametrize("module", ["anomaly", "drift", "time_series"])
def test_constructors_have_rivers_parameters_and_defaults(module: str) -> None:
    theirs, ours = getattr(RIVER, module), getattr(OURS, module)
    compared = [name for name in theirs.__all__ if name in ours.__all__]
    assert len(compared) == len(ours.__all__)
    if module == "anomaly":
        assert set(ours.__all__) == set(theirs.__all__) - {"base"}
    for name in compared:
        found = inspect.signature(getattr(ours, name)).parameters
        for parameter in inspect.signature(getattr(theirs, name)).parameters.values():
            if (name, parameter.name) == ("KSWIN", "window"):  # a window to start from
                continue
            mine = found[parameter.name]
            assert list(found).index(parameter.name) >= 0
            if parameter.name == "seed":
                assert mine.default == 42
            else:
                assert mine.default == parameter.default, (name, parameter.name)
        positional = [key for key in inspect.signature(getattr(theirs, name)).parameters if key != "window"]
        assert list(found)[: len(positional)] == positional, name


def test_a_filter_keeps_the_detector_it_was_given() -> None:
    detector = models.anomaly.HalfSpaceTrees(window_size=20, seed=1)
    for x, _ in _payments(50):
        detector.learn_one(x)
    model = models.anomaly.QuantileFilter(detector, q=0.9)
    assert model.anomaly_detector is detector
    x, _ = next(_payments(1))
    assert model.score_one(x) == detector.score_one(x)
    assert model.parameters["detector"]["model"] == "half_space_trees"
    assert model.q == 0.9


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["deepcopy", "pickle"])
def test_copies_go_on_by_themselves(clone: Callable[[Any], Any]) -> None:
    anomaly = models.anomaly
    made: list[Any] = [
        anomaly.QuantileFilter(anomaly.LODA(n_random_cuts=5), q=0.9),
        anomaly.LocalOutlierFactor(3),
        anomaly.ThresholdFilter(anomaly.OneClassSVM(), threshold=5.0),
    ]
    slot = np.zeros(1, np.int64)
    for model in made:
        _score_learn(model, 40)
        copied = clone(model)
        kept = flatten(model.snapshot(slot))
        ahead = _score_learn(copied, 40)
        assert flatten(model.snapshot(slot)) == kept
        assert _score_learn(model, 40) == ahead


def test_a_ported_model_takes_many_series_as_well() -> None:
    model = models.anomaly.QuantileFilter(models.anomaly.GaussianScorer(grace_period=5), q=0.9)
    model.reserve(3)
    slots, out = np.array([0, 1, 2, 1]), Scores.empty(4)
    ready = model.score_learn_many(slots, np.zeros(4, np.int64), np.array([1.0, 2.0, 3.0, 4.0]), out)
    assert not ready.any()
