"""One-class support vector machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn, ScoreKind
from models.bound import find_entry
from models.damage import MOST_SAMPLES, find_not_finite, find_outside
from models.multivariate import FEATURES, N_FEATURES, MultivariateEstimator
from models.parameters import CLIP_GRADIENT, GRACE_PERIOD, INTERCEPT_LR, LEARNING_RATE, Parameter
from models.state_array import StateArray
from models.svm import kernel
from models.svm.state import INTERCEPT, WEIGHTS, N

__all__ = ["OneClassSVM"]

MAX_FLOAT = float(np.finfo(np.float64).max)


class OneClassSVM(MultivariateEstimator):
    """Hyperplane that keeps the data away from the origin, moved a little by every sample.

    Good as a very light detector over features scaled around zero; it sees directions only, and scale matters.

    Parameters
    ----------
    nu : float
        Expected fraction of anomalies; strength of the pull of the weights towards zero.
    learning_rate : float
        Step of the weights (river: ``optim.SGD(learning_rate)``).
    intercept_lr : float
        Step of the intercept.
    clip_gradient : float
        Greatest absolute gradient.
    grace_period : int
        Samples before which the score is 0.0 and the series is not ready; 0 = as in river, from the second sample on.
    n_features : int
        Columns, when the features have no names.
    features : list of str, optional
        Names of the features in column order.

    Notes
    -----
    Scores equal river's `anomaly.OneClassSVM` with stochastic gradient descent to the last bit when the dicts list their features
    in column order (a sum of floats depends on its order).  A missing (NaN) or infinite feature takes no part in a sample; one
    without any feature is not learned and not ready.  Features unknown to the columns are left out.  A sample so large that a
    weight would overflow is not learned.  O(F) time; 16 bytes a series and 8 a feature.

    References
    ----------
    Schölkopf, B. et al. (2001). Estimating the support of a high-dimensional distribution. Neural Computation 13(7).

    Examples
    --------
    >>> model = OneClassSVM(nu=0.2)
    >>> for _ in range(20):
    ...     model.learn_one({"heat": 1.0, "load": 0.5})
    >>> round(model.score_one({"heat": 1.0, "load": 0.5}), 3)
    0.025
    """

    name: ClassVar[str] = "one_class_svm"
    score_kind: ClassVar[ScoreKind] = "raw"
    schema: ClassVar[tuple[Parameter, ...]] = (
        Parameter("nu", "float", 0.1, "Expected fraction of anomalies.", minimum=0, maximum=1),
        LEARNING_RATE,
        INTERCEPT_LR,
        CLIP_GRADIENT,
        GRACE_PERIOD,
        N_FEATURES,
        FEATURES,
    )
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = ({}, {"n_features": 3, "nu": 0.3, "grace_period": 30})
    has_gate: ClassVar[bool] = True
    bound: ClassVar[tuple[str, ...]] = ("_learn_entry", "_score_entry")

    def __init__(
        self,
        nu: float = 0.1,
        learning_rate: float = 0.01,
        intercept_lr: float = 0.01,
        clip_gradient: float = 1e12,
        grace_period: int = 0,
        n_features: int = 1,
        features: Sequence[str] | None = None,
    ) -> None:
        super().__init__(
            nu=nu,
            learning_rate=learning_rate,
            intercept_lr=intercept_lr,
            clip_gradient=clip_gradient,
            grace_period=grace_period,
            n_features=n_features,
            features=features,
        )
        self._grace_period: int = self._parameters["grace_period"]
        self._knobs = np.array([self._parameters[key] for key in ("nu", "learning_rate", "intercept_lr", "clip_gradient")])

    def _find_damage(self, columns: Mapping[str, StateArray]) -> str:
        """See `ColumnarEstimator._find_damage`."""
        return find_outside("n", columns["rows"][:, N], 0, MOST_SAMPLES) or find_not_finite(columns)

    def _make_fresh_row(self) -> dict[str, StateArray]:
        fresh = np.zeros((1, WEIGHTS + self.n_features))
        fresh[0, INTERCEPT] = 1.0
        return {"rows": fresh}

    def _bind(self) -> None:
        self._rows: FloatColumn = self._state["rows"]
        self._learn_entry: Callable[..., bool] | None = None
        self._score_entry: Callable[..., float] | None = None

    def _run(self, slots: IntColumn, X: FloatColumn, scores: FloatColumn, ready: BoolColumn, *, score: bool, learn: bool) -> None:
        gate = self._get_gate(score)
        kernel.score_learn_many(self._rows, self._knobs, self._grace_period, score, learn, *gate, slots, X, scores, ready)

    def _learn_row(self) -> None:
        if self._learn_entry is None:
            self._learn_entry = find_entry(kernel.learn_row, self._rows, self._knobs, self._row)
        self._learn_entry(self._rows, self._knobs, self._row)

    def _score_row(self) -> float:
        if self._score_entry is None:
            self._score_entry = find_entry(kernel.score_row, self._rows, self._grace_period, self._row)
        return self._score_entry(self._rows, self._grace_period, self._row)

    def _is_ready(self, slot: int) -> bool:
        return bool(self._rows[slot, N] >= max(self._grace_period, 1))

    def _describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        return {
            "n_samples": int(self._rows[slot, N]),
            "intercept": float(self._rows[slot, INTERCEPT]),
            "weight_norm": min(math.hypot(*self._rows[slot, WEIGHTS:].tolist()), MAX_FLOAT),
        }

    def contributions(self, slot: int, x: FloatColumn) -> FloatColumn:
        """Share of each feature in the score of `x`: weight times value, (F,) float64; 0.0 where missing."""
        self._check_slots(np.array([slot], dtype=np.int64))
        known = np.where(np.isfinite(x), x, 0.0)
        with np.errstate(over="ignore"):
            return np.clip(self._rows[slot, WEIGHTS:] * known, -MAX_FLOAT, MAX_FLOAT)
