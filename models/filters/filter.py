"""Filters: a detector, a cut on its scores, and the choice not to learn what is above the cut."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from models import gate_kernel as kernel
from models.base import BoolColumn, Estimator, FloatColumn, IntColumn, ScoreKind, Scores, Snapshot
from models.columnar import Batch, ColumnarEstimator
from models.filters.run_ahead import score_learn_ahead
from models.gate import Gate
from models.number import to_feature, to_number
from models.parameters import Parameter
from models.quantile.state import P2_WIDTH
from models.registry import build
from models.wrapper import WrapperEstimator

__all__ = ["DETECTOR", "PROTECT", "Filter", "find_core"]

DETECTOR = Parameter("detector", "model", ..., "Detector behind the filter: {model: name, parameters: {...}}.")
PROTECT = Parameter("protect", "bool", True, "True keeps samples above the cut from the detector; false learns every sample.")


class Filter(WrapperEstimator):
    """Base of the filters.  Scores, readiness, expected value and scale are the detector's.

    A detector whose kernels know the gate (`ColumnarEstimator.has_gate`) runs as fast as without a filter.  Any other one runs ahead,
    and goes back to where a sample was above the cut (`models.filters.run_ahead`).
    """

    score_kind: ClassVar[ScoreKind] = "raw"
    inner_name: ClassVar[str] = "detector"

    def __init__(self, **parameters: Any) -> None:
        super().__init__(**parameters)
        self._rule = self._make_rule()
        self._rows = np.zeros((0, P2_WIDTH))
        self._install()

    @abstractmethod
    def _make_rule(self) -> FloatColumn:
        """Rule of the gate, see `models.gate.Gate`."""

    @property
    def detector(self) -> Estimator:
        """The detector behind the filter."""
        return self._inner

    def classify(self, score: float, slot: int = 0) -> bool:
        """True when `score` is anomalous to the series in `slot` as things stand."""
        return bool(score >= self.get_cut(slot))

    def get_cut(self, slot: int = 0) -> float:
        """Score from which a sample of `slot` is anomalous; infinite while nothing is known."""
        return float(kernel.get_cut(self._rule, self._rows, slot)) if slot < self._n_slots else self._get_first_cut()

    @abstractmethod
    def _get_first_cut(self) -> float:
        """Cut of a series never seen."""

    def is_shut(self, X: FloatColumn) -> bool:
        """Whether the detector of a fresh model learns nothing from the second half of the samples `X`, (B, F): none is below the cut.

        A threshold below what a detector says of every sample when it has hardly learned keeps it so for ever.

        Examples
        --------
        >>> from models.filters.model import ThresholdFilter
        >>> from models.made_samples import make_samples
        >>> ThresholdFilter({"model": "loda"}, threshold=0.9).is_shut(make_samples(100, 1))
        True
        >>> ThresholdFilter({"model": "gaussian_scorer"}, threshold=0.9).is_shut(make_samples(100, 1))
        False
        """
        tried = build(self.name, self._parameters)
        assert isinstance(tried, Filter)
        tried.reserve(1)
        inner = find_core(tried)
        states = []
        for half in np.array_split(X if X.shape[1] > 1 else X[:, 0], 2):
            slots = np.zeros(len(half), dtype=np.int64)
            tried.score_learn_many(slots, slots, half, Scores.empty(len(half)))
            states.append(inner.snapshot(slots[:1]))
        return _are_same(*states)

    # One at a time ----------------------------------------------------------------------------------------------------

    def score_one(self, x: Any, y: float | None = None) -> float:
        """Score by the detector, with its own arguments.  The state is not changed."""
        detector: Any = self._inner
        return float(detector.score_one(x) if y is None else detector.score_one(x, y))

    def learn_one(self, x: Any, y: float | None = None) -> None:
        """Learn in slot 0 what the cut lets through; a sample without a finite value is passed over."""
        detector: Any = self._inner
        value = x if y is None else y
        # A plain number, the usual case, is told from the rest at once: the general question takes as long as scoring.
        if not (math.isfinite(value) if type(value) is float else _has_value(value, getattr(detector, "feature_names", None))):
            return
        if not self._n_slots:
            self.adopt_names(x)
            self.reserve(1)
        score = 0.0 if self.is_withheld() else self.score_one(x, y)
        if kernel.admits(self._rule, self._rows, 0, score):
            detector.learn_one(x) if y is None else detector.learn_one(x, y)
        elif hasattr(detector, "withhold_one"):
            detector.withhold_one(x) if y is None else detector.withhold_one(x, y)

    def is_withheld(self) -> bool:
        """As the detector."""
        detector = self._inner
        return isinstance(detector, ColumnarEstimator) and detector.is_withheld()

    def withhold_one(self, x: Any, y: float | None = None) -> None:
        """What another filter in front keeps out; the cut does not move."""
        detector: Any = self._inner
        self.reserve(1)
        if hasattr(detector, "withhold_one"):
            detector.withhold_one(x) if y is None else detector.withhold_one(x, y)

    def contributions(self, slot: int, x: FloatColumn) -> FloatColumn:
        """What each feature adds to the score of `x` in `slot`, as the detector tells it.

        See `MultivariateEstimator.contributions`; zeros when the detector does not tell.

        Examples
        --------
        >>> from models.filters.model import ThresholdFilter
        >>> inner = {"model": "half_space_trees", "parameters": {"features": ["heat", "load"], "window_size": 50}}
        >>> model = ThresholdFilter(inner, threshold=2.0)
        >>> rng = np.random.default_rng(1)
        >>> for row in rng.uniform(0.4, 0.6, (60, 2)):
        ...     model.learn_one({"heat": row[0], "load": row[1]})
        >>> heat, load = model.contributions(0, np.array([0.5, 0.99]))
        >>> bool(load > heat)
        True
        """
        self._check_slots(np.array([slot], dtype=np.int64))
        inner: Any = self._inner
        told: FloatColumn = inner.contributions(slot, x) if hasattr(inner, "contributions") else np.zeros(self.n_features)
        return told

    # State ------------------------------------------------------------------------------------------------------------

    def _bind(self) -> None:
        self._rows = self._state.get("cuts", self._rows)
        self._install()

    def _install(self) -> None:
        if isinstance(self._inner, ColumnarEstimator) and self._inner.has_gate:
            self._inner.install_gate(Gate(self._rule, self._rows))

    def withhold(self, slots: IntColumn, before: Snapshot) -> None:
        """See `Estimator.withhold`."""
        self._inner.withhold(slots, before["detector"])
        ColumnarEstimator.restore(self, slots, before)

    # Scoring ----------------------------------------------------------------------------------------------------------

    def _check_values(self, X: FloatColumn, n_samples: int) -> FloatColumn:
        checked = super()._check_values(X, n_samples)
        return checked.reshape(-1) if X.ndim == 1 else checked

    def _score_learn(self, batch: Batch, out: Scores, ready: BoolColumn) -> None:
        if isinstance(self._inner, ColumnarEstimator) and self._inner.has_gate:
            ready[:] = self._inner.score_learn_many(batch.slots, batch.event_time_ns, batch.X, out)
            return
        score_learn_ahead(self._inner, self._rule, self._rows, batch, out, ready)

    def _is_ready(self, slot: int) -> bool:
        return bool(self._inner.describe(slot)["ready"])

    def _describe_own(self, slot: int) -> Mapping[str, float | int | str | bool]:
        return {"cut": self.get_cut(slot)}


def find_core(model: Estimator) -> Estimator:
    """The detector behind a filter, or behind several; `model` itself when it is none.

    Examples
    --------
    >>> find_core(build("threshold_filter", {"detector": {"model": "loda"}, "threshold": 5.0})).name
    'loda'
    """
    while isinstance(model, Filter):
        model = model.detector
    return model


def _are_same(one: Any, other: Any) -> bool:
    """Whether two snapshots hold the same."""
    if isinstance(one, Mapping):
        return isinstance(other, Mapping) and one.keys() == other.keys() and all(_are_same(one[key], other[key]) for key in one)
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and one.tobytes() == other.tobytes()
    return bool(one == other)


def _has_value(x: Any, names: list[str] | None) -> bool:
    """Whether a value, or a dict of features of which some are known by `names`, holds anything finite."""
    if not isinstance(x, Mapping):
        return math.isfinite(to_number(x))
    return any(math.isfinite(to_feature(x.get(name))) for name in names or x)
