"""Checks of the state: snapshots, rows that are reserved and reset, memory that does not grow."""

from __future__ import annotations

import copy
import gc
import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np

from models.base import Estimator
from models.checks.comparison import EstimatorFactory, flatten, make_model, require_equal, require_raises
from models.checks.cutting import Cutting, run_cut
from models.checks.stream import Stream, concatenate, make_stream, run_stream
from models.errors import SlotError, SnapshotError

__all__ = [
    "check_bounded_memory",
    "check_copies_are_independent",
    "check_reserve_keeps_rows",
    "check_reset_gives_a_fresh_row",
    "check_restore_refuses_strangers",
    "check_snapshot_is_a_copy",
    "check_snapshot_restore_bit_identity",
    "check_withheld_samples_teach_nothing",
]

LEAK_NBYTES_A_SAMPLE = 4
"""A sample kept costs a list eight bytes, and an object besides."""

SLACK_NBYTES = 2000
"""What the interpreter itself may come to hold."""


def check_snapshot_restore_bit_identity(estimator_factory: EstimatorFactory) -> None:
    """At any cut, a model restored into other slots of another model goes on bit by bit like the original.

    The state moves after every one of the first samples, then after every few: whatever a snapshot lost at any of the cuts would be
    missing from there on.
    """
    model = make_model(estimator_factory)
    # State that is text costs milliseconds a move.
    n_single, n_more, n_samples = (150, 110, 2400) if getattr(model, "has_fixed_size", True) else (5, 5, 300)
    stream = make_stream(model.n_features)[:n_samples]
    whole = run_stream(model, stream)
    single = np.arange(n_single + 1)
    rng = np.random.default_rng(5)
    later = np.sort(rng.integers(n_single, n_samples, n_more))
    ends = np.concatenate([single, later, [n_samples]])
    cutting = Cutting(np.arange(n_samples), ends, np.ones(ends.size, np.bool_))
    require_equal(run_cut(estimator_factory, stream, cutting), whole, f"moved {ends.size} times")


def check_snapshot_is_a_copy(estimator_factory: EstimatorFactory) -> None:
    """A snapshot does not change while the model learns on, nor the model when it is restored elsewhere; one row a slot."""
    model = make_model(estimator_factory)
    stream = make_stream(model.n_features)
    run_stream(model, stream[:800])
    slots = np.array([2, 0], dtype=np.int64)
    taken = model.snapshot(slots)
    before = flatten(taken)
    copied = make_model(estimator_factory)
    copied.restore(slots, taken)
    run_stream(copied, stream[800:])
    assert flatten(taken) == before, "the snapshot changed while a model restored from it learned on"
    run_stream(model, stream[800:])
    assert flatten(taken) == before, "the snapshot changed while the model learned on"
    assert flatten(model.snapshot(slots)) != before, "the state did not change while the model learned on"


def check_copies_are_independent(estimator_factory: EstimatorFactory) -> None:
    """A deep copy goes on like its original, which does not notice, whether they take batches or one sample at a time."""
    from models.warmup import learn_and_score_one

    model = make_model(estimator_factory)
    stream = make_stream(model.n_features)
    run_stream(model, stream[:1500])
    learn_and_score_one(model)
    slots = np.arange(3, dtype=np.int64)
    before = flatten(model.snapshot(slots))
    copied = copy.deepcopy(model)
    assert flatten(copied.snapshot(slots)) == before, "a copy has another state than its original"
    for one, other in ((copied, model), (model, copied)):
        untouched = flatten(other.snapshot(slots))
        learn_and_score_one(one, 0.25)
        assert flatten(other.snapshot(slots)) == untouched, "a sample moved the state of a copy as well"
        run_stream(one, stream[1500:1600])
        assert flatten(other.snapshot(slots)) == untouched, "a batch moved the state of a copy as well"
    assert flatten(copied.snapshot(slots)) == flatten(model.snapshot(slots)), "a copy went on otherwise than its original"


def check_restore_refuses_strangers(estimator_factory: EstimatorFactory) -> None:
    """Unknown version, other model, other parameters or another row count: SnapshotError, and nothing is changed.

    What is restored is what was taken, and other slots keep their state.
    """
    model = make_model(estimator_factory)
    stream = make_stream(model.n_features)
    run_stream(model, stream[:800])
    slots = np.arange(3, dtype=np.int64)
    good = model.snapshot(slots)
    before = flatten(good)
    strangers = {
        "another version": {**good, "version": 10**6},
        "another model": {**good, "model": "another"},
        "other parameters": {**good, "parameters": {**good["parameters"], "no_such": 1}},
        "nothing": {},
    }
    run_stream(model, stream[800:900])
    after = flatten(model.snapshot(slots))
    for what, stranger in strangers.items():
        require_raises(SnapshotError, partial(model.restore, slots, stranger), what)
    require_raises(SnapshotError, partial(model.restore, slots[:2], good), "another count of rows")
    assert flatten(model.snapshot(slots)) == after, "a refused snapshot changed the state"
    others = np.array([0, 2], dtype=np.int64)
    kept = flatten(model.snapshot(others))
    model.restore(slots[1:2], model.snapshot(slots[:1]))
    assert flatten(model.snapshot(others)) == kept, "a restore changed another slot"
    model.restore(slots, good)
    assert flatten(model.snapshot(slots)) == before, "a snapshot restored is not the snapshot taken"


def check_reset_gives_a_fresh_row(estimator_factory: EstimatorFactory) -> None:
    """A reset slot goes on like one never seen; the others do not notice."""
    model = make_model(estimator_factory)
    stream = make_stream(model.n_features)
    run_stream(model, stream)
    kept = np.array([0, 2], dtype=np.int64)
    others = flatten(model.snapshot(kept))
    model.reset(np.array([1], dtype=np.int64))
    assert flatten(model.snapshot(kept)) == others, "reset changed another slot"
    mine = stream[stream.slots == 1]
    require_equal(run_stream(model, mine), run_stream(make_model(estimator_factory), mine), "a reset slot")


def check_withheld_samples_teach_nothing(estimator_factory: EstimatorFactory) -> None:
    """What a filter keeps out leaves what is expected, and whether it is ready, as they were; other series do not notice.

    A model that takes `Estimator.withhold` as it is goes on bit by bit as if the samples had not come.
    """
    model, apart = make_model(estimator_factory), make_model(estimator_factory)
    stream = make_stream(model.n_features)
    early, kept_out, late = stream[:1500], stream[1500:1530], stream[1530:1700]
    run_stream(model, early)
    run_stream(apart, early)
    for i, slot in enumerate(kept_out.slots):
        mine = np.array([slot], dtype=np.int64)
        others = np.array([other for other in range(3) if other != slot], dtype=np.int64)
        kept = flatten(model.snapshot(others))
        before = model.snapshot(mine)
        run_stream(model, kept_out[i : i + 1])
        model.withhold(mine, before)
        assert flatten(model.snapshot(others)) == kept, "withholding changed another slot"
    found, expected = run_stream(model, late), run_stream(apart, late)
    assert found.ready.tobytes() == expected.ready.tobytes(), "samples that were withheld changed whether the model is ready"
    assert found.out.expected.tobytes() == expected.out.expected.tobytes(), "samples that were withheld changed what is expected"
    if type(model).withhold is Estimator.withhold:
        require_equal(found, expected, "samples that were withheld")


def check_reserve_keeps_rows(estimator_factory: EstimatorFactory) -> None:
    """Growing keeps what was learned; asking for fewer rows is no change; unreserved slots are refused before learning."""
    model = make_model(estimator_factory)
    stream = make_stream(model.n_features)
    whole = run_stream(make_model(estimator_factory), stream)
    runs = [run_stream(model, stream[:900])]
    model.reserve(300)
    model.reserve(2)
    assert model.n_slots == 300, f"{model.n_slots} slots after reserving 300, then 2"
    runs.append(run_stream(model, stream[900:]))
    require_equal(concatenate(runs), whole, "growing in between")
    slots = np.arange(3, dtype=np.int64)
    before = flatten(model.snapshot(slots))
    for bad in (300, -1):
        bad_slots = np.array([0, bad], dtype=np.int64)
        batch = Stream(bad_slots, bad_slots, stream.X[:2].copy())
        require_raises(SlotError, partial(run_stream, model, batch), f"slot {bad} of 300")
    assert flatten(model.snapshot(slots)) == before, "a refused batch was learned"


def check_bounded_memory(estimator_factory: EstimatorFactory) -> None:
    """Neither the state nor the process grows with the samples of a series."""
    model = make_model(estimator_factory)
    stream = make_stream(model.n_features, n_samples=6000)
    slots = np.arange(3, dtype=np.int64)
    # State written as text varies by the digits of its numbers, and objects by theirs.
    slack, n_traced = (1.0, 3000) if getattr(model, "has_fixed_size", True) else (1.3, 300)
    run_stream(model, stream[:1500])
    before = model.state_nbytes, model.slot_nbytes, len(flatten(model.snapshot(slots)))
    run_stream(model, stream[1500:-n_traced])
    most = SLACK_NBYTES + LEAK_NBYTES_A_SAMPLE * n_traced
    held = _trace_growth(partial(run_stream, model, stream[-n_traced:]), most)
    after = model.state_nbytes, model.slot_nbytes, len(flatten(model.snapshot(slots)))
    is_bounded = all(late <= slack * early for late, early in zip(after, before, strict=True))
    assert is_bounded, f"state grew from {before} to {after} bytes"
    assert held < most, f"{n_traced} samples left {held} bytes behind; expected less than {most}"


def _trace_growth(call: Callable[[], object], most_nbytes: int) -> int:
    """Bytes that are held after a call and were not before; garbage is collected where they would be too many with it."""
    was_tracing = tracemalloc.is_tracing()
    if not was_tracing:
        tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    call()
    held = tracemalloc.get_traced_memory()[0] - before
    if held >= most_nbytes:
        gc.collect()
        held = tracemalloc.get_traced_memory()[0] - before
    if not was_tracing:
        tracemalloc.stop()
    return held
