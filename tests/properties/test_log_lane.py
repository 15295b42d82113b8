"""Lanes of logs: rates and news are the same however the lines are read, and every line ends in one outcome."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.codecs.record import RecordBatch
from pipeline.config.schema import (
    Config,
    DetectorSettings,
    EpisodeSettings,
    FixedThreshold,
    LogSettings,
    ModelSettings,
    SourceTopic,
)
from pipeline.engine.lane import Lane
from pipeline.engine.lane_output import LaneOutput
from tests.properties.lane_run import make_lane, published, run_lane
from tests.properties.naughty_log import START_MS, Row, split

WORDS = ["disk", "peer", "block", "node", "vote", "cache", "timeout", "started", "failed", "slow", "login", "key"]


def make_config() -> Config:
    return Config(
        version=1,
        topics=[SourceTopic(name="l", kind="logs", format="log_json", lateness_secs=5.0, labels={"region": "eu"})],
        logs=LogSettings(window_secs=10.0, new_template_after_lines=100, max_templates=30),
        detectors=[
            DetectorSettings(
                name="rates",
                model=ModelSettings(type="gaussian_scorer", parameters={"grace_period": 5}),
                threshold=FixedThreshold(type="fixed", score=0.999),
                episode=EpisodeSettings(repeat_secs=30.0, clear_after_samples=2),
                category="application",
            )
        ],
    )


def log_of(seed: int, n: int) -> list[Row]:
    rng = random.Random(seed)
    kinds = [" ".join(rng.choices(WORDS, k=rng.randrange(3, 7))) for _ in range(40)]
    rows: list[Row] = []
    now = 0.0
    for offset in range(n):
        now += rng.choice([0.0, 0.1, 0.5, 1.0])
        if rng.random() < 0.003:
            now += 120.0
        burst = (now // 60) % 7 == 5
        kind = kinds[0] if burst and rng.random() < 0.7 else kinds[min(int(rng.expovariate(0.3)), 39)]
        at = now - (rng.choice([3.0, 30.0]) if rng.random() < 0.05 else 0.0) + (1e6 if rng.random() < 0.01 else 0.0)
        record = {
            "ts": START_MS + round(at * 1000),
            "message": f"{kind} {rng.randrange(1000)}",
            "level": rng.choice(["INFO", "INFO", "ERROR"]),
            "labels": {"service": rng.choice(["api", "db"])},
        }
        value = b"{" if rng.random() < 0.01 else json.dumps(record).encode()
        rows.append((offset, START_MS + round(now * 1000), None, value))
    return rows


def run(pieces: Sequence[Sequence[Row]], emit_from_offset: int = 0) -> tuple[Lane, LaneOutput]:
    lane = make_lane(make_config(), 1)
    return lane, run_lane(lane, (RecordBatch.from_rows("l", 1, rows) for rows in pieces), emit_from_offset)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32), n=st.integers(1, 900), cuts=st.lists(st.integers(0, 900), max_size=8), emit=st.integers(0, 900)
)
def test_any_cut_equals_one_line_at_a_time_and_a_replay_tells_the_rest(seed: int, n: int, cuts: list[int], emit: int) -> None:
    rows = log_of(seed, n)
    lane_one, by_one = run([[row] for row in rows])
    lane_cut, by_cut = run(split(rows, cuts))
    assert published(by_cut.anomalies) == published(by_one.anomalies)
    assert by_cut.dead_letters == by_one.dead_letters
    assert lane_cut.accounting.to_dict() == lane_one.accounting.to_dict()
    assert lane_cut.coverage == lane_one.coverage
    _, replayed = run(split(rows, cuts), emit)
    assert published(replayed.anomalies) == published(one for one in by_one.anomalies if one.offset >= emit)


@pytest.mark.parametrize("seed", [1, 2])
def test_bursts_and_news_are_told_with_the_line_behind_them(seed: int) -> None:
    lane, output = run([log_of(seed, 6_000)])
    seen = Counter((one.kind, one.phase) for one in output.anomalies)
    assert {kind for kind, _ in seen} == {"point", "new_template"}
    assert seen["new_template", "cleared"] >= 3
    assert seen["point", "opened"] >= 3
    assert len({one.id for one in output.anomalies}) == len(output.anomalies)
    by_id = {one.id: one for one in output.anomalies}
    for one in output.anomalies:
        assert one.series.get("region") == "eu"
        if one.kind == "new_template":
            assert one.example
            assert by_id[one.episode_id].series == one.series
        elif one.phase == "opened" and one.value > one.expected:
            assert one.example
            assert one.explanation.endswith(f'the first of them: "{one.example}".')
    counts = lane.accounting.to_dict()
    assert counts["records"]["late"] == counts["reasons"]["late"]["late"] > 0
    assert counts["reasons"]["dead_lettered"]["TIME_FUTURE"] > 0
    assert lane.coverage.n_silent == 0
