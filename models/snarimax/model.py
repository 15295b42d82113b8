"""SNARIMAX forecaster."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from models.base import BoolColumn, FloatColumn
from models.columnar import Batch, UnivariateEstimator
from models.damage import find_not_finite, find_ring_damage
from models.forecaster import Forecaster
from models.parameters import CLIP_GRADIENT, INTERCEPT_LR, LEARNING_RATE, Parameter
from models.snarimax import kernel
from models.snarimax.differences import compose_differences
from models.snarimax.state import ROW
from models.state_array import StateArray

__all__ = ["SNARIMAX"]


class SNARIMAX(Forecaster, UnivariateEstimator):
    """Linear regression on the series' own past values and forecast errors, seasonal ones included, after differencing.

    Good at autocorrelated series, with or without a season; needs evenly spaced samples and can diverge when badly scaled.

    Parameters
    ----------
    p, d, q : int
        Past values used, order of differencing, past errors used.
    m : int
        Samples in a season.
    sp, sd, sq : int
        The same by whole seasons.
    learning_rate : float
        Step of the weights.
    intercept_lr : float
        Step of the intercept.
    clip_gradient : float
        Greatest absolute gradient.

    Notes
    -----
    Forecasts equal river's `time_series.SNARIMAX` with its default regressor (``StandardScaler() | LinearRegression()``) to the
    last bit.  Score: absolute error, in units of the value.  A sample that is NaN or infinite is passed over, and
    one beyond 1e150 not learned; nor is one that would make a weight or a statistic infinite, where river's would stay NaN for
    ever.

    O(p + q + sp + sq) time; 64 bytes a series, 32 a feature, and 8 an entry of the rings (d + m * sd values, max(p, m * sp)
    differences, max(q, m * sq) errors): 1,128 with ``p=12, d=1, q=12, m=12, sd=1``.  A feature has its weight and, because lags
    become known one after the other, count, mean and variance of its own scaler; the rings hold what the equation looks back to and
    nothing else.  Only the six counts and heads of the rings could be shorter, by 24 bytes.

    References
    ----------
    Anava, O., Hazan, E., Mannor, S. and Shamir, O. (2013). Online learning for time series prediction. COLT.

    Examples
    --------
    >>> model = SNARIMAX(p=2, d=1, q=0)
    >>> for step in range(200):
    ...     model.learn_one(None, 10.0 + 0.5 * step)
    >>> [round(y, 1) for y in model.forecast(2)]
    [110.0, 110.5]
    """

    name: ClassVar[str] = "snarimax"
    schema: ClassVar[tuple[Parameter, ...]] = (
        Parameter("p", "int", 1, "Past values used.", minimum=0, maximum=1000),
        Parameter("d", "int", 0, "Order of differencing.", minimum=0, maximum=5),
        Parameter("q", "int", 0, "Past errors used.", minimum=0, maximum=1000),
        Parameter("m", "int", 1, "Samples in a season.", minimum=1, maximum=10_000),
        Parameter("sp", "int", 0, "Past seasons of values used.", minimum=0, maximum=100),
        Parameter("sd", "int", 0, "Order of seasonal differencing.", minimum=0, maximum=5),
        Parameter("sq", "int", 0, "Past seasons of errors used.", minimum=0, maximum=100),
        LEARNING_RATE,
        INTERCEPT_LR,
        CLIP_GRADIENT,
    )
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = ({}, {"p": 3, "d": 1, "q": 2, "m": 7, "sp": 2, "sd": 1, "sq": 1})

    def __init__(
        self,
        p: int = 1,
        d: int = 0,
        q: int = 0,
        m: int = 1,
        sp: int = 0,
        sd: int = 0,
        sq: int = 0,
        learning_rate: float = 0.01,
        intercept_lr: float = 0.01,
        clip_gradient: float = 1e12,
    ) -> None:
        super().__init__(
            p=p,
            d=d,
            q=q,
            m=m,
            sp=sp,
            sd=sd,
            sq=sq,
            learning_rate=learning_rate,
            intercept_lr=intercept_lr,
            clip_gradient=clip_gradient,
        )
        chosen = self._parameters
        self._orders = np.array([chosen[key] for key in ("p", "q", "m", "sp", "sq")], dtype=np.int64)
        self._shifts, self._factors = compose_differences(chosen["d"], chosen["sd"], chosen["m"])
        self._knobs = np.array([chosen["learning_rate"], chosen["intercept_lr"], chosen["clip_gradient"]])

    def _find_damage(self, columns: Mapping[str, StateArray]) -> str:
        """See `ColumnarEstimator._find_damage`."""
        rows = columns["rows"]
        rings = (("values", "n_values", "value_head"), ("lags", "n_lags", "lag_head"), ("errors", "n_errors", "error_head"))
        found = (find_ring_damage(name, rows[n], rows[head], columns[name].shape[1]) for name, n, head in rings)
        return next(filter(None, found), "") or find_not_finite(columns)

    def _make_fresh_row(self) -> dict[str, StateArray]:
        p, q, m, sp, sq = self._orders.tolist()
        return {
            "rows": np.zeros(1, ROW),
            "values": np.zeros((1, int(self._shifts.max()))),
            "lags": np.zeros((1, max(p, m * sp))),
            "errors": np.zeros((1, max(q, m * sq))),
            "terms": np.zeros((1, p + sp + q + sq, 4)),
        }

    def _bind(self) -> None:
        self._rows, self._values, self._lags, self._errors, self._terms = self._state.values()

    def forecast_learn(self, batch: Batch, expected: FloatColumn, ready: BoolColumn) -> None:
        """See `Forecaster.forecast_learn`."""
        kernel.forecast_learn_many(
            self._rows,
            self._values,
            self._lags,
            self._errors,
            self._terms,
            self._orders,
            self._shifts,
            self._factors,
            self._knobs,
            batch.slots,
            batch.X,
            expected,
            ready,
        )

    def forecast(self, horizon: int, slot: int = 0) -> list[float]:
        """Values expected 1 .. `horizon` samples ahead, each forecast serving as the value of its time for those after it."""
        self.reserve(slot + 1)
        path = np.empty(horizon)
        kernel.forecast_path(
            self._rows[slot : slot + 1].copy(),
            self._values[slot : slot + 1].copy(),
            self._lags[slot : slot + 1].copy(),
            self._errors[slot : slot + 1].copy(),
            self._terms[slot : slot + 1],
            self._orders,
            self._shifts,
            self._factors,
            path,
        )
        return path.tolist()

    def _learn_value(self, y: float) -> None:
        batch = Batch(np.zeros(1, np.int64), np.zeros(1, np.int64), np.array([y], dtype=np.float64))
        self.forecast_learn(batch, np.empty(1), np.empty(1, np.bool_))

    def _score_value(self, y: float) -> float:
        error = abs(y - self.forecast(1)[0])
        return error if math.isfinite(error) else 0.0

    def _is_ready(self, slot: int) -> bool:
        return bool(self._rows[slot]["n_learned"] > 0)

    def _describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        return {
            "n_learned": int(self._rows[slot]["n_learned"]),
            "intercept": float(self._rows[slot]["intercept"]),
        }
