"""Checks that a score has the same bits however it is come by: cut, interleaved, one by one, in another process."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from models.checks.comparison import EstimatorFactory, make_model, require_equal, to_arguments
from models.checks.cutting import draw_cutting, run_cut
from models.checks.elsewhere import digest_stream, run_elsewhere
from models.checks.stream import Run, Stream, concatenate, make_stream, run_stream

__all__ = [
    "check_batch_split_invariance",
    "check_determinism_across_processes",
    "check_instances_are_independent",
    "check_interleaving_invariance",
    "check_one_by_one_equals_batch",
    "check_parameters_round_trip",
]


def check_batch_split_invariance(estimator_factory: EstimatorFactory) -> None:
    """Any cutting of a log into batches, down to single samples and empty ones, gives the same bits."""
    model = make_model(estimator_factory)
    stream = make_stream(model.n_features)
    whole = run_stream(model, stream)
    for sizes in ((1,), (7, 1, 0, 100), (1000,)):
        model = make_model(estimator_factory)
        runs: list[Run] = []
        start = 0
        while start < stream.size:
            step = sizes[len(runs) % len(sizes)]
            runs.append(run_stream(model, stream[start : start + step]))
            start += step
        require_equal(concatenate(runs), whole, f"batches of {sizes}")


def check_interleaving_invariance(estimator_factory: EstimatorFactory) -> None:
    """A series alone gives the bits it gives among others, however they are mixed, and its slot number does not matter."""
    model = make_model(estimator_factory)
    stream = make_stream(model.n_features)
    whole = run_stream(model, stream)
    for slot in range(3):
        mine = stream.slots == slot
        alone = stream[mine]
        model = make_model(estimator_factory, 9)
        found = run_stream(model, Stream(np.full(alone.size, 8 - slot, dtype=np.int64), alone.event_time_ns, alone.X))
        require_equal(found, whole[mine], f"series {slot} alone")
    for mean_batch in (40, 600):
        cutting = draw_cutting(stream.slots, np.random.default_rng(mean_batch), mean_batch=mean_batch)
        require_equal(run_cut(estimator_factory, stream, cutting), whole, f"interleaved anew, batches of about {mean_batch}")


def check_instances_are_independent(estimator_factory: EstimatorFactory) -> None:
    """Two models of one making share nothing that they learn."""
    model, other = make_model(estimator_factory), make_model(estimator_factory)
    stream, noise = make_stream(model.n_features, n_samples=900), make_stream(model.n_features, n_samples=900, seed=8)
    whole = run_stream(make_model(estimator_factory), stream)
    runs = []
    for start in range(0, stream.size, 90):
        run_stream(other, noise[start : start + 90])
        runs.append(run_stream(model, stream[start : start + 90]))
    require_equal(concatenate(runs), whole, "beside a model that learned something else")


def check_one_by_one_equals_batch(estimator_factory: EstimatorFactory) -> None:
    """`score_one` and `learn_one` give the bits of the batch call wherever that has a score, and so does a batch after them.

    They know no time: a model that asks for it takes its samples to be a minute apart.
    """
    model: Any = make_model(estimator_factory, 1)
    if not (hasattr(model, "learn_one") and hasattr(model, "score_one")):
        return
    stream = make_stream(model.n_features, n_series=1, n_samples=700)
    is_learned = np.isfinite(stream.X.reshape(stream.size, -1)).any(axis=1)
    stream.event_time_ns[:] = (np.cumsum(is_learned) - is_learned) * 60_000_000_000
    batched = make_model(estimator_factory, 1)
    whole = run_stream(batched, stream)
    for i, row in enumerate(stream.X.reshape(stream.size, -1).tolist()):
        arguments = to_arguments(model, row)
        if i >= 550 and whole.ready[i]:
            score = model.score_one(*arguments)
            assert score == whole.out.score[i], f"score_one gives {score!r} for sample {i}, the batch call {whole.out.score[i]!r}"
        model.learn_one(*arguments)
    after = make_stream(model.n_features, n_series=1, n_samples=200, seed=5)
    after.event_time_ns[:] += stream.event_time_ns[-1]
    require_equal(run_stream(model, after), run_stream(batched, after), "a batch after samples that came one by one")


def check_parameters_round_trip(estimator_factory: EstimatorFactory) -> None:
    """`parameters` survive JSON and make an equal model."""
    model = make_model(estimator_factory)
    again = type(model)(**json.loads(json.dumps(dict(model.parameters))))
    assert dict(again.parameters) == dict(model.parameters), "parameters changed on the way"
    given: Any = model.parameters
    if isinstance(given, dict):
        for inner in given.values():
            if isinstance(inner, dict | list):
                inner.clear()
        given.clear()
    assert dict(model.parameters) == dict(again.parameters), "changing what `parameters` returned changed the model"
    again.reserve(3)
    stream = make_stream(model.n_features)
    require_equal(run_stream(again, stream), run_stream(model, stream), "a model made from `parameters`")


def check_determinism_across_processes(estimator_factory: EstimatorFactory) -> None:
    """Another process with another hash seed puts out the same bits, and comes to the same snapshot."""
    model = estimator_factory()
    report = run_elsewhere(model)
    scores, snapshot = digest_stream(model)
    assert report.scores == scores, "another process came to different scores"
    assert report.snapshot == snapshot, "another process came to a different snapshot"
