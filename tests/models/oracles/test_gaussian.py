"""The Gaussian scorer against river, bit by bit."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import anomaly

from models.base import Scores
from models.gaussian.model import GaussianScorer
from tests.models.asking import score_batch, score_values


def _streams() -> dict[str, list[float]]:
    rng = random.Random(20240)
    normal = [rng.gauss(10.0, 3.0) for _ in range(200_000)]
    walk, level = [], 0.0
    for _ in range(20_000):
        level += rng.gauss(0.0, 1.0)
        walk.append(level)
    return {
        "normal": normal,
        "walk": walk,
        "heavy tails": [rng.paretovariate(0.7) for _ in range(20_000)],
        "constant": [7.25] * 500,
        "constant, then a step": [0.1] * 300 + [0.3] * 300 + [rng.random() for _ in range(300)],
        "large": [1e15 + rng.gauss(0.0, 1.0) for _ in range(5_000)],
        "scales": [rng.choice((-1.0, 1.0)) * 10.0 ** rng.uniform(-100, 100) for _ in range(5_000)],
        "denormal": [rng.randrange(-5, 6) * 5e-324 for _ in range(2_000)],
        "zeros": [0.0, -0.0] * 200,
    }


STREAMS = _streams()


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("grace_period", [0, 1, 100])
def test_scores_equal_river(stream: str, grace_period: int) -> None:
    ys = STREAMS[stream]
    expected = score_values(anomaly.GaussianScorer(grace_period=grace_period), ys)
    assert score_batch(GaussianScorer(grace_period=grace_period), ys) == expected
    assert score_values(GaussianScorer(grace_period=grace_period), ys[:5000]) == expected[:5000]
    assert len(set(expected)) > 1 or stream in ("constant", "zeros", "denormal")


@pytest.mark.parametrize("window_size", [1, 2, 30, 1000])
@pytest.mark.parametrize("stream", ["normal", "walk", "large"])
def test_windowed_scores_equal_river_up_to_its_first_complex_number(stream: str, window_size: int) -> None:
    ys = STREAMS[stream][:20_000]
    detector = anomaly.GaussianScorer(window_size=window_size, grace_period=2)
    expected = []
    for y in ys:
        try:
            expected.append(detector.score_one(None, y))
        except TypeError:  # a variance below zero: see tests/models/known_differences
            break
        detector.learn_one(None, y)
    assert len(expected) > 100 or stream == "large"
    found = score_batch(GaussianScorer(window_size=window_size, grace_period=2), ys)
    assert found[: len(expected)] == expected


@settings(max_examples=200, deadline=None)
@given(
    ys=st.lists(st.floats(-1e60, 1e60), max_size=80),
    window_size=st.one_of(st.none(), st.integers(1, 20)),
    grace_period=st.integers(0, 10),
)
def test_any_short_stream(ys: list[float], window_size: int | None, grace_period: int) -> None:
    detector = anomaly.GaussianScorer(window_size=window_size, grace_period=grace_period)
    model = GaussianScorer(window_size=window_size, grace_period=grace_period)
    for y in ys:
        try:
            expected = detector.score_one(None, y)
        except TypeError:
            return
        assert model.score_one(None, y) == expected
        detector.learn_one(None, y)
        model.learn_one(None, y)


def test_expected_and_scale_are_mean_and_sigma_before_the_sample() -> None:
    ys = STREAMS["normal"][:500]
    detector = anomaly.GaussianScorer(grace_period=10)
    model = GaussianScorer(grace_period=10)
    model.reserve(1)
    zeros = np.zeros(len(ys), dtype=np.int64)
    out = Scores.empty(len(ys))
    ready = model.score_learn_many(zeros, zeros, np.array(ys), out)
    for i, y in enumerate(ys):
        assert ready[i] == (i >= 10)
        if i >= 10:
            assert (out.expected[i], out.scale[i]) == (detector.gaussian.mu, detector.gaussian.sigma)
        detector.learn_one(None, y)
    assert model.describe(0)["mean"] == detector.gaussian.mu
