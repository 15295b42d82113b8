"""Compile, or load from the cache, every kernel before the first sample arrives.

A kernel compiles on its first call, which takes seconds; a worker that did so after joining its consumer group would be thrown
out of it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable

import numba
import numpy as np

from models.base import Estimator, Scores
from models.registry import build, names, variants

__all__ = ["compiled_signatures", "warm_up"]


def warm_up(only: Iterable[str] | None = None, *, stopwatch: Callable[[], float] = time.perf_counter) -> dict[str, float]:
    """Run every kernel of the registered models once for every signature it can have.

    Parameters
    ----------
    only : iterable of str, optional
        Names of the models to warm up; None = all registered.
    stopwatch : callable
        Seconds from any origin.

    Returns
    -------
    dict of str to float
        Seconds taken, by model.

    Raises
    ------
    ParameterError
        A name is not registered.

    Examples
    --------
    >>> list(warm_up(["gaussian_scorer"]))
    ['gaussian_scorer']
    """
    seconds: dict[str, float] = {}
    for name in names() if only is None else only:
        start = stopwatch()
        for parameters in variants(name):
            _exercise(build(name, parameters))
        seconds[name] = stopwatch() - start
    return seconds


def compiled_signatures() -> dict[str, int]:
    """Number of compiled signatures of every kernel loaded so far, by ``module.kernel``.

    Examples
    --------
    >>> _ = warm_up(["gaussian_scorer"])
    >>> compiled_signatures()["models.gaussian.kernel.score_learn_many"]
    1
    """
    counts: dict[str, int] = {}
    for module_name, module in sorted(sys.modules.items()):
        if module_name.startswith("models.") and "kernel" in module_name:
            for attribute, value in vars(module).items():
                if isinstance(value, numba.core.dispatcher.Dispatcher) and value.py_func.__module__ == module_name:
                    counts[f"{module_name}.{attribute}"] = len(value.nopython_signatures)
    return counts


def _exercise(model: Estimator) -> None:
    """Call everything public that runs kernels."""
    model.reserve(1)
    slots = np.zeros(2, dtype=np.int64)
    times = np.array([0, 60_000_000_000], dtype=np.int64)
    X = np.full((2, model.n_features), 0.5)
    model.score_learn_many(slots, times, X[:, 0].copy() if model.n_features == 1 else X, Scores.empty(2))
    for call in ("score_one", "learn_one", "score_one"):
        method = getattr(model, call, None)
        if method is not None:
            method(0.5) if model.n_features == 1 else method({str(column): 0.5 for column in range(model.n_features)})
    model.describe(0)
    model.restore(slots[:1], model.snapshot(slots[:1]))
    model.reset(slots[:1])
