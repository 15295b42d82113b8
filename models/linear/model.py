"""Linear regression of one feature on others."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np

from models.base import BoolColumn, FloatColumn
from models.bound import find_entry
from models.columnar import Batch
from models.damage import MOST_SAMPLES, find_not_finite, find_outside
from models.errors import ParameterError, ShapeError
from models.features import FeatureIndex
from models.forecaster import MAX_FLOAT, Forecaster
from models.linear import kernel
from models.linear.state import ROW
from models.multivariate import FEATURES, N_FEATURES
from models.number import to_feature, to_number
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

    bound: ClassVar[tuple[str, ...]] = ("_learn_row", "_predict_row")

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

    @classmethod
    def with_features(cls, parameters: Mapping[str, Any], features: Sequence[str]) -> dict[str, Any]:
        """See `Estimator.with_features`: all but the first are regressors."""
        return {**parameters, "features": list(features[1:])}

    @property
    def needs_target(self) -> bool:
        """True: `learn_one` takes features and the value that goes with them."""
        return True

    @property
    def has_target(self) -> bool:
        """True: column 0 is predicted."""
        return True

    def _find_damage(self, columns: Mapping[str, StateArray]) -> str:
        """See `ColumnarEstimator._find_damage`."""
        bounds = columns["terms"][..., 1:]
        weights = {"rows": columns["rows"], "weights": columns["terms"][..., 0], "bounds": bounds}
        return find_outside("n", columns["rows"]["n"], 0, MOST_SAMPLES) or find_not_finite(weights, {"bounds"})

    def _make_fresh_row(self) -> dict[str, StateArray]:
        terms = np.tile([0.0, np.inf, -np.inf], (1, self._index.n_features, 1))
        return {"rows": np.zeros(1, ROW), "terms": terms}

    def _bind(self) -> None:
        self._rows, self._terms = self._state.values()
        self._row = np.empty((1, 1 + self._index.n_features))
        self._scratch = np.empty(self._index.n_features)
        self._learn_row: Callable[[], None] | None = None
        self._predict_row: Callable[[], float] | None = None

    def forecast_learn(self, batch: Batch, expected: FloatColumn, ready: BoolColumn) -> None:
        """See `Forecaster.forecast_learn`."""
        arrays = self._rows, self._terms, self._knobs
        kernel.forecast_learn_many(*arrays, self._is_scaled, self._scratch, batch.slots, batch.X, expected, ready)

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
        self.adopt_names(x)
        if not self._n_slots:
            self.reserve(1)
        self._fill(x, y)
        if self._learn_row is None:
            arguments = (self._rows, self._terms, self._knobs, self._is_scaled, self._row, self._scratch)
            self._learn_row = partial(find_entry(kernel.learn_row, *arguments), *arguments)
        self._learn_row()

    def predict_one(self, x: Mapping[str, float]) -> float:
        """Value that goes with the regressors `x` in slot 0; NaN when unknown."""
        if not self._n_slots:
            self.reserve(1)
        if self._index.names is None and len(x) != self._index.n_features and not self._rows["n"].any():
            return (
                math.nan if self._is_scaled else 0.0
            )  # what the weights of so many regressors would give, which are not there yet
        self._fill(x, 0.0)
        if self._predict_row is None:
            arguments = (self._rows, self._terms, self._is_scaled, self._row)
            self._predict_row = partial(find_entry(kernel.predict_row, *arguments), *arguments)
        predicted = self._predict_row()
        return predicted if math.isfinite(predicted) else math.nan

    def score_one(self, x: Mapping[str, float], y: float) -> float:
        """Absolute error of what slot 0 predicts for the regressors `x`, in units of `y`; 0.0 without a prediction.

        Examples
        --------
        >>> model = LinearRegression(scale="none", learning_rate=0.1)
        >>> for step in range(200):
        ...     model.learn_one({"load": step % 3}, 2.0 * (step % 3))
        >>> round(model.score_one({"load": 2}, 9.0), 1)
        5.0
        """
        y, predicted = to_number(y), self.predict_one(x)
        return min(abs(y - predicted), MAX_FLOAT) if self._is_ready(0) and math.isfinite(y - predicted) else 0.0

    def contributions(self, slot: int, x: FloatColumn) -> FloatColumn:
        """What each column adds to the absolute error of `x` in `slot`: the error less the one that masking the column leaves.

        Parameters
        ----------
        slot : int
            A reserved slot.
        x : (1 + F,) float64
            The value and its regressors; nothing is learned.

        Returns
        -------
        (1 + F,) float64
            In units of the value.  A masked regressor takes no part in the prediction; without the value there is no error, so its
            own share is the whole.  0.0 where a regressor is missing, and everywhere while there is no prediction.

        Raises
        ------
        SlotError
            The slot is not reserved.

        Examples
        --------
        >>> model = LinearRegression(learning_rate=0.1, features=["load", "noise"])
        >>> for step in range(400):
        ...     model.learn_one({"load": float(step % 5), "noise": float(step % 2)}, 10.0 + 2.0 * (step % 5))
        >>> model.contributions(0, np.array([30.0, 4.0, 0.0])).round()
        array([12., -9.,  0.])
        """
        self._check_slots(np.array([slot], dtype=np.int64))
        n_columns = self.n_features
        X = np.tile(np.asarray(x, dtype=np.float64), (n_columns, 1))
        regressors = np.arange(1, n_columns)
        X[regressors, regressors] = np.nan
        # Copies of the series, for they learn.
        slots, expected = np.arange(n_columns), np.empty(n_columns)
        state = self._rows[[slot] * n_columns], self._terms[[slot] * n_columns], self._knobs
        kernel.forecast_learn_many(*state, self._is_scaled, self._scratch, slots, X, expected, np.empty(n_columns, np.bool_))
        error = np.abs(X[0, 0] - expected)
        found = error[0] - error
        found[0] = error[0]
        return np.where(np.isfinite(found) & np.isfinite(X[0]), found, 0.0)

    def adopt_names(self, x: object) -> None:
        """Let the first dict of regressors fix their names, as learning it would."""
        if isinstance(x, Mapping) and self._index.names is None and x:
            self._adopt(x)

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

    def _fill(self, x: Mapping[str, float], y: float) -> None:
        """Write regressors and value into `_row`, which is allocated once because allocating costs as much as predicting."""
        names = self._index.names
        if names is None:  # those the first dict learned would fix
            names = list(x) if len(x) == self._index.n_features else ["" for _ in range(self._index.n_features)]
        row = self._row[0]
        row[0] = to_number(y)
        for column, name in enumerate(names, 1):
            row[column] = to_feature(x.get(name, math.nan))

    def _is_ready(self, slot: int) -> bool:
        return bool(self._rows[slot]["n"] > 0)

    def _describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        return {"n_samples": int(self._rows[slot]["n"]), "intercept": float(self._rows[slot]["intercept"])}
