"""Compile, or load from the cache, every kernel before the first sample arrives.

A kernel compiles on its first call, which takes seconds; a worker that did so after joining its consumer group would be thrown
out of it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import numba
import numpy as np

from models.base import Scores
from models.registry import build, names, variants
from models.slot_kernel import order_by_slot

__all__ = ["compiled_signatures", "exercise", "learn_and_score_one", "warm_up"]


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
            exercise(build(name, parameters))
        seconds[name] = stopwatch() - start
    return seconds


def compiled_signatures(package: str = "models") -> dict[str, int]:
    """Number of compiled signatures of every kernel of a package that is loaded so far, by ``module.kernel``.

    Examples
    --------
    >>> _ = warm_up(["gaussian_scorer"])
    >>> compiled_signatures()["models.gaussian.kernel.score_learn_many"]
    1
    """
    counts: dict[str, int] = {}
    for module_name, module in sorted(sys.modules.items()):
        if module_name.startswith(f"{package}.") and "kernel" in module_name:
            for attribute, value in vars(module).items():
                if isinstance(value, numba.core.dispatcher.Dispatcher) and value.py_func.__module__ == module_name:
                    counts[f"{module_name}.{attribute}"] = len(value.nopython_signatures)
    return counts


def exercise(model: Any, *, one_by_one: bool = True) -> None:
    """Call everything public of a fresh model that runs kernels.

    Parameters
    ----------
    model : Estimator
    one_by_one : bool
        False = but for `learn_one` and `score_one`, which an engine of batches does not use.

    Examples
    --------
    >>> model = build("ew_scorer")
    >>> exercise(model)
    >>> model.describe(0)["n_samples"]
    0
    """
    model.reserve(1)
    slots = np.zeros(2, dtype=np.int64)
    times = np.array([0, 60_000_000_000], dtype=np.int64)
    X = np.full((2, model.n_features), 0.5)
    model.score_learn_many(slots, times, X[:, 0].copy() if model.n_features == 1 else X, Scores.empty(2))
    order_by_slot(slots, 1)
    if one_by_one:
        learn_and_score_one(model)
        if hasattr(model, "forecast"):
            model.forecast(2)
    if hasattr(model, "contributions"):
        model.contributions(0, X[0])
    model.describe(0)
    model.restore(slots[:1], model.snapshot(slots[:1]))
    model.reset(slots[:1])


def learn_and_score_one(model: Any, value: float = 0.5) -> None:
    """Call the one-at-a-time methods a model has, with river's arguments: a value, a dict, or a dict and a target.

    Examples
    --------
    >>> model = build("gaussian_scorer")
    >>> learn_and_score_one(model)
    >>> model.describe(0)["n_samples"]
    1
    """
    n_features = model.n_features - 1 if getattr(model, "needs_target", False) else model.n_features
    features = {str(column): value for column in range(n_features)}
    if getattr(model, "needs_target", False):
        arguments: tuple[Any, ...] = (features, value)
    else:
        arguments = (value,) if n_features == 1 else (features,)
    for name in ("score_one", "learn_one", "score_one"):
        if hasattr(model, name):
            getattr(model, name)(*arguments)
    if hasattr(model, "predict_one"):
        model.predict_one(features)
