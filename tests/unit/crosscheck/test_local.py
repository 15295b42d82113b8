"""The local provider: it confirms spikes, refutes what is usual, and says when it cannot tell."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.clock import ManualClock
from pipeline.config import schema
from pipeline.config.options import sections_of
from pipeline.config.schema import CrosscheckSettings
from pipeline.crosscheck.forest import look_at
from pipeline.crosscheck.local import LocalProvider, silence_tail
from pipeline.crosscheck.neighbours import level_tail, shape_tail
from pipeline.crosscheck.registry import PROVIDER_BUILDERS, build_provider
from pipeline.crosscheck.tail import conformal_tail
from pipeline.engine.anomaly import Anomaly
from tests.stories.timeline import make_anomaly

PROVIDERS = {
    family: LocalProvider(schema.LocalProvider.model_validate({"family": family}))
    for family in ("random_cut_forest", "nearest_neighbours")
}
PROVIDER = PROVIDERS["nearest_neighbours"]
EXAMPLES = {
    "CloudWatchProvider": {"metrics": [{}]},
    "OpenSearchProvider": {"endpoint_url": "https://search.example", "detectors": [{"name": "d", "detector_id": "d1"}]},
    "AmpProvider": {"workspace_id": "ws-1", "detectors": [{"alias": "a"}]},
    "EnsembleProvider": {"members": [{"type": "local"}, {"type": "cloudwatch", "metrics": [{}]}]},
    "LookoutProvider": {"detectors": [{"name": "d", "measures": {"m": {"metric": "m"}}}]},
}
NOISE = {
    "normal": lambda rng, n: rng.normal(10, 1, n),
    "lognormal": lambda rng, n: rng.lognormal(1, 0.4, n),
    "uniform": lambda rng, n: rng.uniform(0, 5, n),
    "poisson": lambda rng, n: rng.poisson(5, n).astype(float),
    "ramp": lambda rng, n: np.arange(n) + rng.normal(0, 0.5, n),
    "sine": lambda rng, n: 50 + 20 * np.sin(2 * np.pi * np.arange(n) / 20) + rng.normal(0, 1, n),
}


def with_context(values: object, times: object | None = None, **fields: object) -> Anomaly:
    values = [float(value) for value in values]  # type: ignore[attr-defined]
    times = [10**10 * i for i in range(len(values))] if times is None else [int(one) for one in times]  # type: ignore[attr-defined]
    anomaly = make_anomaly(value=values[-1] if values else 0.0, context_value=tuple(values), context_time_ns=tuple(times))
    return replace(anomaly, **{"event_time_ns": times[-1] if times else 0, "started_ns": times[-1] if times else 0, **fields})  # type: ignore[arg-type]


def judge_many(kind: str, n_context: int, spike: float, family: str, n_trials: int = 60) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    for trial in range(n_trials):
        values = NOISE[kind](np.random.default_rng([5, trial]), n_context)
        if spike:
            residual = np.diff(values)
            values[-1] = values[:-1].max() + spike * 1.4826 * np.median(np.abs(residual - np.median(residual)))
        outcomes[PROVIDERS[family].judge_one(with_context(values)).outcome] += 1
    return outcomes


@pytest.mark.parametrize("family", PROVIDERS)
@pytest.mark.parametrize("kind", NOISE)
def test_a_spike_far_beyond_is_confirmed_and_hardly_ever_refuted(kind: str, family: str) -> None:
    outcomes = judge_many(kind, 64, 10.0, family)
    # On a ramp every level is new, and new levels are what half of the forest's trees are about.
    assert outcomes["confirmed"] >= (40 if (kind, family) == ("ramp", "random_cut_forest") else 50)
    assert outcomes["refuted"] == 0


@pytest.mark.parametrize("family", PROVIDERS)
def test_confirmation_is_in_reach_with_the_least_context(family: str) -> None:
    assert judge_many("normal", 25, 10.0, family)["confirmed"] >= (36 if family == "random_cut_forest" else 54)


@pytest.mark.parametrize("family", PROVIDERS)
@pytest.mark.parametrize("kind", NOISE)
def test_an_ordinary_sample_is_hardly_ever_confirmed_and_mostly_refuted(kind: str, family: str) -> None:
    outcomes = judge_many(kind, 64, 0.0, family)
    assert outcomes["confirmed"] <= 2
    # At the top of a ramp or a sine the level is new, so the two views differ there.
    assert outcomes["refuted"] >= (0 if kind == "ramp" else 36)


@pytest.mark.parametrize("family", PROVIDERS)
def test_a_spike_like_those_before_is_refuted(family: str) -> None:
    values = np.random.default_rng(3).normal(10, 1, 64)
    values[3::6] += 20
    assert PROVIDERS[family].judge_one(with_context(values)).outcome == "refuted"


@pytest.mark.parametrize("family", PROVIDERS)
def test_a_spike_like_those_before_is_never_confirmed(family: str) -> None:
    outcomes = Counter()
    for seed in range(40):
        values = np.random.default_rng(seed).normal(10, 1, 64)
        values[3::6] += 20
        outcomes[PROVIDERS[family].judge_one(with_context(values)).outcome] += 1
    # A spike that is the highest of eleven leaves room for doubt.
    assert outcomes["confirmed"] == 0
    assert outcomes["refuted"] >= 20


@pytest.mark.parametrize("family", PROVIDERS)
def test_a_series_that_never_moved_and_moves_is_confirmed(family: str) -> None:
    verdict = PROVIDERS[family].judge_one(with_context([7.0] * 40 + [8.0]))
    assert verdict.outcome == "confirmed"
    assert verdict.tail_probability is not None
    assert PROVIDERS[family].judge_one(with_context([7.0] * 41)).outcome == "refuted"


@pytest.mark.parametrize("family", PROVIDERS)
def test_samples_of_the_episode_are_not_its_own_history(family: str) -> None:
    values = [*np.random.default_rng(1).normal(10, 1, 60), 40.0, 41.0, 40.5]
    whole = with_context(values, n_anomalous=3)
    assert PROVIDERS[family].judge_one(replace(whole, started_ns=60 * 10**10)).outcome == "confirmed"
    assert PROVIDERS[family].judge_one(whole).outcome != "confirmed"


@pytest.mark.parametrize("n_context", [0, 1, 2, 24])
def test_too_little_context_is_unknown(n_context: int) -> None:
    verdict = PROVIDER.judge_one(with_context(range(n_context)))
    assert (verdict.outcome, verdict.reason) == ("unknown", "too_little_context")
    assert "24 needed" in verdict.detail


def test_gaps_do_not_count_as_context() -> None:
    values = [1.0, float("nan")] * 20 + [9.0]
    assert PROVIDER.judge_one(with_context(values)).reason == "too_little_context"


def test_a_new_template_has_no_history() -> None:
    verdict = PROVIDER.judge_one(with_context([0.0] * 64, kind="new_template"))
    assert (verdict.outcome, verdict.reason, verdict.tail_probability) == ("unknown", "no_history", None)


def silence(intervals: object, silent_secs: float) -> Anomaly:
    times = np.concatenate([[0], np.cumsum(np.asarray(intervals) * 1e9)]).astype(np.int64)
    return with_context([1.0] * len(times), times, kind="absence", event_time_ns=int(times[-1] + silent_secs * 1e9))


def test_silence_of_a_regular_producer_is_confirmed_and_of_an_irregular_one_refuted() -> None:
    rng = np.random.default_rng(2)
    assert PROVIDER.judge_one(silence(10 + rng.normal(0, 0.2, 63), 50)).outcome == "confirmed"
    verdict = PROVIDER.judge_one(silence(rng.exponential(10, 63), 35))
    assert verdict.outcome == "refuted"
    assert verdict.reason == "intervals"
    assert "silent for 35 s" in verdict.detail
    assert PROVIDER.judge_one(silence([10.0] * 10, 50)).reason == "too_little_context"


finite = st.floats(allow_nan=False, allow_infinity=False)


@settings(deadline=None)
@given(st.lists(finite, min_size=0, max_size=70), st.sampled_from(["point", "absence"]))
def test_any_context_gets_a_verdict_and_the_same_one_again(values: list[float], kind: str) -> None:
    anomaly = with_context(values, kind=kind) if values else with_context([], kind=kind)
    for provider in PROVIDERS.values():
        first, second = provider.judge_one(anomaly), provider.judge_one(anomaly)
        assert first == second
        assert first.tail_probability is None or 0 < first.tail_probability <= 1


@given(st.lists(st.floats(-1e6, 1e6), min_size=30, max_size=60), st.floats(-1e6, 1e6), st.sampled_from([0.25, 2.0, 1024.0]))
def test_the_unit_of_the_values_does_not_matter(values: list[float], value: float, factor: float) -> None:
    history = np.array(values) + 1.0
    for view in (level_tail, shape_tail):
        # Powers of two scale without rounding; where the scale is the fallback for flat histories it scales with the level.
        assert view(history * factor, value * factor) == pytest.approx(view(history, value), rel=1e-6)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=5, max_size=70), st.floats(0, 1e7), st.floats(0, 1e7), st.sampled_from([0.0, 1.0]))
def test_a_higher_score_is_never_likelier(scores: list[float], one: float, other: float, offset: float) -> None:
    low, high = sorted((one, other))
    array = np.array(scores)
    assert 0 < conformal_tail(array, high, offset) <= conformal_tail(array, low, offset) <= 1


@pytest.mark.parametrize("n", [24, 63])
def test_the_rank_is_a_valid_p_value(n: int) -> None:
    rng = np.random.default_rng(8)
    tails = np.array([conformal_tail(scores[:-1], scores[-1], 1.0) for scores in np.abs(rng.normal(size=(4_000, n + 1)))])
    for level in (0.05, 0.1, 0.3):
        assert np.mean(tails <= level) <= level + 4 * np.sqrt(level * (1 - level) / len(tails))


def test_the_tail_is_continuous_where_the_rank_ends() -> None:
    scores = np.arange(1.0, 64.0)
    assert conformal_tail(scores, 63.0 + 1e-9) == pytest.approx(1 / 64)
    assert conformal_tail(np.zeros(30), 1.0) == 1e-12
    assert conformal_tail(np.array([]), 1.0) == 1.0


def test_silence_seen_before_within_the_context_is_likely() -> None:
    intervals = np.array([1.0] * 62 + [30.0])
    assert silence_tail(intervals, 30.0) > 0.5
    assert silence_tail(intervals, 3_000.0) < silence_tail(intervals, 300.0) < silence_tail(intervals, 31.0)


def test_judging_many_is_judging_one_by_one() -> None:
    anomalies = [with_context(NOISE["normal"](np.random.default_rng(i), 64)) for i in range(5)]
    assert asyncio.run(PROVIDER.judge(anomalies, 60.0)) == [PROVIDER.judge_one(anomaly) for anomaly in anomalies]


def test_every_kind_of_provider_settings_has_a_builder() -> None:
    kinds = set(sections_of(CrosscheckSettings.model_fields["provider"].annotation))
    assert kinds == set(PROVIDER_BUILDERS)
    for kind in kinds:
        built = build_provider(CrosscheckSettings(provider=kind.model_validate(EXAMPLES.get(kind.__name__, {}))), ManualClock())
        assert built is not None
        assert built.name == kind.model_fields["type"].default


@pytest.mark.parametrize("huge", [1e300, 1.7e308, -1.7e308])
@pytest.mark.parametrize("family", PROVIDERS)
def test_values_at_the_end_of_the_range_neither_warn_nor_fail(huge: float, family: str) -> None:
    rng = np.random.default_rng(4)
    for context in ([huge * one for one in rng.uniform(-1, 1, 40)], [*rng.normal(size=40), huge], [huge, -huge] * 20):
        verdict = PROVIDERS[family].judge_one(with_context(context))
        assert verdict.outcome in {"confirmed", "refuted", "unknown"}
        assert verdict.tail_probability is None or 0 < verdict.tail_probability <= 1


def test_the_forest_tells_a_value_from_the_two_before_it() -> None:
    noise = np.random.default_rng(6).normal(10, 1, 60)
    itself, before = look_at(noise, 30.0), look_at(np.append(noise[:-1], 30.0), 10.0)
    assert itself.newest_share > 0.8 > 0.3 > before.newest_share
    assert (
        "% of what it displaces is by this very value"
        in PROVIDERS["random_cut_forest"].judge_one(with_context([*noise, 30.0])).detail
    )


def test_what_the_forest_says_is_a_valid_p_value() -> None:
    rng = np.random.default_rng(9)
    n = 400
    tails = np.array([look_at(values[:-1], values[-1])[:2] for values in rng.normal(size=(n, 40))])
    for level in (0.05, 0.1, 0.3):
        # Shingles overlap, so they are exchangeable only nearly.
        assert (np.mean(tails <= level, axis=0) <= level + 4 * np.sqrt(level * (1 - level) / n)).all()
