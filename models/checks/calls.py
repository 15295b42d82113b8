"""Checks of the calls themselves: what they leave alone, what they refuse, and that none waits for a compiler."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from models.base import Scores
from models.checks.comparison import EstimatorFactory, flatten, make_model, require_equal, require_raises, to_arguments
from models.checks.stream import Run, Stream, make_stream, run_stream
from models.errors import ShapeError

__all__ = [
    "check_inference_does_not_mutate",
    "check_inputs_untouched",
    "check_no_compilation_after_warm_up",
    "check_shapes_are_refused",
]


def check_inputs_untouched(estimator_factory: EstimatorFactory) -> None:
    """Columns given to the batch call are not written to; read-only and strided ones do as well."""
    model = make_model(estimator_factory)
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


def check_shapes_are_refused(estimator_factory: EstimatorFactory) -> None:
    """Columns of another length or dtype raise ShapeError and nothing is learned; an empty batch is no error."""
    model = make_model(estimator_factory)
    stream = make_stream(model.n_features, n_samples=30)
    slots = np.arange(3, dtype=np.int64)
    before = flatten(model.snapshot(slots))
    out = Scores.empty(30)
    times, X = stream.event_time_ns, stream.X
    refused: list[tuple[Any, Any, Any, Scores]] = [
        (stream.slots, times, X[:-1], out),
        (stream.slots, times[:-1], X, out),
        (stream.slots.astype(np.int32), times, X, out),
        (stream.slots, times, X.astype(np.float32), out),
        (stream.slots, times, X, Scores.empty(29)),
    ]
    for arguments in refused:
        require_raises(ShapeError, partial(model.score_learn_many, *arguments))
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
        if hasattr(model, "score_one"):
            model.score_one(*to_arguments(model, value))
        if hasattr(model, "predict_one"):
            model.predict_one(to_arguments(model, value)[0])
        for slot in range(3):
            model.describe(slot)
            if hasattr(model, "contributions"):
                model.contributions(slot, np.full(model.n_features, value))
    if hasattr(model, "forecast"):
        model.forecast(5)
    model.share_parts(np.full(len(model.part_names), 0.5))
    assert flatten(model.snapshot(slots)) == before, "asking the model changed it"
    whole = run_stream(make_model(estimator_factory), stream)
    rest = Run(Scores(*(column[1800:] for column in whole.out)), whole.ready[1800:])
    require_equal(run_stream(model, stream[1800:]), rest, "after the model was asked")


def check_no_compilation_after_warm_up(estimator_factory: EstimatorFactory) -> None:
    """Once everything was called once, no batch and no call waits for a compiler."""
    from models.warmup import compiled_signatures, exercise

    exercise(estimator_factory())
    before = compiled_signatures()
    model: Any = make_model(estimator_factory)
    stream = make_stream(model.n_features, n_samples=900)
    for part in (stream, stream[:1], stream[:0]):
        run_stream(model, part)
    stream.X.flags.writeable = False
    run_stream(model, stream)
    model.describe(1)
    slots = np.arange(3, dtype=np.int64)
    model.restore(slots[::-1], model.snapshot(slots))
    model.reset(slots)
    after = compiled_signatures()
    late = {name: count for name, count in after.items() if count != before.get(name, 0)}
    assert not late, f"compiled after warm-up: {', '.join(late)}"
