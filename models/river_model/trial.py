"""Trying a river model on made samples of the shape it will get, before it gets any."""

from __future__ import annotations

import math
import warnings
from typing import NamedTuple

import numpy as np

from models.base import BoolColumn, FloatColumn, Scores
from models.made_samples import make_samples
from models.river_model.adapters import UnfitError, unwrap
from models.river_model.codec import encode
from models.river_model.model import RiverModel

__all__ = ["N_MOST", "N_TRIED", "Trial", "try_out"]

N_TRIED = 300
"""Samples of a trial that goes well."""

N_MOST = 12_000
"""Samples of one that has no score before: more than any warm-up that makes sense."""


class Trial(NamedTuple):
    """What became of a trial.

    Attributes
    ----------
    n_samples, n_scored, n_failed : int
        Samples made; those that were scored; those at which the model raised while it learned.
    error : str
        The last exception; "" = there was none.
    has_learned : bool
        The model is another than before.
    is_blind : bool
        Of several features it looks at the first only.
    needs_binary : bool
        It takes 0 and 1 only.
    needs_all : bool
        It raises where a feature is missing.
    runs_away : bool
        It has had scores, and then none any more.
    """

    n_samples: int
    n_scored: int
    n_failed: int
    error: str
    has_learned: bool
    is_blind: bool
    needs_binary: bool
    needs_all: bool
    runs_away: bool


def try_out(model: RiverModel) -> Trial:
    """Try a model of the same configuration; `model` itself is left alone.

    Two passes over `N_TRIED` samples, in the second of which all features but the first are others; goes on where the first gives
    no score.  A grace period is left out.

    Parameters
    ----------
    model : RiverModel
        Whose configuration is tried.

    Examples
    --------
    >>> try_out(RiverModel("river.anomaly.LODA", {"n_random_cuts": 5})).n_scored
    299
    >>> trial = try_out(RiverModel("river.anomaly.PredictiveAnomalyDetection"))
    >>> trial.n_scored, trial.n_failed, trial.error
    (0, 300, "AttributeError: 'NoneType' object has no attribute 'items'")
    """
    is_binary = _is_binary(model)
    X = make_samples(N_MOST, model.n_features, is_binary=is_binary)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        tried = _make(model)
        scores, ready = _run(tried, X[:N_TRIED])
        n_failed, n, error = _count_failed(tried), N_TRIED, ""
        has_learned = encode(unwrap(tried.adapter(0).model)) != encode(unwrap(model.template.model))
        while not ready.any() and n_failed < n and n < N_MOST:
            _, more = _run(tried, X[n : 2 * n])
            n, ready = n + more.size, np.append(ready, more)
            n_failed += _count_failed(tried)
        if not ready.any():
            error = _find_error(tried, X[n - 1].tolist())
        is_blind = model.has_target and bool(ready.any())
        if is_blind:
            other = make_samples(N_TRIED, model.n_features, is_binary=is_binary, seed=1)
            other[:, 0] = X[:N_TRIED, 0]
            found, others_ready = _run(_make(model), other)
            is_blind = bool(np.array_equal(scores, found) and np.array_equal(ready[:N_TRIED], others_ready))
        needs_all = model.n_features > 1 and bool(ready.any()) and not is_blind and _needs_all(tried, X[:8])
    n_scored, runs_away = int(np.count_nonzero(ready)), bool(ready.any() and not ready[-N_TRIED // 3 :].all())
    return Trial(n, n_scored, n_failed, error, has_learned, is_blind, is_binary, needs_all, runs_away)


def _is_binary(model: RiverModel) -> bool:
    probe = _make(model)
    try:
        probe.adapter(0).score([0.5] * model.n_features)
    except UnfitError:
        return True
    except Exception:  # noqa: BLE001 - found out about below
        return False
    return False


def _make(model: RiverModel) -> RiverModel:
    made = RiverModel(**{**model.parameters, "grace_period": 0})
    made.reserve(1)
    return made


def _run(model: RiverModel, X: FloatColumn) -> tuple[FloatColumn, BoolColumn]:
    zeros = np.zeros(len(X), dtype=np.int64)
    out = Scores.empty(len(X))
    ready = model.score_learn_many(zeros, zeros, X, out)
    return out.score, ready


def _count_failed(model: RiverModel) -> int:
    return sum(fault.n_samples for fault in model.take_faults())


def _find_error(model: RiverModel, x: list[float]) -> str:
    """What it raises when it is asked, and then has to learn."""
    adapter = model.adapter(0)
    for call in (lambda: adapter.learn(x, is_asked=True), lambda: adapter.score(x)):
        try:
            call()
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            return " ".join(f"{type(error).__name__}: {error}".split())
    return ""


def _needs_all(model: RiverModel, X: FloatColumn) -> bool:
    gaps = X.copy()
    for i in range(len(gaps)):
        gaps[i, 1 + i % (gaps.shape[1] - 1)] = math.nan
    _run(model, gaps)
    return _count_failed(model) > 0
