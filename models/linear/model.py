"""Linear regression of one feature on others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn
from models.columnar import Batch
from models.errors import ParameterError, ShapeError
from models.features import FeatureIndex
from models.forecaster import Forecaster
from models.linear import kernel
from models.linear.state import ROW
from models.multivariate import FEATURES, N_FEATURES
from models.parameters import CLIP_GRADIENT, INTERCEPT_LR, LEARNING_RATE, Parameter
from models.state_array import StateArray

__all__ = ["LinearRegression"]


class LinearRegression(Forecaster):
    """Prediction of a value from others measured with it, by one step of gradient descent a sample.

    Good where one metric should follow from others, as latency from load; it knows no time.

    Parameters
    ----------
    learning_rate : float
        Step of the weights (river: ``optim.SGD(learning_rate)``).
    intercept_lr : float
        Step of the intercept.
    clip_gradient : float
        Greatest absolute gradient.
    scale : {"minmax", "none"}
        ``minmax`` maps each regressor by its running minimum and maximum into [0, 1].
    n_features : int
        Regressors, when they have no names.
    features : list of str, optional
        Names of the regressors in column order.

    Notes
    -----
    In the batch call column 0 of `X` is the value to predict, and the columns after it are the regressors.  Predictions equal
    those of river's ``preprocessing.MinMaxScaler() | linear_model.LinearRegression()`` to the last bit, when the dicts list their
    features in column order.  Score: absolute error, in units of the value.

    A missing (NaN) or infinite regressor takes no part.  While one that is present has never been learned there is no prediction,
    where river's is NaN.  A sample without a value, or so large that a weight would overflow, is not learned.  O(F) time;
    16 bytes a series and 24 a regressor.

    References
    ----------
    Robbins, H. and Monro, S. (1951). A stochastic approximation method. Annals of Mathematical Statistics 22(3).

    Examples
    --------
    >>> model = LinearRegression(learning_rate=0.1, features=["load"])
    >>> for step in range(400):
    ...     model.learn_one({"load": float(step % 5)}, 10.0 + 2.0 * (step % 5))
    >>> round(model.predict_one({"load": 3.0}))
    16
    """

    name: ClassVar[str] = "linear_regression"
    schema: ClassVar[tuple[Parameter, ...]] = (
        LEARNING_RATE,
        INTERCEPT_LR,
        CLIP_GRADIENT,
        Parameter(
            "scale",
            "str",
            "minmax",
            "Minmax maps each regressor by its running minimum and maximum into [0, 1].",
            choices=("minmax", "none"),
        ),
        N_FEATURES,
        FEATURES,
    )
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = ({}, {"n_features": 3, "scale": "none", "learning_rate": 0.001})

    def __init__(
        self,
        learning_rate: float = 0.01,
        intercept_lr: float = 0.01,
        clip_gradient: float = 1e12,
        scale: Literal["minmax", "none"] = "minmax",
        n_features: int = 1,
        features: Sequence[str] | None = None,
    ) -> None:
        super().__init__(
            learning_rate=learning_rate,
            intercept_lr=intercept_lr,
            clip_gradient=clip_gradient,
            scale=scale,
            n_features=n_features,
            features=features,
        )
        names = self._parameters["features"]
        if names is not None and n_features not in (1, len(names)):
            raise ParameterError(
                self.name, "n_features", expected=f"{len(names)}, the number of names in features", found=n_features
            )
        self._index = FeatureIndex(names, len(names) if names else n_features)
        self.n_features = 1 + self._index.n_features
        self._is_scaled = self._parameters["scale"] == "minmax"
        self._knobs = np.array([self._parameters[key] for key in ("learning_rate", "intercept_lr", "clip_gradient")])

    @property
    def needs_target(self) -> bool:
        """True: `learn_one` takes features and the value that goes with them."""
        return True

    def _make_fresh_row(self) -> dict[str, StateArray]:
        terms = np.tile([0.0, np.inf, -np.inf], (1, self._index.n_features, 1))
        return {"rows": np.zeros(1, ROW), "terms": terms}

    def _bind(self) -> None:
        self._rows, self._terms = self._state.values()

    def forecast_learn(self, batch: Batch, expected: FloatColumn, ready: BoolColumn) -> None:
        """See `Forecaster.forecast_learn`."""
        self._run(batch.slots, batch.X, expected, ready, learn=True)

    def _run(self, slots: IntColumn, X: FloatColumn, expected: FloatColumn, ready: BoolColumn, *, learn: bool) -> None:
        kernel.forecast_learn_many(self._rows, self._terms, self._knobs, self._is_scaled, learn, slots, X, expected, ready)

    def forecast(self, horizon: int, slot: int = 0) -> list[float]:  # noqa: ARG002 - the same for every series
        """NaN: what comes next depends on regressors not yet known."""
        return [math.nan] * horizon

    def learn_one(self, x: Mapping[str, float], y: float) -> None:
        """Learn in slot 0 that `y` goes with the regressors `x`; without configured names the first dict fixes them.

        Raises
        ------
        ShapeError
            The first dict has another number of regressors than what was learned in columns so far.
        """
        if self._index.names is None and x:
            self._adopt(x)
        self.reserve(1)
        self._run(_SLOT_0, self._to_row(x, y), np.empty(1), np.empty(1, np.bool_), learn=True)

    def predict_one(self, x: Mapping[str, float]) -> float:
        """Value that goes with the regressors `x` in slot 0; NaN when unknown."""
        self.reserve(1)
        if self._index.names is None and len(x) != self._index.n_features and not self._rows["n"].any():
            return (
                math.nan if self._is_scaled else 0.0
            )  # what the weights of so many regressors would give, which are not there yet
        expected = np.empty(1)
        self._run(_SLOT_0, self._to_row(x, 0.0), expected, np.empty(1, np.bool_), learn=False)
        return float(expected[0])

    def _adopt(self, x: Mapping[str, float]) -> None:
        """Name the columns after the regressors of `x`; rows reserved before are made anew when their number is another."""
        if self._n_slots and len(x) != self._index.n_features:
            if self._rows["n"].any():
                raise ShapeError(
                    f"{self.name}: regressors {sorted(x)} do not fit the {self._index.n_features} columns in use; "
                    "name them when the model is made (features=[...])"
                )
            n_slots, self._n_slots, self._capacity, self._state = self._n_slots, 0, 0, {}
            self._index.adopt(x)
            self.reserve(n_slots)
        self._index.adopt(x)
        self.n_features = 1 + self._index.n_features

    def _to_row(self, x: Mapping[str, float], y: float) -> FloatColumn:
        index = self._index
        if index.names is None and len(x) == index.n_features:
            index = FeatureIndex(sorted(x), len(x))  # those the first dict learned would fix
        return np.concatenate([[y], index.to_vector(x)]).reshape(1, -1)

    def _is_ready(self, slot: int) -> bool:
        return bool(self._rows[slot]["n"] > 0)

    def _describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        return {"n_samples": int(self._rows[slot]["n"]), "intercept": float(self._rows[slot]["intercept"])}


_SLOT_0 = np.zeros(1, dtype=np.int64)
