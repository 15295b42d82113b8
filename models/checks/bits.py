"""Checks that a score has the same bits however it is come by: cut, interleaved, restored, one by one, in another process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np

from models.base import Scores
from models.checks.comparison import EstimatorFactory, make_model, require_equal
from models.checks.stream import Run, Stream, concatenate, make_stream, run_stream, score_digest

__all__ = [
    "check_batch_split_invariance",
    "check_determinism_across_processes",
    "check_interleaving_invariance",
    "check_one_by_one_equals_batch",
    "check_parameters_round_trip",
]


def check_batch_split_invariance(estimator_factory: EstimatorFactory) -> None:
    """Any cutting of a log into batches, down to single samples, gives the same bits."""
    model = make_model(estimator_factory)
    stream = make_stream(model.n_features)
    whole = run_stream(model, stream)
    for sizes in ((1,), (7, 1, 100), (1000,)):
        model = make_model(estimator_factory)
        runs: list[Run] = []
        start = 0
        while start < stream.size:
            step = sizes[len(runs) % len(sizes)]
            runs.append(run_stream(model, stream[start : start + step]))
            start += step
        require_equal(concatenate(runs), whole, f"batches of {sizes}")


def check_interleaving_invariance(estimator_factory: EstimatorFactory) -> None:
    """A series alone gives the bits it gives among others, and its slot number does not matter."""
    model = make_model(estimator_factory)
    stream = make_stream(model.n_features)
    whole = run_stream(model, stream)
    for slot in range(3):
        mine = stream.slots == slot
        alone = stream[mine]
        model = make_model(estimator_factory, 9)
        found = run_stream(model, Stream(np.full(alone.size, 8 - slot, dtype=np.int64), alone.event_time_ns, alone.X))
        expected = Run(Scores(*(column[mine] for column in whole.out)), whole.ready[mine])
        require_equal(found, expected, f"series {slot} alone")


def check_one_by_one_equals_batch(estimator_factory: EstimatorFactory) -> None:
    """`score_one` and `learn_one` give the bits of the batch call wherever that has a score.

    They know no time: a model that asks for it takes its samples to be a minute apart.
    """
    model: Any = make_model(estimator_factory, 1)
    if not (hasattr(model, "learn_one") and hasattr(model, "score_one")):
        return
    names = [str(column) for column in range(model.n_features)]
    stream = make_stream(model.n_features, n_series=1, n_samples=700)
    is_learned = np.isfinite(stream.X.reshape(stream.size, -1)).any(axis=1)
    stream.event_time_ns[:] = (np.cumsum(is_learned) - is_learned) * 60_000_000_000
    whole = run_stream(make_model(estimator_factory, 1), stream)
    for i, row in enumerate(stream.X.reshape(stream.size, -1).tolist()):
        if getattr(model, "needs_target", False):
            arguments: tuple[Any, ...] = (dict(zip(names, row[1:], strict=False)), row[0])
        else:
            arguments = (row[0],) if len(row) == 1 else (dict(zip(names, row, strict=True)),)
        if i >= 650 and whole.ready[i]:
            score = model.score_one(*arguments)
            assert score == whole.out.score[i], f"score_one gives {score!r} for sample {i}, the batch call {whole.out.score[i]!r}"
        model.learn_one(*arguments)


def check_parameters_round_trip(estimator_factory: EstimatorFactory) -> None:
    """`parameters` survive JSON and make an equal model."""
    model = make_model(estimator_factory)
    again = type(model)(**json.loads(json.dumps(dict(model.parameters))))
    assert dict(again.parameters) == dict(model.parameters), "parameters changed on the way"
    again.reserve(3)
    stream = make_stream(model.n_features)
    require_equal(run_stream(again, stream), run_stream(model, stream), "a model made from `parameters`")


def check_determinism_across_processes(estimator_factory: EstimatorFactory) -> None:
    """Another process with another hash seed puts out the same bits."""
    model = estimator_factory()
    kind = type(model)
    program = (
        "import json, sys; from importlib import import_module; from models.checks import make_stream, score_digest\n"
        "module, name, parameters = json.loads(sys.argv[1])\n"
        "model = getattr(import_module(module), name)(**parameters)\n"
        "print(score_digest(model, make_stream(model.n_features)))"
    )
    found = subprocess.run(  # noqa: S603 - the interpreter that runs this
        [sys.executable, "-c", program, json.dumps([kind.__module__, kind.__qualname__, dict(model.parameters)])],
        env={**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, f"the other process failed: {found.stderr[-2000:]}"
    expected = score_digest(model, make_stream(model.n_features))
    assert found.stdout.strip() == expected, "another process put out other bits"
