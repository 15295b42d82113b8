"""A lane is a pure function of its log: how records are fetched, what else is in the log, and restarts change nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config.schema import Config
from pipeline.engine.anomaly import Anomaly
from pipeline.engine.lane import Lane
from pipeline.engine.lane_output import LaneOutput
from tests.properties.lane_run import facts, make_lane, published, run_lane
from tests.properties.naughty_log import NAUGHTY, START_MS, Row, batch_of, make_config, naughty_log, split

SEEDS = st.integers(0, 2**32)


def run(config: Config, pieces: Sequence[Sequence[Row]], emit_from_offset: int = 0) -> tuple[Lane, LaneOutput]:
    lane = make_lane(config)
    return lane, run_lane(lane, map(batch_of, pieces), emit_from_offset)


@settings(max_examples=60, deadline=None)
@given(
    seed=SEEDS,
    n=st.integers(1, 500),
    cuts=st.lists(st.integers(0, 500), max_size=12),
    max_series=st.sampled_from([2, 6, 50]),
    evict_after_secs=st.sampled_from([40.0, 400.0]),
    step_secs=st.sampled_from([0.1, 1.0, 12.0]),
)
def test_any_cut_into_batches_equals_one_record_at_a_time(
    seed: int, n: int, cuts: list[int], max_series: int, evict_after_secs: float, step_secs: float
) -> None:
    config = make_config(max_series=max_series, evict_after_secs=evict_after_secs)
    rows = naughty_log(seed, n, step_secs=step_secs)
    lane_one, by_one = run(config, [[row] for row in rows])
    lane_cut, by_cut = run(config, split(rows, cuts))
    assert published(by_cut.anomalies) == published(by_one.anomalies)
    assert by_cut.dead_letters == by_one.dead_letters
    assert facts(lane_cut) == facts(lane_one)


@pytest.mark.parametrize("model", ["default", "half_space_trees", "loda", "local_outlier_factor"])
def test_models_that_keep_more_are_no_exception(model: str) -> None:
    config = make_config(model=model)
    rows = naughty_log(3, 1_500)
    _, by_one = run(config, [[row] for row in rows])
    _, by_cut = run(config, split(rows, range(0, 1_500, 211)))
    assert by_one.anomalies
    assert published(by_cut.anomalies) == published(by_one.anomalies)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, n=st.integers(2, 500), at=st.integers(0, 500), cuts=st.lists(st.integers(0, 500), max_size=4))
def test_what_comes_after_a_replay_is_what_came_before_it(seed: int, n: int, at: int, cuts: list[int]) -> None:
    config = make_config()
    rows = naughty_log(seed, n)
    emit_from = rows[min(at, n - 1)][0]
    lane, whole = run(config, [rows])
    lane_again, again = run(config, split(rows, cuts), emit_from)
    assert published(again.anomalies) == [anomaly.to_json() for anomaly in whole.anomalies if anomaly.offset >= emit_from]
    assert again.dead_letters == [letter for letter in whole.dead_letters if letter.offset >= emit_from]
    n_replayed = sum(row[0] < emit_from for row in rows)
    assert lane_again.accounting.replayed == n_replayed
    assert sum(lane_again.accounting.records.values()) == n - n_replayed
    assert sum(lane_again.accounting.samples.values()) <= sum(lane.accounting.samples.values())
    assert lane_again.coverage == lane.coverage


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, n=st.integers(2, 300), overlap=st.integers(1, 100))
def test_records_that_were_taken_already_are_passed_over(seed: int, n: int, overlap: int) -> None:
    config = make_config()
    rows = naughty_log(seed, n)
    middle = n // 2
    lane, whole = run(config, [rows])
    lane_twice, twice = run(config, [rows[:middle], rows[max(middle - overlap, 0) :]])
    assert published(twice.anomalies) == published(whole.anomalies)
    assert facts(lane_twice) == facts(lane)


def test_ids_are_unique_and_every_episode_is_opened_before_anything_else_is_said_of_it() -> None:
    _, output = run(make_config(), [naughty_log(11, 6_000)])
    assert len({anomaly.id for anomaly in output.anomalies}) == len(output.anomalies) > 100
    is_open: dict[str, bool] = {}
    for anomaly in output.anomalies:
        if anomaly.phase == "opened":
            assert anomaly.episode_id == anomaly.id
            assert anomaly.id not in is_open
            is_open[anomaly.id] = True
        else:
            assert is_open[anomaly.episode_id], anomaly
            is_open[anomaly.episode_id] = anomaly.phase == "continued"
    offsets = [(anomaly.offset, anomaly.position) for anomaly in output.anomalies]
    assert offsets == sorted(offsets)


def test_anomalies_survive_the_way_through_json() -> None:
    _, output = run(make_config(), [naughty_log(5, 2_000)])
    for raw in published(output.anomalies):
        assert Anomaly.from_json(raw).to_json() == raw


@settings(max_examples=50, deadline=None)
@given(seed=SEEDS, others=SEEDS)
def test_other_series_change_nothing_about_what_is_said_of_the_samples_of_one(seed: int, others: int) -> None:
    # Silence and eviction go by the watermark of all, and the ceiling by their number: both out of the way here.
    config = make_config(max_series=1_000, evict_after_secs=1e9)
    rng = np.random.default_rng(seed)
    own: list[tuple[float, bytes]] = []
    for i, value in enumerate(rng.normal(size=300).tolist()):
        own.append((float(i), _record("cpu", "own", i * 1000 - (7_000 if i % 50 == 49 else 0), 99.0 if i == 250 else value)))
    rng = np.random.default_rng(others)
    noise = [
        (float(rng.uniform(0, 300)), _record(str(rng.choice(["cpu", "net", "disk"])), f"o{i % 7}", i * 400, float(rng.normal())))
        for i in range(600)
    ]
    mixed = sorted(own + noise, key=lambda pair: pair[0])
    alone = [(i, START_MS + 400_000, None, value) for i, (_, value) in enumerate(own)]
    amid = [(i, START_MS + 400_000, None, value) for i, (_, value) in enumerate(mixed)]
    told = []
    for rows in (alone, amid):
        _, output = run(config, [rows])
        told.append(
            [
                {k: v for k, v in anomaly.to_dict().items() if k not in ("id", "episode_id", "source")}
                for anomaly in output.anomalies
                if anomaly.kind == "point" and anomaly.series.get("host") == "own"
            ]
        )
    assert told[0] == told[1]
    assert told[0]


def _record(name: str, host: str, at_ms: int, value: float) -> bytes:
    return json.dumps({"name": name, "labels": {"host": host}, "ts": START_MS + at_ms, "value": value}).encode()


@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(
        st.one_of(
            st.none(),
            st.binary(max_size=60),
            st.sampled_from(NAUGHTY),
            st.builds(
                lambda *parts: json.dumps(dict(zip(("name", "ts", "value", "labels"), parts, strict=True))).encode(),
                st.one_of(st.text(max_size=8), st.none(), st.integers()),
                st.one_of(st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=30), st.none()),
                st.one_of(st.floats(), st.integers(), st.text(max_size=5), st.booleans()),
                st.one_of(st.none(), st.dictionaries(st.text(max_size=5), st.one_of(st.text(max_size=5), st.integers()))),
            ),
        ),
        max_size=60,
    ),
    timestamps=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=60, max_size=60),
    cut=st.integers(0, 60),
)
def test_whatever_the_bytes_every_record_ends_in_one_outcome(values: list[bytes | None], timestamps: list[int], cut: int) -> None:
    config = make_config()
    rows: list[Row] = [(i, timestamps[i], None, value) for i, value in enumerate(values)]
    lane, output = run(config, split(rows, [cut]))
    lane.accounting.check()
    assert sum(lane.accounting.records.values()) == lane.accounting.consumed == len(rows)
    assert len(output.dead_letters) == lane.accounting.records["dead_lettered"]
    for letter in output.dead_letters:
        assert letter.value == values[letter.offset]
        assert letter.timestamp_ms == timestamps[letter.offset]
    assert lane.watermark_ns < 7_258_118_400 * 10**9


def test_two_processes_give_the_same_bytes() -> None:
    script = (
        "from tests.properties.test_lane_batching import *\n"
        "import hashlib, sys\n"
        "_, output = run(make_config(), [naughty_log(5, 1500)])\n"
        "sys.stdout.write(hashlib.sha256(b'\\n'.join(published(output.anomalies))).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("0", "1")
    }
    assert len(digests) == 1
