"""river's forecasters under river's names: what was written for them runs by ``from models import time_series``.

Examples
--------
>>> from models import anomaly, time_series
>>> model = anomaly.PredictiveAnomalyDetection(time_series.SNARIMAX(p=2, d=1, q=0), warmup_period=10)
>>> for step in range(50):
...     model.learn_one(None, 5.0 + step % 3)
>>> model.score_one(None, 90.0)
1.0
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from river import preprocessing
from river.time_series import base

from models.errors import ParameterError
from models.holt_winters import model as holt_winters
from models.river_parts import read_regression
from models.snarimax import model as snarimax

__all__ = ["SNARIMAX", "HoltWinters"]


def _refuse_regressors(model: str, parameter: str, given: Any) -> None:
    if given:
        cure = "the model river_model runs river's own"
        raise ParameterError(model, parameter, expected="no regressors beside the series itself", found=given, cure=cure)


def _settle_target(y: Any, x: Any) -> tuple[Any, Any]:
    """Target and regressors; filters and river's supervised detectors call with ``(x, y)``."""
    return (x, y) if y is None or isinstance(y, Mapping) else (y, x)


class HoltWinters(holt_winters.HoltWinters):
    """`models.holt_winters.model.HoltWinters`, made and called as river's.

    Parameters
    ----------
    alpha, beta, gamma : float
        Smoothing of level, trend and season; None = neither trend nor season.
    seasonality : int
        Samples in a season.
    multiplicative : bool
        True multiplies by the seasonal term instead of adding it.

    Examples
    --------
    >>> model = HoltWinters(alpha=0.3)
    >>> for y in (1.0, 2.0, 3.0):
    ...     model.learn_one(y=y)
    >>> [round(value, 3) for value in model.forecast(horizon=2)]
    [1.95, 1.95]
    """

    def __init__(
        self,
        alpha: float,
        beta: float | None = None,
        gamma: float | None = None,
        seasonality: int = 0,
        multiplicative: bool = False,
    ) -> None:
        super().__init__(alpha=alpha, beta=beta, gamma=gamma, seasonality=seasonality, multiplicative=multiplicative)

    def learn_one(self, y: Any, x: Any = None) -> None:  # type: ignore[override]
        """Learn `y` in slot 0; ``learn_one(None, y)`` as well, as the other models of one value; `x` is ignored, as in river."""
        super().learn_one(_settle_target(y, x)[0])

    def forecast(self, horizon: int, xs: Any = 0) -> list[float]:
        """Values expected 1 .. `horizon` samples ahead; of another slot than 0 when `xs` is its number."""
        return super().forecast(horizon, 0 if xs is None or isinstance(xs, Sequence) else int(xs))


class SNARIMAX(snarimax.SNARIMAX):
    """`models.snarimax.model.SNARIMAX`, made and called as river's.

    Parameters
    ----------
    p, d, q : int
        Past values, order of differencing, past errors.
    m : int
        Samples in a season.
    sp, sd, sq : int
        The same of seasons.
    regressor : river pipeline, optional
        ``preprocessing.StandardScaler() | linear_model.LinearRegression(...)``, which is the default.

    Examples
    --------
    >>> from river import linear_model, optim
    >>> regressor = preprocessing.StandardScaler() | linear_model.LinearRegression(optim.SGD(0.005))
    >>> SNARIMAX(p=1, d=1, q=0, regressor=regressor).parameters["learning_rate"]
    0.005
    """

    def __init__(
        self,
        p: int,
        d: int,
        q: int,
        m: int = 1,
        sp: int = 0,
        sd: int = 0,
        sq: int = 0,
        regressor: Any = None,
    ) -> None:
        read = {} if regressor is None else read_regression(self.name, "regressor", regressor, preprocessing.StandardScaler)
        super().__init__(p=p, d=d, q=q, m=m, sp=sp, sd=sd, sq=sq, **read)

    def learn_one(self, y: Any, x: Any = None) -> None:  # type: ignore[override]
        """Learn `y` in slot 0; ``learn_one(None, y)`` as well, as the other models of one value."""
        target, regressors = _settle_target(y, x)
        _refuse_regressors(self.name, "x", regressors)
        super().learn_one(target)

    def forecast(self, horizon: int, xs: Any = 0) -> list[float]:
        """Values expected 1 .. `horizon` samples ahead; of another slot than 0 when `xs` is its number."""
        return super().forecast(horizon, _settle_slot(self.name, xs))


def _settle_slot(model: str, xs: Any) -> int:
    if xs is None or isinstance(xs, Sequence):
        _refuse_regressors(model, "xs", [x for x in xs or () if x])
        return 0
    return int(xs)


_kind: Any = base.Forecaster
for _class in (HoltWinters, SNARIMAX):
    _kind.register(_class)  # river asks what a model is by its class
