"""Thresholds: the kernel against a literal tail, what it means for calibration, and what never teaches it anything."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.base import Scores
from models.registry import build
from pipeline.config.schema import FixedThreshold, TailThreshold
from pipeline.engine.threshold import Threshold
from tests.properties.naive_lane import NaiveTail

TAIL = TailThreshold(probability=0.01, min_samples=30)
RAW, NOMINAL, CALIBRATED = "half_space_trees", "gaussian_scorer", "default"


def scores_of(score: np.ndarray, expected: float = math.nan) -> Scores:
    return Scores(score, np.full(score.size, expected), np.full(score.size, math.nan))


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32), model=st.sampled_from([RAW, NOMINAL]), n_series=st.integers(1, 3))
def test_it_is_the_tail_told_literally(seed: int, model: str, n_series: int) -> None:
    rng = np.random.default_rng(seed)
    n = 400
    slots = rng.integers(0, n_series, n)
    score = (
        rng.standard_t(rng.choice([0.3, 2.0]), n) if model == RAW else np.clip(1.0 - 10.0 ** -rng.exponential(1.0, n), 0.0, 1.0)
    )
    score[rng.random(n) < 0.05] = np.nan
    value = rng.integers(0, 2, n).astype(float)
    ready = rng.random(n) < 0.9
    threshold = Threshold(TAIL, build(model))
    threshold.reserve(n_series)
    judged = threshold.judge(slots, value, scores_of(score, 1.0), ready)
    tails = [NaiveTail() for _ in range(n_series)]
    for i in range(n):
        tail = tails[slots[i]]
        if not ready[i] or math.isnan(score[i]):
            assert math.isnan(judged.tail[i])
            assert judged.verdict[i] == 0
            continue
        if model == RAW:
            x, p = score[i], tail.estimate(score[i])
        else:
            x = 0.0 if value[i] == 1.0 else min(-math.log10(max(1 - score[i], 1e-300)), 300.0)
            p = max(tail.estimate(x), 10.0**-x)
        is_trusted = tail.n >= 30
        assert judged.tail[i] == pytest.approx(p, rel=1e-9) if is_trusted else math.isnan(judged.tail[i])
        assert judged.verdict[i] == (0 if not is_trusted else 2 if p <= 0.01 else 1)
        tail.learn(x, 0.1 if judged.verdict[i] == 2 and p <= 0.001 else 1.0)


@pytest.mark.parametrize(("cut", "least", "most"), [(0.001, 0.00005, 0.0015), (0.003, 0.001, 0.0045), (0.01, 0.005, 0.014)])
@pytest.mark.parametrize("model", [RAW, NOMINAL])
def test_the_tail_of_a_quiet_series_means_about_what_it_says(model: str, cut: float, least: float, most: float) -> None:
    rng = np.random.default_rng(1)
    n, n_series = 200_000, 20
    score = rng.exponential(1.0, n)
    if model == NOMINAL:
        score = 1.0 - 10.0**-score
    threshold = Threshold(TailThreshold(probability=cut, min_samples=100), build(model))
    threshold.reserve(n_series)
    judged = threshold.judge(np.arange(n) % n_series, np.ones(n), scores_of(score), np.ones(n, dtype=np.bool_))
    share = np.mean(judged.verdict[20_000:] == 2)
    # The heavy tail errs on the side of fewer alarms.
    assert least < share < most


def test_a_score_far_beyond_all_others_is_rare_and_hardly_moves_the_tail() -> None:
    threshold = Threshold(TAIL, build(RAW))
    threshold.reserve(1)
    rng = np.random.default_rng(2)
    n = 2_000
    zeros, ready = np.zeros(n, dtype=np.int64), np.ones(n, dtype=np.bool_)
    threshold.judge(zeros, np.zeros(n), scores_of(rng.normal(size=n)), ready)
    before = threshold.get(0)
    spike = threshold.judge(zeros[:1], np.zeros(1), scores_of(np.array([1e6])), ready[:1])
    assert spike.verdict[0] == 2
    assert spike.tail[0] < 1e-4
    after = threshold.get(0)
    # A tenth of a step, towards ten mean excesses and no further.
    assert before["n_excess"] > 3.0
    step = 0.1 / (before["n_excess"] + 1.0)
    assert after["mean_excess"] == pytest.approx(before["mean_excess"] * (1.0 + step * (10.0 - 1.0)), rel=1e-12)
    assert after["level"] - before["level"] < 0.01


@pytest.mark.parametrize("n_before", [120, 300, 1_000, 2_000])
@pytest.mark.parametrize("seed", range(12))
def test_a_score_far_beyond_all_others_among_the_first_of_its_tail_makes_nothing_deaf(n_before: int, seed: int) -> None:
    threshold = Threshold(TailThreshold(probability=1e-5, min_samples=100), build(RAW))
    threshold.reserve(1)
    rng = np.random.default_rng(seed)
    quiet = rng.normal(size=n_before + 1_501)
    quiet[[n_before, -1]] = 1e6, 100.0
    zeros, ready = np.zeros(quiet.size, dtype=np.int64), np.ones(quiet.size, dtype=np.bool_)
    judged = threshold.judge(zeros, np.zeros(quiet.size), scores_of(quiet), ready)
    assert judged.verdict[[n_before, -1]].tolist() == [2, 2]


def test_a_model_that_is_calibrated_is_taken_at_its_word() -> None:
    """Also where the series has had surprises before, of which a tail of the threshold's own would make something else."""
    threshold = Threshold(TailThreshold(probability=1e-5, min_samples=10), build(CALIBRATED))
    threshold.reserve(1)
    tail = np.random.default_rng(5).uniform(1e-4, 1.0, 400)
    tail[[50, 120, 200, 300]] = 1e-4, 1e-7, 1e-3, 1e-6
    judged = threshold.judge(np.zeros(400, dtype=np.int64), np.zeros(400), scores_of(1.0 - tail), np.ones(400, dtype=np.bool_))
    assert np.isnan(judged.tail[:10]).all()
    assert np.allclose(judged.tail[10:], tail[10:], rtol=1e-6)
    assert np.flatnonzero(judged.verdict == 2).tolist() == [120, 300]
    assert (judged.verdict[:10] == 0).all()


def test_an_outage_after_a_lesser_one_is_as_unlikely_to_the_worker_as_to_the_default_detector() -> None:
    rng = np.random.default_rng(3)
    value = 95.0 + rng.normal(0.0, 1.5, 2_000)
    value[1_500:1_503] -= 30.0
    value[1_700:1_720] = 24.0 + rng.normal(0.0, 1.0, 20)
    slots, times = np.zeros(2_000, dtype=np.int64), np.arange(2_000, dtype=np.int64) * 300 * 10**9
    model, out = build("default"), Scores.empty(2_000)
    model.reserve(1)
    ready = model.score_learn_many(slots, times, value, out)
    threshold = Threshold(TailThreshold(), model)
    threshold.reserve(1)
    judged = threshold.judge(slots, value, out, ready)
    assert (judged.verdict[1_500:1_503] == 2).all()
    assert (judged.verdict[1_700:1_704] == 2).all()
    told = np.isfinite(judged.tail)
    assert told.sum() > 1_700
    assert np.array_equal(judged.tail[told], 1.0 - out.score[told])


def test_a_fixed_cut_needs_no_history_but_tells_no_tail_before_it_has_one() -> None:
    threshold = Threshold(FixedThreshold(type="fixed", score=0.9), build(NOMINAL))
    threshold.reserve(1)
    score = np.tile([0.1, 0.95, 0.9], 60)
    n = score.size
    judged = threshold.judge(np.zeros(n, dtype=np.int64), np.zeros(n), scores_of(score), np.ones(n, dtype=np.bool_))
    assert judged.verdict.tolist() == [1, 2, 2] * 60
    assert np.isnan(judged.tail[:100]).all()
    assert np.isfinite(judged.tail[100:]).all()


@pytest.mark.parametrize(
    ("settings_", "model", "tail"),
    [
        (TAIL, RAW, 0.01),
        (FixedThreshold(type="fixed", score=0.75), NOMINAL, 0.25),
        (FixedThreshold(type="fixed", score=2.0), NOMINAL, 1e-300),
    ],
)
def test_the_band_belongs_to_the_cut(settings_: TailThreshold | FixedThreshold, model: str, tail: float) -> None:
    assert Threshold(settings_, build(model)).band_tail == tail


def test_a_cut_that_is_no_probability_has_no_band() -> None:
    assert math.isnan(Threshold(FixedThreshold(type="fixed", score=3.0), build(RAW)).band_tail)


@pytest.mark.parametrize("score", [math.inf, -math.inf, 1e308, -1e308, 0.0])
@pytest.mark.parametrize("model", [RAW, NOMINAL, CALIBRATED])
def test_extreme_scores_leave_the_state_finite(score: float, model: str) -> None:
    threshold = Threshold(TAIL, build(model))
    threshold.reserve(1)
    scores = np.concatenate((np.zeros(50), np.full(50, score), np.linspace(0, 1, 50)))
    n = scores.size
    judged = threshold.judge(np.zeros(n, dtype=np.int64), np.zeros(n), scores_of(scores), np.ones(n, dtype=np.bool_))
    assert all(math.isfinite(threshold.get(0)[name]) for name in threshold.get(0).dtype.names)
    told = judged.tail[~np.isnan(judged.tail)]
    assert ((told > 0.0) & (told <= 1.0)).all()


def test_a_reset_row_is_that_of_a_series_never_seen() -> None:
    threshold = Threshold(TAIL, build(RAW))
    threshold.reserve(3)
    n = 90
    threshold.judge(np.arange(n) % 3, np.zeros(n), scores_of(np.arange(n, dtype=float)), np.ones(n, dtype=np.bool_))
    threshold.reset(np.array([1]))
    assert all(threshold.get(1)[name] == 0.0 for name in threshold.get(1).dtype.names)
    assert threshold.get(0)["n"] == threshold.get(2)["n"] == 30
