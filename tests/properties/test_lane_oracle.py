"""The lane against one that can be read: same outcomes, same reasons, same anomalies, in the same order."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config.schema import Config
from tests.properties.lane_run import make_lane
from tests.properties.naive_lane import NaiveLane
from tests.properties.naughty_log import Row, batch_of, make_config, naughty_log


def compare(config: Config, rows: list[Row]) -> NaiveLane:
    naive = NaiveLane(config)
    for row in rows:
        naive.take(row)
    lane = make_lane(config)
    output = lane.process(batch_of(rows))
    told = [(a.offset, a.kind, a.phase, a.detector, str(a.series)) for a in output.anomalies]
    assert told == naive.told
    assert [(letter.offset, letter.code) for letter in output.dead_letters] == naive.dead
    assert lane.accounting.records == naive.outcomes
    assert dict(lane.accounting.reasons) == naive.reasons
    assert lane.accounting.anomalous == naive.anomalous
    assert lane.watermark_ns == naive.watermark
    coverage = lane.coverage
    assert coverage.n_series == len(naive.series)
    assert coverage.n_silent == sum(one.is_silent for one in naive.series.values())
    return naive


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    n=st.integers(1, 600),
    max_series=st.sampled_from([2, 6, 50]),
    evict_after_secs=st.sampled_from([40.0, 400.0, 86_400.0]),
    step_secs=st.sampled_from([0.1, 1.0, 12.0]),
)
def test_every_log_comes_to_the_same_as_told_literally(
    seed: int, n: int, max_series: int, evict_after_secs: float, step_secs: float
) -> None:
    compare(make_config(max_series=max_series, evict_after_secs=evict_after_secs), naughty_log(seed, n, step_secs=step_secs))


@pytest.mark.parametrize("model", ["gaussian_scorer", "half_space_trees", "default"])
def test_a_long_log_holds_everything_the_comparison_is_for(model: str) -> None:
    naive = compare(make_config(model=model), naughty_log(7, 6_000))
    seen = Counter((kind, phase) for _, kind, phase, _, _ in naive.told)
    for kind, phase in (("point", "opened"), ("point", "cleared"), ("absence", "opened"), ("absence", "cleared")):
        assert seen[kind, phase] > 3, seen
    assert seen["point", "continued"] > 0, seen
    assert all(naive.outcomes[name] > 20 for name in naive.outcomes), naive.outcomes
    assert {reason for outcome, reason in naive.reasons if outcome == "filtered"} == {"ceiling", "no_detector", "empty"}
    assert naive.anomalous["folded"] > 0
    assert naive.anomalous["direction"] > 0
