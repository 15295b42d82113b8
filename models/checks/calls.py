"""Checks of the calls themselves: what they leave alone, what they refuse, and that none waits for a compiler."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import numpy as np

from models.base import Scores
from models.checks.comparison import EstimatorFactory, flatten, make_model, require_equal, require_raises, to_arguments
from models.checks.elsewhere import run_elsewhere
from models.checks.questions import ask
from models.checks.stream import Stream, concatenate, make_stream, run_stream
from models.errors import ShapeError, SlotError

__all__ = [
    "check_inference_does_not_mutate",
    "check_inputs_untouched",
    "check_no_compilation_after_warm_up",
    "check_shapes_are_refused",
]


def check_inputs_untouched(estimator_factory: EstimatorFactory) -> None:
    """Columns and dicts given are neither written to nor kept; read-only and strided columns do as well."""
    model: Any = make_model(estimator_factory)
    stream = make_stream(model.n_features, n_samples=900)
    kept = stream[:]
    whole = run_stream(model, stream)
    for column, before in zip(vars(stream).values(), vars(kept).values(), strict=True):
        assert column.tobytes() == before.tobytes(), "the batch call wrote to its input"
    frozen = stream[:]
    for column in vars(frozen).values():
        column.flags.writeable = False
    require_equal(run_stream(make_model(estimator_factory), frozen), whole, "read-only columns")
    wide = Stream(np.repeat(stream.slots, 2)[::2], np.repeat(stream.event_time_ns, 2)[::2], np.repeat(stream.X, 2, axis=0)[::2])
    require_equal(run_stream(make_model(estimator_factory), wide), whole, "strided columns")
    again = make_model(estimator_factory)
    early, late = stream[:450], stream[450:]
    before_reuse = run_stream(again, early)
    expected_early = before_reuse[:]
    for column in (*vars(early).values(), *before_reuse.out, before_reuse.ready):
        column.fill(1)
    require_equal(concatenate([expected_early, run_stream(again, late)]), whole, "columns used again by the caller")
    arguments = to_arguments(model, [0.5] * model.n_features)
    copied = copy.deepcopy(arguments)
    for name in ("score_one", "learn_one"):
        if hasattr(model, name):
            getattr(model, name)(*arguments)
            assert arguments == copied, f"{name} wrote to its input"


def check_shapes_are_refused(estimator_factory: EstimatorFactory) -> None:
    """Columns of another length or dtype raise ShapeError and nothing is learned; an empty batch is no error."""
    model = make_model(estimator_factory)
    stream = make_stream(model.n_features, n_samples=30)
    slots = np.arange(3, dtype=np.int64)
    before = flatten(model.snapshot(slots))
    out = Scores.empty(30)
    times, X = stream.event_time_ns, stream.X
    refused: dict[str, tuple[Any, Any, Any, Scores]] = {
        "X is short": (stream.slots, times, X[:-1], out),
        "X has a column too many": (stream.slots, times, np.ones((30, model.n_features + 1)), out),
        "times are short": (stream.slots, times[:-1], X, out),
        "slots are int32": (stream.slots.astype(np.int32), times, X, out),
        "X is float32": (stream.slots, times, X.astype(np.float32), out),
        "out is short": (stream.slots, times, X, Scores.empty(29)),
    }
    for what, arguments in refused.items():
        require_raises(ShapeError, partial(model.score_learn_many, *arguments), what)
    for bad in (3, -1):
        bad_slots = np.array([0, bad], dtype=np.int64)
        calls = (partial(model.snapshot, bad_slots), partial(model.reset, bad_slots), partial(model.describe, bad))
        for call in calls:
            require_raises(SlotError, call, f"{call.func.__name__} of slot {bad}")
    assert flatten(model.snapshot(slots)) == before, "a refused batch was learned"
    assert run_stream(model, stream[:0]).ready.size == 0


def check_inference_does_not_mutate(estimator_factory: EstimatorFactory) -> None:
    """Scoring, forecasting, explaining, describing and taking snapshots change nothing, whatever they are asked about."""
    model: Any = make_model(estimator_factory)
    stream = make_stream(model.n_features)
    run_stream(model, stream[:1800])
    slots = np.arange(3, dtype=np.int64)
    before = flatten(model.snapshot(slots))
    for value in (0.5, 0.0, -7.25, 1e300, np.nan, np.inf):
        ask(model, value)
    assert flatten(model.snapshot(slots)) == before, "asking the model changed it"
    whole = run_stream(make_model(estimator_factory), stream)
    require_equal(run_stream(model, stream[1800:]), whole[1800:], "after the model was asked")


def check_no_compilation_after_warm_up(estimator_factory: EstimatorFactory) -> None:
    """Once everything was called once (`models.warmup.exercise`), no batch and no call waits for a compiler.

    Asked in a process of its own, because in this one everything may have been called before.
    """
    late = run_elsewhere(estimator_factory()).late_kernels
    assert not late, f"compiled after warm-up: {', '.join(late)}"
