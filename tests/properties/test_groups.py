"""Groups: vectors as told literally, the same however records are cut, interleaved or restored."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.codecs.record import RecordBatch
from pipeline.config.schema import Config, GroupSettings, TailThreshold
from pipeline.engine.anomaly import Anomaly
from pipeline.engine.checkpoint import encode_tree, restore_lane, take_checkpoint
from pipeline.engine.explanation import format_number
from pipeline.engine.group_table import GroupTable
from pipeline.engine.lane import Lane
from pipeline.samples.batch import SampleBatch
from pipeline.samples.labels import LabelSet
from tests.properties.group_log import (
    FEATURES,
    FILTERED,
    MODELS,
    PREDICTING,
    log_of,
    make_config,
    make_filter_config,
    make_target_config,
)
from tests.properties.lane_run import make_lane, published, run_lane
from tests.properties.naughty_log import START_MS, Row, split


def run(config: Config, pieces: Sequence[Sequence[Row]]) -> tuple[Lane, list[Anomaly]]:
    lane = make_lane(config, 0)
    return lane, run_lane(lane, (RecordBatch.from_rows("m", 0, rows) for rows in pieces)).anomalies


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
    assert published(by_cut) == published(by_one)
    assert lane_cut.accounting.to_dict() == lane_one.accounting.to_dict()
    assert lane_cut.coverage == lane_one.coverage
    assert encode_tree(lane_cut.snapshot()["head"]) == encode_tree(lane_one.snapshot()["head"])


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32), at=st.integers(0, 800), model=st.sampled_from(list(MODELS)))
def test_restored_at_any_cut_it_goes_on(seed: int, at: int, model: str) -> None:
    config = make_config(model, evict_after_secs=300.0)
    rows = log_of(seed, 800)
    lane, _ = run(config, [rows[:at]])
    copy = make_lane(config, 0)
    restore_lane(copy, take_checkpoint(lane, is_full=True).encode())
    rest = RecordBatch.from_rows("m", 0, rows[at:], next_offset=800)
    assert published(copy.process(rest).anomalies) == published(lane.process(rest).anomalies)
    assert encode_tree(copy.snapshot()["head"]) == encode_tree(lane.snapshot()["head"])


def test_a_sample_that_is_too_late_for_its_period_and_of_no_use_elsewhere_counts_as_late() -> None:
    config = make_config()
    lane = make_lane(config, 0)

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
        lane = make_lane(config, 0)
        lane.restore(snapshot)
        outputs.append(published(lane.process(RecordBatch.from_rows("m", 0, rows[700:])).anomalies))
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


@pytest.mark.parametrize("name", list(PREDICTING))
def test_a_target_is_predicted_and_told_with_what_was_expected(name: str) -> None:
    config = make_target_config(name, missing="absent")
    lane, anomalies = run(config, [log_of(3, 3_000)])
    grouped = [one for one in anomalies if one.detector == "node" and one.kind == "point" and one.phase != "cleared"]
    assert len(grouped) >= 1
    for one in grouped:
        assert math.isfinite(one.value)
        assert math.isfinite(one.expected)
        assert {feature for feature, _ in one.contributors} == set(FEATURES)
        shares = dict(one.contributors)
        if name in ("one_value", "river_one_value"):
            assert shares["mem"] == one.score
            assert shares["cpu"] == shares["net"] == 0.0
        else:
            assert shares["mem"] == pytest.approx(abs(one.value - one.expected))
            assert max(shares.values()) == shares["mem"]
        side = "above" if one.value > one.expected else "below"
        assert f": mem is {format_number(one.value)}, " in one.explanation
        assert f"{side} the expected {format_number(one.expected, 4)}, at cpu " in one.explanation
    assert any(one.value > one.expected for one in grouped)
    assert lane.take_faults() == []
    # What lies on the other side is no anomaly, and is counted.
    above, found = run(make_target_config(name, missing="absent", direction="above"), [log_of(3, 3_000)])
    sides = [
        one.value > one.expected for one in found if one.detector == "node" and one.kind == "point" and one.phase != "cleared"
    ]
    assert sides
    assert all(sides)
    assert (above.accounting.anomalous["direction"] > 0) == any(one.value < one.expected for one in grouped)


@pytest.mark.parametrize(
    ("name", "missing"), [(name, ["last", "absent", "skip"][i % 3]) for i, name in enumerate([*PREDICTING, *FILTERED])]
)
def test_models_inside_models_go_on_from_any_cut(name: str, missing: str) -> None:
    config = make_target_config(name, missing=missing) if name in PREDICTING else make_filter_config(name)
    rows = log_of(5, 700)
    lane, whole = run(config, [rows])
    cut_up, told_cut_up = run(config, [rows[i : i + 3] for i in range(0, len(rows), 3)])
    assert published(told_cut_up) == published(whole)
    assert encode_tree(cut_up.snapshot()["head"]) == encode_tree(lane.snapshot()["head"])
    first, before = run(config, [rows[:400]])
    second = make_lane(config, 0)
    restore_lane(second, take_checkpoint(first, is_full=True).encode())
    after = second.process(RecordBatch.from_rows("m", 0, rows[400:])).anomalies
    assert published([*before, *after]) == published(whole)
    assert encode_tree(second.snapshot()["head"]) == encode_tree(lane.snapshot()["head"])
    assert second.coverage == lane.coverage


@pytest.mark.parametrize("name", ["predictive", "river_predictive"])
def test_what_was_expected_has_a_band_where_the_model_knows_its_spread(name: str) -> None:
    config = make_target_config(name)
    node, each = config.detectors
    cut = TailThreshold(probability=0.3, min_samples=10)
    config = config.model_copy(update={"detectors": [node.model_copy(update={"threshold": cut}), each]})
    told_of = [one for one in run(config, [log_of(3, 3_000)])[1] if one.detector == "node" and one.kind == "point"]
    found = [one for one in told_of if one.phase != "cleared"]
    assert len(found) > 3
    for one in found:
        assert one.lower < one.expected < one.upper
        assert one.upper - one.expected == pytest.approx(one.expected - one.lower)
        assert f"(band {format_number(one.lower, 4)} to {format_number(one.upper, 4)})" in one.explanation


def test_a_target_is_never_held_and_without_it_there_is_no_vector() -> None:
    table = GroupTable("g", GroupSettings(by=["host"], features=["a", "b"], period_secs=10.0, wait_secs=0.0, target="b"), "b")
    table.reserve_slots(2)
    for slot in range(2):
        table.add(slot, LabelSet({"__name__": "ab"[slot], "host": "h"}))

    def send(secs: int, *pairs: tuple[int, float]) -> None:
        slots, values = np.array([slot for slot, _ in pairs]), np.array([value for _, value in pairs])
        order = np.arange(len(pairs))
        table.take(SampleBatch(slots, np.full(len(pairs), secs * 10**9), values, order, order, order))

    send(5, (0, 1.0), (1, 2.0))
    send(15, (0, 3.0))
    send(25, (1, 4.0))
    closed = [(one.end_ns // 10**9, one.values.tolist()) for one in table.close(30 * 10**9)]
    assert closed == [(10, [[1.0, 2.0]]), (30, [[3.0, 4.0]])]


def test_which_feature_is_the_target_decides_and_the_order_of_the_others_does_not() -> None:
    rows = log_of(3, 3_000)
    found = {}
    for target in FEATURES:
        config = make_target_config("regression")
        group = config.detectors[0].group
        assert group is not None
        detector = config.detectors[0].model_copy(update={"group": group.model_copy(update={"target": target})})
        anomalies = run(config.model_copy(update={"detectors": [detector, config.detectors[1]]}), [rows])[1]
        found[target] = [one.value for one in anomalies if one.detector == "node" and one.kind == "point"]
    assert all(found.values())
    assert len({str(values) for values in found.values()}) == 3


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


@settings(max_examples=200, deadline=None)
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
