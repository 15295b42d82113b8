"""A lane restored at any cut goes on, bit for bit, as the one that was never stopped."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import registry
from pipeline.codecs.record import RecordBatch
from pipeline.config.schema import DetectorSettings, Match, ModelSettings
from pipeline.engine.checkpoint import decode_tree, encode_tree, restore_lane, take_checkpoint
from pipeline.engine.lane import Lane
from pipeline.errors import StateError
from tests.properties import test_log_lane
from tests.properties.lane_run import make_lane, published
from tests.properties.naughty_log import Row, batch_of, make_config, naughty_log, split

SEEDS = st.integers(0, 2**32)


def feed(lane: Lane, rows: Sequence[Row]) -> tuple[list[bytes], list[object]]:
    output = lane.process(batch_of(rows))
    return published(output.anomalies), list(output.dead_letters)


def bytes_of(lane: Lane) -> dict[str, bytes]:
    """Everything there is to know of a lane, without touching what is dirty."""
    snapshot = lane.snapshot()
    for block in snapshot["blocks"].values():
        for detector in block["detectors"].values():
            # What trees were drawn over is known to a model without rows or not; it draws them again when it needs them.
            if not detector["estimator"]["n_rows"]:
                detector["estimator"].pop("masks", None)
    return {"head": encode_tree(snapshot["head"]), **{str(n): encode_tree(block) for n, block in snapshot["blocks"].items()}}


@settings(max_examples=40, deadline=None)
@given(
    seed=SEEDS,
    n=st.integers(2, 500),
    at=st.integers(0, 500),
    max_series=st.sampled_from([2, 6, 50]),
    evict_after_secs=st.sampled_from([40.0, 400.0]),
    model=st.sampled_from(["gaussian_scorer", "default", "half_space_trees"]),
)
def test_restored_at_any_cut_it_goes_on_as_if_never_stopped(
    seed: int, n: int, at: int, max_series: int, evict_after_secs: float, model: str
) -> None:
    config = make_config(max_series=max_series, evict_after_secs=evict_after_secs, model=model)
    rows = naughty_log(seed, n)
    at = min(at, n)
    lane, copy = make_lane(config), make_lane(config)
    feed(lane, rows[:at])
    before = bytes_of(lane)
    restore_lane(copy, take_checkpoint(lane, is_full=True).encode())
    assert bytes_of(copy) == before
    for rest in split(rows[at:], [7, 100]):
        assert feed(copy, rest) == feed(lane, rest)
    assert bytes_of(copy) == bytes_of(lane)
    assert (copy.coverage, copy.watermark_ns) == (lane.coverage, lane.watermark_ns)
    assert copy.accounting.to_dict() == lane.accounting.to_dict()


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, n_series=st.sampled_from([3, 700]), cuts=st.lists(st.integers(0, 2_500), max_size=8))
def test_what_changed_is_enough(seed: int, n_series: int, cuts: list[int]) -> None:
    config = make_config(max_series=n_series, evict_after_secs=60.0)
    rng = random.Random(seed)
    rows = naughty_log(seed, 2_500, n_series=9 if n_series == 3 else 900, step_secs=0.05)
    lane = make_lane(config)
    stored: dict[str, bytes] = {}
    for piece in split(rows, cuts):
        feed(lane, piece)
        checkpoint = take_checkpoint(lane, is_full=not stored)
        if stored and rng.random() < 0.3:
            # The broker was away: the next one makes up for it.
            lane.dirty.put_back(checkpoint.blocks)
            continue
        stored.update(checkpoint.encode())
        copy = make_lane(config)
        restore_lane(copy, stored)
        assert bytes_of(copy) == bytes_of(lane)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, at=st.integers(0, 900))
def test_a_lane_of_logs_as_well(seed: int, at: int) -> None:
    rows = test_log_lane.log_of(seed, 900)
    config = test_log_lane.make_config()
    lane, copy = (make_lane(config, 1) for _ in range(2))

    def take(one: Lane, some: Sequence[Row]) -> list[bytes]:
        return published(one.process(RecordBatch.from_rows("l", 1, some)).anomalies)

    take(lane, rows[:at])
    restore_lane(copy, take_checkpoint(lane, is_full=True).encode())
    assert take(copy, rows[at:]) == take(lane, rows[at:])
    assert bytes_of(copy) == bytes_of(lane)


NEEDED = {
    "river_model": {"path": "river.anomaly.GaussianScorer"},
    "threshold_filter": {"detector": {"model": "gaussian_scorer"}, "threshold": 0.9},
    "quantile_filter": {"detector": {"model": "gaussian_scorer"}, "q": 0.9},
    "predictive_anomaly_detection": {"forecaster": {"model": "snarimax", "parameters": {"p": 2}}},
}
"""Parameters that have no default."""


@pytest.mark.parametrize("name", [name for name in registry.names() if name != "linear_regression"])
def test_every_model_goes_on_in_a_restored_lane_and_is_blind_to_batches(name: str) -> None:
    _require_same_after_restore(name, NEEDED.get(name, {}))


TREES = {"path": "river.anomaly.HalfSpaceTrees", "parameters": {"n_trees": 2, "height": 3, "window_size": 20}}
RIVER: list[tuple[str, dict[str, Any]]] = [
    (
        "river_model",
        {"path": "river.compose.Pipeline", "parameters": {"steps": [{"path": "river.preprocessing.MinMaxScaler"}, TREES]}},
    ),
    ("river_model", {"path": "river.drift.ADWIN"}),
    ("river_model", {"path": "river.time_series.SNARIMAX", "parameters": {"p": 2, "d": 1, "q": 1}}),
    ("threshold_filter", {"detector": {"model": "river_model", "parameters": {"path": "river.anomaly.LODA"}}, "threshold": 1.5}),
]


@pytest.mark.parametrize(("name", "parameters"), RIVER)
def test_any_river_model_goes_on_in_a_restored_lane(name: str, parameters: dict[str, Any]) -> None:
    _require_same_after_restore(name, parameters)


def _require_same_after_restore(name: str, parameters: dict[str, Any]) -> None:
    config = make_config()
    second, main, rest = config.detectors
    model = ModelSettings(type=name, parameters=parameters)
    config = config.model_copy(update={"detectors": [second, main.model_copy(update={"model": model}), rest]})
    rows = naughty_log(5, 1_200)
    lane, copy, by_one = make_lane(config), make_lane(config), make_lane(config)
    feed(lane, rows[:700])
    restore_lane(copy, take_checkpoint(lane, is_full=True).encode())
    after = feed(lane, rows[700:])
    assert feed(copy, rows[700:]) == after
    assert bytes_of(copy) == bytes_of(lane)
    for row in rows[:700]:
        feed(by_one, [row])
    assert ([one for row in rows[700:] for one in feed(by_one, [row])[0]]) == after[0]


def test_only_blocks_that_were_touched_are_written() -> None:
    config = make_config(max_series=2_000, evict_after_secs=1e6)
    lane = make_lane(config)
    rows = [
        (i, 1_700_000_000_000, None, b'{"name":"cpu","labels":{"host":"%d"},"ts":1700000000,"value":1}' % i) for i in range(1_000)
    ]
    feed(lane, rows)
    assert take_checkpoint(lane, is_full=False).blocks == (0, 1, 2, 3)
    assert take_checkpoint(lane, is_full=False).blocks == ()
    feed(lane, [(1_000, 1_700_000_000_000, None, b'{"name":"cpu","labels":{"host":"300"},"ts":1700000001,"value":1}')])
    checkpoint = take_checkpoint(lane, is_full=False)
    assert checkpoint.blocks == (1,)
    assert checkpoint.offset == 1_001
    assert set(checkpoint.encode()) == {"head", "slots-000001"}


def test_a_changed_configuration_keeps_the_detectors_it_did_not_change() -> None:
    old = make_config()
    lane = make_lane(old)
    feed(lane, naughty_log(1, 2_000))
    _second, main, rest = old.detectors
    changed = old.model_copy(
        update={
            "detectors": [
                DetectorSettings(name="new", match=Match(name="disk"), also=True, model=ModelSettings(type="gaussian_scorer")),
                main.model_copy(update={"runbook": "https://runbooks.test"}),
                rest.model_copy(update={"model": ModelSettings(type="ew_scorer")}),
            ]
        }
    )
    copy = Lane(changed, changed.topics[0], 3, config_hash="other")
    restore_lane(copy, take_checkpoint(lane, is_full=True).encode())
    kept, was = snapshot_of(copy, "main"), snapshot_of(lane, "main")
    assert set(was) == set(kept)
    for slot in was:
        assert kept[slot] == was[slot]
    assert list(copy._flow.index) == list(lane._flow.index)
    assert set(snapshot_of(copy, "rest")) == set(snapshot_of(lane, "rest"))
    # It goes on, and the detector with another model begins anew.
    output = copy.process(batch_of(naughty_log(1, 3_000)[2_000:]))
    assert {one.detector for one in output.anomalies} >= {"main"}
    copy.accounting.check()


def snapshot_of(lane: Lane, detector: str) -> dict[int, bytes]:
    own = lane.snapshot()["blocks"][0]["detectors"][detector]
    return {int(slot): bytes(own["threshold"][i]) + bytes(own["episodes"][i]) for i, slot in enumerate(own["slots"])}


def test_another_grid_is_kept_from_the_restored_watermark_on() -> None:
    old = make_config(evict_after_secs=1e6, max_series=50)
    lane = make_lane(old)
    hum = [
        (i, 1_700_000_000_000, None, b'{"name":"cpu","labels":{"host":"%d"},"ts":%d,"value":1}' % (i % 2, 1_700_000_000 + i))
        for i in range(100)
    ]
    feed(lane, hum)
    copy = make_lane(old.model_copy(update={"series": old.series.model_copy(update={"check_interval_secs": 60.0})}))
    restore_lane(copy, take_checkpoint(lane, is_full=True).encode())
    alone = [
        (i, 1_700_000_000_000, None, b'{"name":"cpu","labels":{"host":"0"},"ts":%d,"value":1}' % (1_700_000_000 + i))
        for i in range(100, 300, 2)
    ]
    output = copy.process(batch_of(alone))
    assert [(one.kind, one.phase, one.series.get("host")) for one in output.anomalies] == [("absence", "opened", "1")]


def test_fewer_samples_of_context_keep_the_newest() -> None:
    old = make_config(evict_after_secs=1e6, max_series=50)
    lane = make_lane(old.model_copy(update={"series": old.series.model_copy(update={"context_samples": 32})}))
    feed(lane, naughty_log(1, 1_000))
    copy = make_lane(old)
    restore_lane(copy, take_checkpoint(lane, is_full=True).encode())
    for slot in range(5):
        for mine, theirs in zip(copy._flow.clock.context(slot), lane._flow.clock.context(slot), strict=True):
            assert mine.tolist() == theirs[-8:].tolist()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda snapshot: snapshot["head"].update(version=99), "SNAPSHOT_VERSION"),
        (lambda snapshot: snapshot["head"].update(source=["m", 4]), "SNAPSHOT_SOURCE"),
        (lambda snapshot: snapshot["blocks"][0]["index"].update(slots=np.zeros(1)), "SERIES_INDEX"),
        (lambda snapshot: snapshot["blocks"][0]["clock"].update(rows=np.zeros(1)), "CLOCK_SNAPSHOT"),
        (lambda snapshot: snapshot["blocks"][0]["detectors"]["main"]["estimator"].update(version=99), "MODEL_SNAPSHOT"),
        (lambda snapshot: snapshot["blocks"][0]["detectors"]["main"].update(threshold=np.zeros(1)), "TAIL_ROW"),
        (lambda snapshot: snapshot["blocks"][0]["detectors"]["main"].update(episodes=np.zeros(1)), "EPISODE_ROW"),
    ],
)
def test_what_does_not_fit_is_refused(change: Any, code: str) -> None:
    lane = make_lane(make_config())
    feed(lane, naughty_log(1, 500))
    snapshot = lane.snapshot()
    change(snapshot)
    with pytest.raises(StateError) as caught:
        make_lane(make_config()).restore(snapshot)
    assert caught.value.code == code


def test_a_lane_that_has_taken_records_in_is_not_restored() -> None:
    lane = make_lane(make_config())
    feed(lane, naughty_log(1, 10))
    with pytest.raises(StateError, match="has taken in 10 records"):
        lane.restore(lane.snapshot())


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 10_000), junk=st.binary(max_size=4))
def test_damaged_bytes_are_a_clear_error(at: int, junk: bytes) -> None:
    lane = make_lane(make_config())
    feed(lane, naughty_log(1, 60))
    blocks = take_checkpoint(lane, is_full=True).encode()
    raw = blocks["slots-000000"]
    at %= len(raw)
    damaged = raw[:at] + junk + raw[at + len(junk) + 1 :]
    try:
        tree = decode_tree(damaged)
    except (ValueError, TypeError, KeyError, IndexError):
        with pytest.raises(StateError, match="slots-000000"):
            restore_lane(make_lane(make_config()), {**blocks, "slots-000000": damaged})
    else:
        assert isinstance(tree, dict)


def test_a_checkpoint_without_its_head_is_refused() -> None:
    with pytest.raises(StateError, match="without a block 'head'"):
        restore_lane(make_lane(make_config()), {})
