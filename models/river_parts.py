"""Parts of river's that its detectors are made with (optimisers, statistics, searches, regressions), read into parameters of ours."""

from __future__ import annotations

from typing import Any

from river import compose, linear_model, neighbors, optim, stats
from river.utils.math import _euclidean_distance  # type: ignore[attr-defined]
from river.utils.vectordict import euclidean_distance_tuple

from models.base import Estimator
from models.errors import ParameterError

__all__ = ["read_engine", "read_model", "read_optimizer", "read_rate", "read_regression", "read_statistic"]

_CURE = "the model river_model runs any river class as it is"


def read_rate(model: str, parameter: str, rate: Any) -> Any:
    """Step of a constant schedule, or the number itself.

    Examples
    --------
    >>> read_rate("demo", "intercept_lr", optim.schedulers.Constant(0.1)), read_rate("demo", "intercept_lr", 0.2)
    (0.1, 0.2)
    """
    if isinstance(rate, optim.base.Scheduler):
        if type(rate) is not optim.schedulers.Constant:
            raise ParameterError(model, parameter, expected="a number, or optim.schedulers.Constant", found=rate, cure=_CURE)
        return rate.learning_rate
    return rate


def read_optimizer(model: str, optimizer: Any) -> float:
    """Learning rate of ``optim.SGD`` with a constant step; None is river's default.

    Examples
    --------
    >>> read_optimizer("demo", optim.SGD(0.05)), read_optimizer("demo", None)
    (0.05, 0.01)
    >>> read_optimizer("demo", optim.Adam())
    Traceback (most recent call last):
        ...
    models.errors.ParameterError: demo.optimizer: expected optim.SGD; found Adam(...); the model river_model runs any ...
    """
    if optimizer is None:
        return 0.01
    if type(optimizer) is not optim.SGD:
        raise ParameterError(model, "optimizer", expected="optim.SGD", found=optimizer, cure=_CURE)
    return float(read_rate(model, "optimizer", optimizer.lr))


def read_statistic(model: str, statistic: Any) -> Any:
    """``"mean"`` or ``"median"`` for the statistic that stands for it; a text as it is.

    Examples
    --------
    >>> read_statistic("demo", stats.Quantile(0.5)), read_statistic("demo", None), read_statistic("demo", "mean")
    ('median', 'mean', 'mean')
    """
    if statistic is None or type(statistic) is stats.Mean:
        return "mean"
    if type(statistic) is stats.Quantile and statistic.q == 0.5:
        return "median"
    if isinstance(statistic, str):
        return statistic
    raise ParameterError(model, "sub_stat", expected="stats.Mean() or stats.Quantile(0.5)", found=statistic, cure=_CURE)


def read_engine(model: str, engine: Any) -> int:
    """Window of ``neighbors.LazySearch`` over Euclidean distances, which is what the detector itself asks for by default."""
    if engine is None:
        return 1000
    exact = (_euclidean_distance, euclidean_distance_tuple)
    if type(engine) is not neighbors.LazySearch or engine.dist_func not in exact or engine.min_distance_keep:
        expected = "neighbors.LazySearch(window_size, dist_func=river.utils.math._euclidean_distance)"
        raise ParameterError(model, "engine", expected=expected, found=engine, cure=_CURE)
    return int(engine.window_size)


def read_regression(model: str, parameter: str, regression: Any, scaler: type[Any]) -> dict[str, Any]:
    """Parameters of ``scaler() | linear_model.LinearRegression(...)`` that was never used.

    Parameters
    ----------
    model, parameter : str
        Whose it is, for errors.
    regression : river pipeline
    scaler : type
        Class of its first step.

    Examples
    --------
    >>> from river import preprocessing
    >>> found = preprocessing.StandardScaler() | linear_model.LinearRegression(optim.SGD(0.005))
    >>> read_regression("demo", "regressor", found, preprocessing.StandardScaler)
    {'learning_rate': 0.005, 'intercept_lr': 0.01, 'clip_gradient': 1000000000000.0}
    """
    steps = list(regression.steps.values()) if isinstance(regression, compose.Pipeline) else [regression]
    last = steps[-1]
    is_plain = (
        len(steps) == 2
        and type(steps[0]) is scaler
        and getattr(steps[0], "with_std", True)
        and getattr(steps[0], "window_size", None) is None
        and type(last) is linear_model.LinearRegression
        and type(last.loss) is optim.losses.Squared
        and type(last.initializer) is optim.initializers.Zeros
        and not (last.l1 or last.l2 or last.intercept_init or last._weights)
    )
    if not is_plain:
        expected = f"preprocessing.{scaler.__name__}() | linear_model.LinearRegression(optim.SGD(...))"
        raise ParameterError(model, parameter, expected=expected, found=regression, cure=_CURE)
    return {
        "learning_rate": read_optimizer(model, last.optimizer),
        "intercept_lr": read_rate(model, "intercept_lr", last.intercept_lr),
        "clip_gradient": last.clip_gradient,
    }


def read_model(model: str, parameter: str, inner: Any) -> dict[str, Any]:
    """What names the model `inner` of ours: ``{model: name, parameters: {...}}``; such a mapping as it is."""
    if isinstance(inner, Estimator):
        return {"model": inner.name, "parameters": dict(inner.parameters)}
    if isinstance(inner, dict):
        return inner
    cure = (
        "import it from `models` too, and scale by its parameter `scale` instead of a pipeline; river_model runs any river class"
    )
    raise ParameterError(model, parameter, expected="a model of `models`", found=inner, cure=cure)
