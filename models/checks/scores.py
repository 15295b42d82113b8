"""Checks of what a score may depend on, and of samples that are not numbers or hardly are."""

from __future__ import annotations

import numpy as np

from models.base import Scores
from models.checks.comparison import EstimatorFactory, make_model, require_equal
from models.checks.stream import Run, make_stream, run_stream

__all__ = [
    "check_extremes_do_not_poison",
    "check_non_finite_policy",
    "check_ready_only_after_warm_up",
    "check_score_before_learn",
]


def check_score_before_learn(estimator_factory: EstimatorFactory) -> None:
    """A score does not depend on the samples after it, nor does learning a sample happen before its score."""
    model = make_model(estimator_factory)
    stream = make_stream(model.n_features, dirt=False)
    whole = run_stream(model, stream)
    for cut in (0, 700, 2000):
        model = make_model(estimator_factory)
        found = run_stream(model, stream[: cut + 1])
        require_equal(
            found, Run(Scores(*(column[: cut + 1] for column in whole.out)), whole.ready[: cut + 1]), f"prefix of {cut + 1}"
        )
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
    """A series never seen is not ready before its first sample; while not ready it scores 0.0; once ready it stays so."""
    model = make_model(estimator_factory, 4)
    assert not model.describe(3)["ready"], "a series never seen is ready"
    stream = make_stream(model.n_features, dirt=False)
    run = run_stream(model, stream)
    assert run.ready.any(), f"no sample was ready after {stream.size} samples: the check cannot see anything"
    assert (run.out.score[~run.ready] == 0.0).all(), "a sample that is not ready has a score"
    assert np.isnan(run.out.expected[~run.ready]).all(), "a sample that is not ready has an expected value"
    for slot in range(3):
        mine = run.ready[stream.slots == slot]
        assert not mine[0], f"the first sample of series {slot} is ready"
        assert (np.diff(mine.astype(np.int8)) >= 0).all(), f"series {slot} went back to not ready"
        assert model.describe(slot)["ready"] == mine[-1], f"describe and the batch call disagree on series {slot}"


def check_non_finite_policy(estimator_factory: EstimatorFactory) -> None:
    """A sample that is all NaN or infinite scores 0.0, is not ready, and leaves no trace in the state."""
    model = make_model(estimator_factory)
    clean = make_stream(model.n_features, dirt=False)
    whole = run_stream(model, clean)
    dirty = np.sort(np.concatenate([np.arange(clean.size), np.arange(0, clean.size, 10)]))
    is_dirt = np.concatenate([[False], dirty[1:] == dirty[:-1]])
    stream = clean[dirty]
    stream.X[is_dirt] = np.resize([np.nan, np.inf, -np.inf], is_dirt.sum()).reshape(-1, *([1] * (stream.X.ndim - 1)))
    run = run_stream(make_model(estimator_factory), stream)
    kept = Run(Scores(*(column[~is_dirt] for column in run.out)), run.ready[~is_dirt])
    require_equal(kept, whole, "NaN and infinities left a trace")
    assert not run.ready[is_dirt].any(), "a sample without a finite value is ready"
    assert (run.out.score[is_dirt] == 0.0).all(), "a sample without a finite value has a score"


def check_extremes_do_not_poison(estimator_factory: EstimatorFactory) -> None:
    """After the greatest and least floats, zeros and denormals, ordinary samples are scored again, by numbers."""
    model = make_model(estimator_factory)
    stream = make_stream(model.n_features, dirt=False)
    top = np.finfo(np.float64).max
    extremes = [top, -top, 5e-324, -5e-324, 0.0, -0.0, 1e154, -1e154, *([top] * 12), *([-top] * 12)]
    stream.X[600 : 600 + len(extremes)] = np.array(extremes).reshape(-1, *([1] * (stream.X.ndim - 1)))
    run = run_stream(model, stream)
    assert np.isfinite(run.out.score).all(), f"score {run.out.score[~np.isfinite(run.out.score)][0]} after extreme values"
    ready = run.ready
    assert not np.isinf(run.out.expected[ready]).any(), "an expected value is infinite after extreme values"
    # River's own models have river's own flaws.
    for slot in range(3) if model.name != "river_model" else ():
        assert ready[stream.slots == slot][-1], f"series {slot} is no longer scored after extreme values"
