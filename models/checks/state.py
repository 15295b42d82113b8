"""Checks of the state: snapshots, rows that are reserved and reset, memory that does not grow."""

from __future__ import annotations

from functools import partial

import numpy as np

from models.checks.comparison import EstimatorFactory, flatten, make_model, require_equal, require_raises
from models.checks.stream import Stream, concatenate, make_stream, run_stream
from models.errors import SlotError, SnapshotError

__all__ = [
    "check_bounded_memory",
    "check_reserve_keeps_rows",
    "check_reset_gives_a_fresh_row",
    "check_restore_refuses_strangers",
    "check_snapshot_is_a_copy",
    "check_snapshot_restore_bit_identity",
]


def check_snapshot_restore_bit_identity(estimator_factory: EstimatorFactory) -> None:
    """At any cut, a model restored into other slots of a fresh model goes on bit by bit like the original."""
    model = make_model(estimator_factory)
    stream = make_stream(model.n_features)
    whole = run_stream(model, stream)
    slots = np.arange(3, dtype=np.int64)
    for cut in (0, 1, 2, 150, stream.size // 2, stream.size - 1):
        model = make_model(estimator_factory)
        before = run_stream(model, stream[:cut])
        copied = estimator_factory()
        copied.restore(slots + 2, model.snapshot(slots))
        run_stream(model, stream[cut:])
        rest = stream[cut:]
        after = run_stream(copied, Stream(rest.slots + 2, rest.event_time_ns, rest.X))
        require_equal(concatenate([before, after]), whole, f"cut at {cut}")


def check_snapshot_is_a_copy(estimator_factory: EstimatorFactory) -> None:
    """A snapshot does not change while the model learns on, and holds one row a slot asked for."""
    model = make_model(estimator_factory)
    stream = make_stream(model.n_features)
    run_stream(model, stream[:800])
    slots = np.array([2, 0], dtype=np.int64)
    taken, again = model.snapshot(slots), model.snapshot(slots)
    run_stream(model, stream[800:])
    assert flatten(taken) == flatten(again), "the snapshot changed while the model learned on"
    assert flatten(model.snapshot(slots)) != flatten(again), "the state did not change while the model learned on"


def check_restore_refuses_strangers(estimator_factory: EstimatorFactory) -> None:
    """Unknown version, other model, other parameters or another row count: SnapshotError, and nothing is changed."""
    model = make_model(estimator_factory)
    stream = make_stream(model.n_features)
    run_stream(model, stream[:800])
    slots = np.arange(3, dtype=np.int64)
    good = model.snapshot(slots)
    strangers = [
        {**good, "version": 10**6},
        {**good, "model": "another"},
        {**good, "parameters": {**good["parameters"], "no_such": 1}},
        {},
    ]
    for stranger in strangers:
        require_raises(SnapshotError, partial(model.restore, slots, stranger))
    require_raises(SnapshotError, partial(model.restore, slots[:2], good))
    assert flatten(model.snapshot(slots)) == flatten(good), "a refused snapshot changed the state"


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
        require_raises(SlotError, partial(run_stream, model, Stream(bad_slots, bad_slots, stream.X[:2].copy())))
    assert flatten(model.snapshot(slots)) == before, "a refused batch was learned"


def check_bounded_memory(estimator_factory: EstimatorFactory) -> None:
    """State does not grow with the samples of a series."""
    model = make_model(estimator_factory)
    stream = make_stream(model.n_features, n_samples=6000)
    slots = np.arange(3, dtype=np.int64)
    run_stream(model, stream[:1500])
    before = model.state_nbytes, model.slot_nbytes, len(flatten(model.snapshot(slots)))
    run_stream(model, stream[1500:])
    after = model.state_nbytes, model.slot_nbytes, len(flatten(model.snapshot(slots)))
    # State written as text varies by the digits of its numbers.
    slack = 1.0 if getattr(model, "has_fixed_size", True) else 1.3
    is_bounded = all(late <= slack * early for late, early in zip(after, before, strict=True))
    assert is_bounded, f"state grew from {before} to {after} bytes"
