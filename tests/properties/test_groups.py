"""Groups: vectors as told literally, the same however records are cut, interleaved or restored."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.codecs.record import RecordBatch
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
from pipeline.engine.anomaly import Anomaly
from pipeline.engine.checkpoint import encode_tree, restore_lane, take_checkpoint
from pipeline.engine.group_table import GroupTable
from pipeline.engine.lane import Lane
from pipeline.samples.batch import SampleBatch
from pipeline.samples.labels import LabelSet
from tests.properties.naughty_log import START_MS, Row, split

FEATURES = ["cpu", "mem", "net"]
MODELS = {
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


def run(config: Config, pieces: Sequence[Sequence[Row]]) -> tuple[Lane, list[Anomaly]]:
    lane = Lane(config, config.topics[0], 0, config_hash="h")
    return lane, [one for rows in pieces for one in lane.process(RecordBatch.from_rows("m", 0, rows)).anomalies]


def told(anomalies: Sequence[Anomaly]) -> list[bytes]:
    return [one.to_json() for one in anomalies]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    n=st.integers(1, 800),
    cuts=st.lists(st.integers(0, 800), max_size=8),
    missing=st.sampled_from(["last", "absent", "skip"]),
    evict_after_secs=st.sampled_from([100.0, 1e6]),
)
def test_any_cut_equals_one_record_at_a_time(seed: int, n: int, cuts: list[int], missing: str, evict_after_secs: float) -> None:
    config = make_config(missing=missing, evict_after_secs=evict_after_secs)
    rows = log_of(seed, n)
    lane_one, by_one = run(config, [[row] for row in rows])
    lane_cut, by_cut = run(config, split(rows, cuts))
    assert told(by_cut) == told(by_one)
    assert lane_cut.accounting.to_dict() == lane_one.accounting.to_dict()
    assert lane_cut.coverage == lane_one.coverage
    assert encode_tree(lane_cut.snapshot()["head"]) == encode_tree(lane_one.snapshot()["head"])


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32), at=st.integers(0, 800), model=st.sampled_from(list(MODELS)))
def test_restored_at_any_cut_it_goes_on(seed: int, at: int, model: str) -> None:
    config = make_config(model, evict_after_secs=300.0)
    rows = log_of(seed, 800)
    lane, _ = run(config, [rows[:at]])
    copy = Lane(config, config.topics[0], 0, config_hash="h")
    restore_lane(copy, take_checkpoint(lane, is_full=True).encode())
    rest = RecordBatch.from_rows("m", 0, rows[at:], next_offset=800)
    assert told(copy.process(rest).anomalies) == told(lane.process(rest).anomalies)
    assert encode_tree(copy.snapshot()["head"]) == encode_tree(lane.snapshot()["head"])


def test_a_sample_that_is_too_late_for_its_period_and_of_no_use_elsewhere_counts_as_late() -> None:
    config = make_config()
    lane = Lane(config, config.topics[0], 0, config_hash="h")

    def send(offset: int, name: str, secs: float) -> None:
        ts = START_MS + round(secs * 1000)
        record = b'{"name":"%s","ts":%d,"value":1,"labels":{"host":"n0","kind":"node"}}' % (name.encode(), ts)
        lane.process(RecordBatch.from_rows("m", 0, [(offset, ts, None, record)]))

    for i in range(10):
        send(2 * i, "mem", 10.0 * i)
        send(2 * i + 1, "cpu", 10.0 * i)
    send(20, "mem", 68.0)
    send(21, "cpu", 68.0)
    counts = lane.accounting.to_dict()
    assert counts["reasons"] == {"late": {"group_period": 1}}
    assert counts["records"]["late"] == counts["samples"]["late"] == 1
    assert counts["records"]["scored"] == 21


def test_a_snapshot_can_be_gone_back_to_again_and_again() -> None:
    config = make_config(evict_after_secs=300.0)
    rows = log_of(9, 1_500)
    snapshot = run(config, [rows[:700]])[0].snapshot()
    before = encode_tree(snapshot)
    outputs = []
    for _ in range(2):
        lane = Lane(config, config.topics[0], 0, config_hash="h")
        lane.restore(snapshot)
        outputs.append(told(lane.process(RecordBatch.from_rows("m", 0, rows[700:])).anomalies))
        assert encode_tree(snapshot) == before
    assert outputs[0] == outputs[1]
    assert outputs[0]


@pytest.mark.parametrize("model", list(MODELS))
def test_an_unusual_combination_is_told_with_who_is_to_blame(model: str) -> None:
    lane, anomalies = run(make_config(model), [log_of(3, 6_000)])
    grouped = [one for one in anomalies if one.detector == "node" and one.kind == "point"]
    seen = Counter(one.phase for one in grouped)
    assert seen["opened"] > 0
    assert seen["cleared"] > 0
    assert len({one.id for one in anomalies}) == len(anomalies)
    for one in grouped:
        assert one.series.name == "node"
        assert set(one.series.to_dict()) == {"__name__", "host"}
        assert {name for name, _ in one.contributors} == set(FEATURES)
        shares = [share for _, share in one.contributors]
        assert shares == sorted(shares, reverse=True)
        assert math.isnan(one.value)
        if one.phase != "cleared":
            assert "is an unusual combination" in one.explanation
    # Series that only the group is for are scored, and the search goes on for the others.
    assert lane.accounting.records["filtered"] == 0
    assert {one.detector for one in anomalies} == {"node", "each"}


def test_a_group_whose_series_are_all_forgotten_is_closed_with_them() -> None:
    config = make_config(evict_after_secs=100.0)
    rows = log_of(3, 6_000)
    lane, anomalies = run(config, [rows])
    is_open: dict[str, bool] = {}
    for one in anomalies:
        if one.kind == "point":
            is_open[one.episode_id] = one.phase != "cleared"
    evicted = [one for one in anomalies if one.detector == "node" and one.kind == "point" and "was evicted" in one.explanation]
    assert evicted
    assert not any(is_open[one.episode_id] for one in evicted)
    head = lane.snapshot()["head"]["flow"]["groups"]["node"]
    live = {labels["host"] for labels in head["table"]["labels"] if labels is not None}
    assert live == {labels.get("host") for _, labels in lane._flow.index if labels.name in FEATURES}


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), missing=st.sampled_from(["last", "absent", "skip"]))
def test_vectors_are_those_of_a_table_kept_by_hand(seed: int, missing: str) -> None:
    rng = np.random.default_rng(seed)
    group = GroupSettings(by=["host"], features=["a", "b"], period_secs=10.0, wait_secs=3.0, missing=missing, hold_periods=2)  # type: ignore[arg-type]
    table = GroupTable("g", group)
    table.reserve_slots(6)
    for slot in range(6):
        table.add(slot, LabelSet({"__name__": "ab"[slot % 2], "host": str(slot // 2)}))
    by_hand: dict[int, dict[int, list[float]]] = {}
    last = [[(math.nan, -9), (math.nan, -9)] for _ in range(3)]
    n_closed = 0
    watermark = 0
    for _ in range(30):
        n = int(rng.integers(0, 6))
        slots = rng.integers(0, 6, n)
        secs = np.maximum(watermark + rng.integers(-25, 12, n), 0)
        values = rng.normal(size=n)
        for slot, at, value in zip(slots.tolist(), secs.tolist(), values.tolist(), strict=True):
            if at // 10 >= n_closed:
                by_hand.setdefault(at // 10, {}).setdefault(slot // 2, [math.nan, math.nan])[slot % 2] = value
        order = np.arange(n)
        table.take(SampleBatch(slots, secs * 10**9, values, order, order, order))
        watermark = max(watermark, *secs.tolist(), 0)
        expected = []
        while (n_closed + 1) * 10 + 3 <= watermark:
            vectors = []
            for number, own in sorted(by_hand.pop(n_closed, {}).items()):
                held = [value if n_closed - period <= 2 and missing == "last" else math.nan for value, period in last[number]]
                filled = [held[i] if math.isnan(v) else v for i, v in enumerate(own)]
                last[number] = [last[number][i] if math.isnan(v) else (v, n_closed) for i, v in enumerate(own)]
                if missing != "skip" or not any(map(math.isnan, own)):
                    vectors.append((number, filled))
            n_closed += 1
            if vectors:
                expected.append((n_closed * 10 * 10**9, vectors))
        closed = [
            (one.end_ns, list(zip(one.group.tolist(), one.values.tolist(), strict=True)))
            for one in table.close(watermark * 10**9)
        ]
        assert str(closed) == str(expected)
        assert table.due_ns == ((n_closed + 1) * 10 + 3) * 10**9
