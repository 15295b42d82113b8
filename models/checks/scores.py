"""Checks of what a score may depend on, when there is one, and of samples that are not numbers or hardly are."""

from __future__ import annotations

import numpy as np

from models.checks.comparison import EstimatorFactory, flatten, make_model, require_equal
from models.checks.stream import Run, Stream, make_stream, run_stream

__all__ = [
    "check_extremes_do_not_poison",
    "check_extremes_have_numbers",
    "check_non_finite_policy",
    "check_ready_only_after_warm_up",
    "check_score_before_learn",
    "check_scores_are_in_range",
]

WARM_UP_PARAMETERS = ("grace_period", "warmup_period")
"""Parameters that name the samples a series must have learned before it is scored."""


def check_score_before_learn(estimator_factory: EstimatorFactory) -> None:
    """A score does not depend on the samples after it, nor does learning a sample happen before its score."""
    model = make_model(estimator_factory)
    stream = make_stream(model.n_features, dirt=False)
    whole = run_stream(model, stream)
    for cut in (0, 700, 2000):
        model = make_model(estimator_factory)
        found = run_stream(model, stream[: cut + 1])
        require_equal(found, whole[: cut + 1], f"prefix of {cut + 1}")
    # `expected` and `scale` are the model's view before the sample, so another value there must not move them.
    model = make_model(estimator_factory)
    run_stream(model, stream[:2000])
    slots = np.arange(3, dtype=np.int64)
    state = model.snapshot(slots)
    here = run_stream(model, stream[2000:2001])
    model.restore(slots, state)
    changed = stream[2000:2001]
    # Column 0 alone: a regression may well expect something else when its regressors change.
    changed.X.reshape(1, -1)[0, 0] += 0.125
    other = run_stream(model, changed)
    for label in ("expected", "scale"):
        assert getattr(here.out, label).tobytes() == getattr(other.out, label).tobytes(), f"{label} depends on the sample itself"


def check_ready_only_after_warm_up(estimator_factory: EstimatorFactory) -> None:
    """A series is not ready before its first sample, nor before its grace period; until then it scores 0.0; then it stays so."""
    model = make_model(estimator_factory, 4)
    assert not model.describe(3)["ready"], "a series never seen is ready"
    stream = make_stream(model.n_features, dirt=False)
    run = run_stream(model, stream)
    assert run.ready.any(), f"no sample was ready after {stream.size} samples: the check cannot see anything"
    assert (run.out.score[~run.ready] == 0.0).all(), "a sample that is not ready has a score"
    for label in ("expected", "scale"):
        column = getattr(run.out, label)
        assert np.isnan(column[~run.ready]).all(), f"a sample that is not ready has a value in {label!r}"
    n_least = max([1, *(int(model.parameters.get(name) or 0) for name in WARM_UP_PARAMETERS)])
    for slot in range(3):
        mine = run.ready[stream.slots == slot]
        first = int(np.argmax(mine)) if mine.any() else mine.size
        assert first >= n_least, f"series {slot} is ready after {first} samples; expected {n_least} at least"
        assert mine[first:].all(), f"series {slot} went back to not ready"
        assert model.describe(slot)["ready"] == mine[-1], f"describe and the batch call disagree on series {slot}"


def check_scores_are_in_range(estimator_factory: EstimatorFactory) -> None:
    """Scores are finite, probabilities in [0, 1], scales not negative; every row is written, whatever was there."""
    model = make_model(estimator_factory)
    stream = make_stream(model.n_features)
    run = run_stream(model, stream)
    score, ready = run.out.score, run.ready
    found = f"{ready.dtype} {ready.shape}"
    assert found == f"bool ({stream.size},)", f"ready is {found}"
    assert np.isfinite(score).all(), f"a score is {score[~np.isfinite(score)][0]}"
    if model.score_kind == "probability":
        beyond = (score < 0.0) | (score > 1.0)
        assert not beyond.any(), f"a probability is {score[beyond][0]!r}"
    assert not (run.out.scale < 0.0).any(), "a scale is negative"
    out = type(run.out).empty(stream.size)
    for column in out:
        column.fill(7.25)
    again = make_model(estimator_factory).score_learn_many(stream.slots, stream.event_time_ns, stream.X, out)
    require_equal(Run(out, again), run, "columns that held something else")


def check_non_finite_policy(estimator_factory: EstimatorFactory) -> None:
    """A sample that is all NaN or infinite scores 0.0, is not ready, and leaves no trace in the state."""
    model = make_model(estimator_factory)
    clean = make_stream(model.n_features, dirt=False)
    whole = run_stream(model, clean)
    dirty = np.sort(np.concatenate([np.arange(clean.size), np.arange(0, clean.size, 10)]))
    is_dirt = np.concatenate([[False], dirty[1:] == dirty[:-1]])
    stream = clean[dirty]
    stream.X[is_dirt] = np.resize([np.nan, np.inf, -np.inf], is_dirt.sum()).reshape(-1, *([1] * (stream.X.ndim - 1)))
    other = make_model(estimator_factory)
    run = run_stream(other, stream)
    require_equal(run[~is_dirt], whole, "NaN and infinities left a trace")
    assert not run.ready[is_dirt].any(), "a sample without a finite value is ready"
    assert (run.out.score[is_dirt] == 0.0).all(), "a sample without a finite value has a score"
    slots = np.arange(3, dtype=np.int64)
    assert flatten(other.snapshot(slots)) == flatten(model.snapshot(slots)), "NaN and infinities left a trace in the state"


def check_extremes_have_numbers(estimator_factory: EstimatorFactory) -> None:
    """Among the greatest and least floats, zeros and denormals, whatever is ready has a finite score and no infinite expectation."""
    model = make_model(estimator_factory)
    run = run_stream(model, _make_extreme_stream(model.n_features))
    assert np.isfinite(run.out.score).all(), f"score {run.out.score[~np.isfinite(run.out.score)][0]} after extreme values"
    for label in ("expected", "scale"):
        assert not np.isinf(getattr(run.out, label)[run.ready]).any(), f"an infinite value in {label!r} after extreme values"


def check_extremes_do_not_poison(estimator_factory: EstimatorFactory) -> None:
    """After extreme values every series is ready again."""
    model = make_model(estimator_factory)
    stream = _make_extreme_stream(model.n_features)
    run = run_stream(model, stream)
    for slot in range(3):
        assert run.ready[stream.slots == slot][-1], f"series {slot} is no longer scored after extreme values"
        assert model.describe(slot)["ready"], f"series {slot} is no longer ready after extreme values"


def _make_extreme_stream(n_features: int) -> Stream:
    stream = make_stream(n_features, dirt=False)
    top = np.finfo(np.float64).max
    extremes = [top, -top, 5e-324, -5e-324, 0.0, -0.0, 1e154, -1e154, *([top] * 12), *([-top] * 12)]
    stream.X[600 : 600 + len(extremes)] = np.array(extremes).reshape(-1, *([1] * (stream.X.ndim - 1)))
    return stream
