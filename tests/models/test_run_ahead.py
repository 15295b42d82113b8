"""Filters that run ahead against filters that go sample by sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import registry
from models.base import Scores
from models.gate import make_quantile_rule, make_threshold_rule
from models.gate_kernel import admits
from models.quantile.state import P2_WIDTH, make_p2_row

GAUSSIAN = {"model": "gaussian_scorer", "parameters": {"grace_period": 5}}
HOLT_WINTERS = {"model": "holt_winters", "parameters": {"alpha": 0.3, "beta": 0.1}}
REGRESSION = {"model": "linear_regression", "parameters": {"n_features": 2}}
BEHIND: dict[str, dict[str, Any]] = {
    "holt_winters": HOLT_WINTERS,
    "predictive": {"model": "predictive_anomaly_detection", "parameters": {"forecaster": HOLT_WINTERS, "warmup_period": 5}},
    "regression": {"model": "predictive_anomaly_detection", "parameters": {"forecaster": REGRESSION}},
    "filter": {"model": "quantile_filter", "parameters": {"detector": GAUSSIAN, "q": 0.9}},
    "adwin": {"model": "adwin", "parameters": {"clock": 1, "grace_period": 0, "delta": 0.5}},
    "default": {"model": "default", "parameters": {"grace_period": 50}},
}
N_SERIES = 3


def _go_sample_by_sample(
    inner: Mapping[str, Any], rule: Any, slots: Any, times: Any, X: Any
) -> tuple[Scores, np.ndarray[Any, Any], np.ndarray[Any, Any], Any]:
    """The plainest filter there can be: a snapshot before each sample, and back to it when the sample is refused."""
    detector = registry.build(inner["model"], inner["parameters"])
    detector.reserve(N_SERIES)
    rows = np.repeat(make_p2_row([rule[2]]), N_SERIES, axis=0) if rule[0] != 1.0 else np.zeros((0, P2_WIDTH))
    out, ready = Scores.empty(slots.size), np.empty(slots.size, np.bool_)
    for i in range(slots.size):
        one = slice(i, i + 1)
        before = detector.snapshot(slots[one])
        ready[one] = detector.score_learn_many(slots[one], times[one], X[one], Scores(*(column[one] for column in out)))
        if np.isfinite(X[one]).any() and not admits(rule, rows, int(slots[i]), float(out.score[i])):
            detector.withhold(slots[one], before)
    return out, ready, rows, detector.snapshot(np.arange(N_SERIES))


def _assert_same(one: Any, other: Any) -> None:
    if isinstance(one, Mapping):
        assert one.keys() == other.keys()
        for key in one:
            _assert_same(one[key], other[key])
    elif isinstance(one, np.ndarray):
        assert one.tobytes() == other.tobytes()
    else:
        assert one == other


@pytest.mark.parametrize("behind", list(BEHIND))
@pytest.mark.parametrize("kind", ["threshold_filter", "quantile_filter"])
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), odd=st.sampled_from([0.0, 0.02, 0.3]), cut=st.sampled_from([0.0, 0.3, 0.9, 30.0]))
def test_running_ahead_gives_the_bits_of_going_sample_by_sample(
    kind: str, behind: str, seed: int, odd: float, cut: float
) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 260))
    inner = BEHIND[behind]
    n_features = registry.build(inner["model"], inner["parameters"]).n_features
    X = rng.normal(10.0, 1.0, (n, n_features))
    X[rng.random(n) < odd] *= 5.0
    X[rng.random(n) < 0.03] = np.nan
    slots = np.minimum(rng.integers(0, N_SERIES, n), rng.integers(0, N_SERIES, n))
    times = np.arange(n) * 60_000_000_000
    X = X[:, 0].copy() if n_features == 1 else X
    q = min(max(cut, 0.05), 0.95)
    given_parameters = {"threshold": cut} if kind == "threshold_filter" else {"q": q}
    rule = make_threshold_rule(cut, True) if kind == "threshold_filter" else make_quantile_rule(q, True)
    plain_out, plain_ready, rows, state = _go_sample_by_sample(inner, rule, slots, times, X)
    model = registry.build(kind, {"detector": inner, **given_parameters})
    model.reserve(N_SERIES)
    out = Scores.empty(n)
    ready = model.score_learn_many(slots, times, X, out)
    _assert_same(out.score, plain_out.score)
    _assert_same(out.expected, plain_out.expected)
    _assert_same(out.scale, plain_out.scale)
    _assert_same(ready, plain_ready)
    snapshot = model.snapshot(np.arange(N_SERIES))
    _assert_same(snapshot["detector"], state)
    if kind == "quantile_filter":
        _assert_same(snapshot["columns"]["cuts"], rows)
