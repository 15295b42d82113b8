"""How the model benchmark measures."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.model_cases import Case
from models import registry
from models.base import Estimator, Scores

__all__ = ["make_values", "time_batches", "time_compilation", "time_one_by_one", "time_river"]

N_WARM = 1500
"""Samples every series has learned before it is timed: more than any model's window."""


def make_values(n: int, n_features: int, seed: int, *, has_day: bool = True) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A daily shape with noise and rare spikes, around 0.5 so that it suits the models that expect [0, 1]."""
    rng = np.random.default_rng(seed)
    day = (0.2 if has_day else 0.0) * np.sin(np.arange(n) * (2 * np.pi / 288.0))[:, None]
    X = 0.5 + day + rng.normal(0.0, 0.05, (n, n_features))
    X[rng.random(n) < 0.002] += 0.4
    return X


def _make_warm(case: Case, n_series: int, seed: int) -> Estimator:
    """A model whose every series has learned the same `N_WARM` samples: one learns, the others are given its state."""
    model = registry.build(case.model, dict(case.parameters))
    model.reserve(n_series)
    slots = np.zeros(N_WARM, dtype=np.int64)
    X = make_values(N_WARM, case.n_features, seed, has_day=case.has_day)
    model.score_learn_many(slots, np.arange(N_WARM) * 300_000_000_000, _shape(X), Scores.empty(N_WARM))
    for start in range(1, n_series, 10_000):
        block = np.arange(start, min(start + 10_000, n_series), dtype=np.int64)
        model.restore(block, model.snapshot(np.zeros(block.size, dtype=np.int64)))
    return model


def _shape(X: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return X[:, 0].copy() if X.shape[1] == 1 else X


def _repeat(call: Callable[..., int], min_secs: float, min_repeats: int, draw: Callable[[], Any] | None = None) -> list[float]:
    """Nanoseconds per sample of every repeat of `call`, which returns how many samples it took.

    `draw` makes each repeat's samples, untimed: the same ones over again would fill the windows with equal values, and find in the
    cache what the last repeat left there.
    """
    taken: list[float] = []
    secs = 0.0
    while len(taken) < min_repeats or secs < min_secs:
        drawn = () if draw is None else (draw(),)
        start = time.thread_time_ns()
        n = call(*drawn)
        taken.append((time.thread_time_ns() - start) / n)
        secs += taken[-1] * n / 1e9
    return taken


def time_batches(case: Case, n_series: int, batch_sizes: tuple[int, ...], seed: int, min_secs: float) -> dict[int, list[float]]:
    """Nanoseconds per sample (score and learn) by batch size, over series drawn at random."""
    model = _make_warm(case, n_series, seed)
    found: dict[int, list[float]] = {}
    for size in batch_sizes:
        rng = np.random.default_rng(seed + size)
        times = np.full(size, 10**18, dtype=np.int64)
        out = Scores.empty(size)
        n_calls = max(1, 200 // size)

        def draw(rng: Any = rng, size: int = size, n_calls: int = n_calls) -> list[tuple[Any, Any]]:
            X = make_values(n_calls * size, case.n_features, int(rng.integers(1 << 30)), has_day=case.has_day)
            slots = rng.integers(0, n_series, n_calls * size)
            return [(slots[at : at + size], _shape(X[at : at + size])) for at in range(0, n_calls * size, size)]

        def call(batches: list[tuple[Any, Any]], times: Any = times, out: Any = out) -> int:
            for slots, X in batches:
                model.score_learn_many(slots, times, X, out)
            return len(batches) * times.size

        call(draw())
        found[size] = _repeat(call, min_secs, 3, draw)
    return found


def time_one_by_one(case: Case, seed: int, min_secs: float) -> list[float] | None:
    """Nanoseconds per sample of ``score_one`` and ``learn_one`` on our model."""
    return _time_calls(case, _make_warm(case, 1, seed), seed, min_secs, n=500)


def time_river(case: Case, seed: int, min_secs: float) -> list[float] | None:
    """Nanoseconds per sample of river's model, asked and taught one by one: the only way it has; None where it has none."""
    if case.make_river is None:
        return None
    model = case.make_river()
    warm = make_values(N_WARM, case.n_features, seed, has_day=case.has_day)
    for x in _to_calls(case, warm):
        _learn_river(case, model, x)
    timed = _time_calls(case, model, seed, min_secs, n=200)
    assert timed is not None
    return timed


def _to_calls(case: Case, X: np.ndarray[Any, Any]) -> list[Any]:
    if case.call == "dict":
        return [dict(zip("abcdefgh", row, strict=False)) for row in X.tolist()]
    if case.call == "regression":
        return [(dict(zip("abcdefgh", row[1:], strict=False)), row[0]) for row in X.tolist()]
    return X[:, 0].tolist()


def _learn_river(case: Case, model: Any, x: Any) -> None:
    if case.call == "update":
        model.update(x)
    elif case.call == "value":
        model.learn_one(None, x)
    elif case.call == "regression":
        model.learn_one(*x)
    else:
        model.learn_one(x)


def _time_calls(case: Case, model: Any, seed: int, min_secs: float, n: int) -> list[float]:
    calls = _to_calls(case, make_values(n, case.n_features, seed + 1, has_day=case.has_day))
    is_ours = isinstance(model, Estimator)

    def by_value() -> int:
        for y in calls:
            model.score_one(None, y)
            model.learn_one(None, y)
        return n

    def by_dict() -> int:
        for x in calls:
            model.score_one(x)
            model.learn_one(x)
        return n

    def by_update() -> int:
        for y in calls:
            model.update(y)
        return n

    def by_forecast() -> int:
        for y in calls:
            model.forecast(1)
            model.learn_one(None, y) if is_ours else model.learn_one(y)
        return n

    def by_regression() -> int:
        ask = model.score_one if is_ours else lambda x, y: abs(y - model.predict_one(x))
        for x, y in calls:
            ask(x, y)
            model.learn_one(x, y)
        return n

    call = {"value": by_value, "dict": by_dict, "update": by_update, "forecast": by_forecast, "regression": by_regression}[
        case.call
    ]
    if case.call in ("dict", "regression") and is_ours:
        _learn_river(case, model, calls[0])
    return _repeat(call, min_secs, 3)


def time_compilation(names: list[str]) -> dict[str, dict[str, float]]:
    """Seconds to warm each model up with an empty cache (``cold``) and with a filled one (``cached``), each in a new process.

    Kernels that models share are counted with the first that uses them.
    """
    program = "import json, sys; from models.warmup import warm_up; print(json.dumps(warm_up(json.loads(sys.argv[1]))))"
    found: dict[str, dict[str, float]] = {name: {} for name in names}
    with tempfile.TemporaryDirectory() as folder:
        for state in ("cold", "cached"):
            done = subprocess.run(
                [sys.executable, "-c", program, json.dumps(names)],
                env={**os.environ, "NUMBA_CACHE_DIR": folder},
                capture_output=True,
                text=True,
                check=True,
            )
            for name, secs in json.loads(done.stdout).items():
                found[name][state] = secs
    return found


def median(taken: list[float]) -> float:
    """Middle of the repeats."""
    return statistics.median(taken)
