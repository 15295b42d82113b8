"""Checks of what a model says about a series, a score, or a feature's share of it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from models.base import Scores
from models.checks.comparison import EstimatorFactory, make_model, require_equal
from models.checks.stream import Run, make_stream, run_stream

__all__ = ["check_contributions_are_numbers", "check_describe_is_plain", "check_parts_explain_the_score"]


def check_describe_is_plain(estimator_factory: EstimatorFactory) -> None:
    """`describe` gives the model's name, readiness and bytes, plain values that JSON can hold; it is ready when its next sample is."""
    model = make_model(estimator_factory)
    run_stream(model, make_stream(model.n_features, n_samples=900))
    facts = dict(model.describe(1))
    for name, value in facts.items():
        assert type(value) in (bool, int, float, str), (
            f"describe gives {type(value).__name__} for {name!r}; expected a plain value"
        )
    json.dumps(facts)
    assert facts.get("model") == model.name, f"describe gives {facts.get('model')!r} as the model; expected {model.name!r}"
    assert type(facts.get("ready")) is bool, "describe does not say whether the series is ready"
    assert facts.get("slot_nbytes") == model.slot_nbytes, "describe and `slot_nbytes` disagree"
    model = make_model(estimator_factory)
    clean = make_stream(model.n_features, n_series=1, n_samples=250, dirt=False)
    for i in range(clean.size):
        told = model.describe(0).get("ready")
        found = bool(run_stream(model, clean[i : i + 1]).ready[0])
        assert told == found, f"describe says ready={told} before sample {i}, for which the batch call says {found}"
    assert model.state_nbytes > 0, "`state_nbytes` says that nothing is held of a series"


def check_parts_explain_the_score(estimator_factory: EstimatorFactory) -> None:
    """`score_learn_parts` gives the bits of `score_learn_many`; shares of a row add up to 1, the greatest first."""
    model = make_model(estimator_factory)
    stream = make_stream(model.n_features)
    whole = run_stream(model, stream)
    model = make_model(estimator_factory)
    out, parts = Scores.empty(stream.size), np.full((stream.size, len(model.part_names)), 7.25)
    ready = model.score_learn_parts(stream.slots, stream.event_time_ns, stream.X, out, parts)
    require_equal(Run(out, ready), whole, "with its parts")
    for row in parts[ready][::50] if model.part_names else ():
        shared = model.share_parts(row)
        shares = [share for _, share in shared]
        assert {name for name, _ in shared} <= set(model.part_names), f"shares of {[name for name, _ in shared]}"
        assert shares == sorted(shares, reverse=True), "shares are not in order"
        assert not shares or abs(sum(shares) - 1.0) < 1e-9, f"shares add up to {sum(shares)}"


def check_contributions_are_numbers(estimator_factory: EstimatorFactory) -> None:
    """`contributions` gives every feature a finite number, and a missing one 0.0."""
    model: Any = make_model(estimator_factory)
    if not hasattr(model, "contributions"):
        return
    run_stream(model, make_stream(model.n_features))
    for value in (0.5, -3.0, 1e300):
        for missing in (None, 0):
            x = np.full(model.n_features, value)
            if missing is not None:
                x[missing] = np.nan
            found = model.contributions(1, x)
            assert found.shape == (model.n_features,), f"contributions of shape {found.shape}"
            assert np.isfinite(found).all(), f"a contribution is {found[~np.isfinite(found)][0]}"
            assert missing is None or found[missing] == 0.0, "a missing feature contributes"
