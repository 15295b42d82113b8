"""Drift detectors and running statistics against river, bit by bit."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from river import drift, stats

from models import registry
from models.errors import ParameterError
from models.ew.model import EWScorer
from models.quantile.model import QuantileScorer
from tests.models.asking import score_batch


def _make_stream(n: int, seed: int) -> list[float]:
    """Levels and spreads that change every few hundred samples, with a constant stretch."""
    rng = random.Random(seed)
    values: list[float] = []
    while len(values) < n:
        level, spread = rng.choice((0.0, 0.5, 1.0, 5.0)), rng.choice((0.0, 0.1, 1.0))
        values += [rng.gauss(level, spread) for _ in range(rng.randrange(50, 900))]
    return values[:n]


DETECTORS = [
    ("page_hinkley", drift.PageHinkley, {}, 60_000),
    ("page_hinkley", drift.PageHinkley, {"threshold": 3.0, "mode": "up", "alpha": 0.99, "min_instances": 5}, 60_000),
    ("page_hinkley", drift.PageHinkley, {"threshold": 0.5, "min_instances": 0}, 3_000),
    ("page_hinkley", drift.PageHinkley, {"threshold": 3.0, "mode": "down", "delta": 0.1}, 60_000),
    ("adwin", drift.ADWIN, {}, 100_000),
    ("adwin", drift.ADWIN, {"delta": 0.3, "clock": 1, "max_buckets": 2, "min_window_length": 2, "grace_period": 3}, 20_000),
    ("kswin", drift.KSWIN, {"seed": 42}, 4_000),
    ("kswin", drift.KSWIN, {"seed": 7, "window_size": 60, "stat_size": 5, "alpha": 0.05}, 4_000),
    ("kswin", drift.KSWIN, {"seed": 7, "window_size": 700, "stat_size": 12, "alpha": 0.02}, 3_000),
]


@pytest.mark.parametrize(("name", "theirs", "parameters", "n"), DETECTORS)
def test_detections(name: str, theirs: Any, parameters: dict[str, Any], n: int) -> None:
    ys = _make_stream(n, 5)
    detector = theirs(**parameters)
    model: Any = registry.build(name, parameters)
    expected = []
    for step, y in enumerate(ys):
        detector.update(y)
        expected.append(float(detector.drift_detected))
        if step < 3000:
            if step % 10 == 0:
                assert model.score_one(None, y) in (0.0, expected[-1])
            model.update(y)
            assert model.drift_detected == detector.drift_detected
    assert 3 < sum(expected) < n / 5
    assert score_batch(registry.build(name, parameters), ys) == expected


def test_adwin_keeps_the_same_window() -> None:
    detector: Any = drift.ADWIN()
    model: Any = registry.build("adwin")
    for step, y in enumerate(_make_stream(20_000, 8)):
        detector.update(y)
        model.update(y)
        if step < 100 or step % 7 == 0 or detector.drift_detected:
            for name in ("width", "total", "variance", "estimation"):
                assert getattr(model, name) == getattr(detector, name)


def test_adwin_drops_no_further_where_rounding_leaves_less_than_no_variance() -> None:
    rng = np.random.default_rng(8)
    n_negative = 0
    for _ in range(40):
        theirs: Any = drift.ADWIN(delta=0.9, max_buckets=2, min_window_length=1)
        ours: Any = registry.build("adwin", {"delta": 0.9, "max_buckets": 2, "min_window_length": 1})
        for y in (1e15 + np.repeat([0.0, 100.0], 48) + rng.normal(0.0, 2.0, 96)).tolist():
            theirs.update(y)
            ours.update(y)
            n_negative += theirs.variance < 0.0
            assert (ours.width, ours.total, ours.variance) == (theirs.width, theirs.total, theirs.variance)
    assert n_negative


def test_kswin_wants_enough_older_samples() -> None:
    with pytest.raises(ParameterError, match="half of window_size"):
        registry.build("kswin", {"window_size": 50, "stat_size": 30})


@pytest.mark.parametrize("fading_factor", [0.0, 0.05, 0.5, 1.0])
def test_exponentially_weighted_moments(fading_factor: float) -> None:
    mean, variance = stats.EWMean(fading_factor), stats.EWVar(fading_factor)
    model = EWScorer(fading_factor=fading_factor)
    for y in [0.0, 0.0, *_make_stream(20_000, 2)]:
        mean.update(y)
        variance.update(y)
        model.learn_one(None, y)
        assert (model.mean, model.variance) == (mean.get(), variance.get())


@pytest.mark.parametrize("q", [0.6, 0.9, 0.999])
def test_estimated_quantiles(q: float) -> None:
    theirs = [stats.Quantile(1.0 - q), stats.Quantile(0.5), stats.Quantile(q)]
    model = QuantileScorer(q=q)
    for y in _make_stream(20_000, 3):
        for quantile in theirs:
            quantile.update(y)
        model.learn_one(None, y)
        assert model.quantiles == tuple(quantile.get() for quantile in theirs)


@pytest.mark.parametrize("window_size", [2, 3, 50, 401])
@pytest.mark.parametrize("q", [0.6, 0.9, 0.999])
def test_rolling_quantiles(q: float, window_size: int) -> None:
    theirs = [stats.RollingQuantile(level, window_size) for level in (1.0 - q, 0.5, q)]
    model = QuantileScorer(q=q, window_size=window_size)
    for y in _make_stream(3_000, 4):
        for quantile in theirs:
            quantile.update(y)
        model.learn_one(None, y)
        assert model.quantiles == tuple(quantile.get() for quantile in theirs)
