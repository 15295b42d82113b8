"""The default detector: alarms on what is injected, silence on noise, edge cases, and a gate on the labelled sets."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.quality.average_precision import get_macro_average_precision
from benchmarks.quality.calibration import NOISES, get_tails, inject
from benchmarks.quality.labelled_sets import find_shared, load_labelled_set
from benchmarks.quality.scorers import score_metric, score_moments
from models.base import Scores
from models.seasonal.model import SeasonalScorer

MINUTE_NS = 60_000_000_000


def score(values: npt.NDArray[np.float64], times_ns: npt.NDArray[np.int64] | None = None) -> Scores:
    model = SeasonalScorer()
    model.reserve(1)
    out = Scores.empty(values.size)
    times_ns = np.arange(values.size) * MINUTE_NS if times_ns is None else times_ns
    model.score_learn_many(np.zeros(values.size, np.int64), times_ns, values, out)
    return out


@pytest.mark.parametrize("interval_secs", [1, 10, 60, 300])
@pytest.mark.parametrize("noise", ["gaussian", "daily", "lognormal", "poisson(30)"])
def test_a_spike_in_a_fresh_series_alarms_and_noise_does_not(noise: str, interval_secs: int) -> None:
    rng = np.random.default_rng(11)
    series = np.array([NOISES[noise](rng, 2000) for _ in range(20)])
    tails = get_tails(series, interval_secs)
    assert (tails[:, 100:] < 1e-5).mean() < 1e-4
    assert (tails[:, 100:] < 1e-2).mean() < 0.02
    spiked = get_tails(inject(series, "spike 20", 300), interval_secs)
    assert (spiked[:, 300] < 1e-5).mean() >= 0.9
    np.testing.assert_array_equal(spiked[:, :300], tails[:, :300])


def test_band_covers_gaussian_noise() -> None:
    values = NOISES["gaussian"](np.random.default_rng(3), 20_000)
    out = score(values)
    inside = np.abs(values - out.expected)[1000:] < 3.0 * out.scale[1000:]
    assert 0.98 < inside.mean() < 1.0


def test_parts_add_up_to_the_point_score() -> None:
    values = NOISES["daily"](np.random.default_rng(4), 1500)
    model = SeasonalScorer()
    model.reserve(1)
    points = model.score_parts_many(np.zeros(1500, np.int64), np.arange(1500) * MINUTE_NS, values, Scores.empty(1500))
    weights = [1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.5, 0.25, 0.25]
    np.testing.assert_allclose(points.point_score, np.log1p(points.parts) @ weights, rtol=1e-12, atol=1e-12)
    assert points.parts[-1].min() > 0.0
    assert model.describe(0)["part_season"] == points.parts[-1, 0]


def test_a_constant_series_is_silent_and_its_first_change_is_not() -> None:
    values = np.full(1000, 7.25)
    values[900] = 8.0
    out = score(values)
    assert out.score[:900].max() < 0.9
    assert out.score[900] > 1.0 - 1e-5


def make_counter() -> npt.NDArray[np.float64]:
    return 1e12 + np.cumsum(np.random.default_rng(5).poisson(50, 5000)).astype(np.float64)


def test_a_counter_is_scored_by_its_rate() -> None:
    counter = make_counter()
    out = score(counter)
    assert (out.score > 1.0 - 1e-5).mean() < 1e-3
    steps = counter[1000:] - counter[999:-1]
    assert np.abs(out.expected[1000:] - counter[999:-1] - 50.0).max() < 15.0
    assert (np.abs(counter - out.expected)[1000:] < 3.0 * out.scale[1000:]).mean() > 0.98
    assert 0.7 * steps.std() < np.median(out.scale[1000:]) < 1.5 * steps.std()


def test_a_counter_that_stalls_or_races_alarms_and_one_that_is_reset_does_not() -> None:
    counter = make_counter()
    steps = np.diff(counter, prepend=counter[0] - 50.0)
    stalled = counter[0] + np.cumsum(np.where(np.arange(5000) // 5 == 600, 0.0, steps))
    assert score(stalled).score[3000:3005].max() > 1.0 - 1e-5
    raced = counter[0] + np.cumsum(np.where(np.arange(5000) == 3000, 20.0 * steps, steps))
    assert score(raced).score[3000] > 1.0 - 1e-5
    # After a restart the first sample has a part of an interval in it, or nothing yet.
    for part in (1.0, 0.3, 0.0):
        reset = counter.copy()
        reset[3000:] -= counter[3000] - part * (counter[3000] - counter[2999])
        assert score(reset).score[2900:].max() < 1.0 - 1e-4, part
    crashing = reset.copy()
    crashing[3001:3030] = 0.0
    assert score(crashing).score[3000] < 1.0 - 1e-4
    assert score(crashing).score[3001:3006].max() > 1.0 - 1e-5


def test_a_counter_does_not_care_how_far_apart_its_samples_are() -> None:
    counter = make_counter()
    kept = np.random.default_rng(9).random(5000) < 0.7
    out = score(counter[kept], np.flatnonzero(kept) * MINUTE_NS)
    assert (out.score > 1.0 - 1e-5).mean() < 1e-3


def test_a_gauge_is_no_counter() -> None:
    model = SeasonalScorer()
    model.reserve(4)
    rng = np.random.default_rng(2)
    n = 2000
    gauges = [
        100.0 + rng.normal(0.0, 1.0, n),
        rng.poisson(1.0, n).astype(np.float64),
        np.full(n, 3.0),
        100.0 - np.arange(n) * 0.01,
    ]
    times_ns = np.arange(n, dtype=np.int64) * MINUTE_NS
    for slot, gauge in enumerate(gauges):
        model.score_learn_many(np.full(n, slot), times_ns, gauge, Scores.empty(n))
        assert not model.describe(slot)["is_counter"], slot
    rising_and_falling = np.concatenate([np.arange(200.0), 199.0 - 0.1 * np.arange(200.0)])
    model.reset(np.zeros(1, np.int64))
    zeros = np.zeros(200, np.int64)
    model.score_learn_many(zeros, times_ns[:200], rising_and_falling[:200], Scores.empty(200))
    assert model.describe(0)["is_counter"]
    model.score_learn_many(zeros, times_ns[200:400], rising_and_falling[200:], Scores.empty(200))
    assert not model.describe(0)["is_counter"]
    assert model.describe(0)["n_samples"] == 199


def test_shares_of_the_parts() -> None:
    values = NOISES["daily"](np.random.default_rng(4), 1500)
    values[1400] += 60.0
    model, parts, out = SeasonalScorer(), np.empty((1500, 9)), Scores.empty(1500)
    model.reserve(1)
    ready = model.score_learn_parts(np.zeros(1500, np.int64), np.arange(1500) * MINUTE_NS, values, out, parts)
    assert ready[100:].all()
    np.testing.assert_array_equal(out.score, score(values).score)
    shares = model.share_parts(parts[1400])
    assert shares[0][0] == "season"
    assert sum(share for _, share in shares) == pytest.approx(1.0)
    assert model.share_parts(np.zeros(9)) == model.share_parts(np.full(9, np.nan)) == ()


@given(
    values=st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=200),
    times_ns=st.lists(st.integers(-(2**62), 2**62), min_size=200, max_size=200),
)
@settings(deadline=None, max_examples=60)
def test_any_values_at_any_times_give_scores_in_range(values: list[float], times_ns: list[int]) -> None:
    out = score(np.array(values), np.array(times_ns[: len(values)]))
    assert np.isfinite(out.score).all()
    assert ((out.score >= 0.0) & (out.score < 1.0)).all()
    assert all(out.score[i] == 0.0 for i, value in enumerate(values) if not math.isfinite(value))


def test_state_stays_under_three_kilobytes() -> None:
    assert SeasonalScorer().slot_nbytes < 3000


@pytest.mark.parametrize(("name", "least"), [("mscloud", 0.65), ("kpi", 0.55), ("asd", 0.55)])
def test_point_scores_on_the_labelled_sets(name: str, least: float) -> None:
    shared = find_shared()
    if shared is None:
        pytest.skip("no labelled data: set STREAMWARDEN_SHARED")
    labelled = load_labelled_set(name, shared)
    scores = np.array([score_metric("default", labelled, metric) for metric in range(len(labelled.metrics))])
    figure, n_series = get_macro_average_precision(labelled, score_moments(scores))
    assert figure >= least
    assert n_series == {"mscloud": 54, "kpi": 29, "asd": 12}[name]
