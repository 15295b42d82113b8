"""Filters: a detector, a cut on its scores, and the choice not to learn what is above the cut."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from models import gate_kernel as kernel
from models.base import BoolColumn, Estimator, Fault, FloatColumn, IntColumn, ScoreKind, Scores, Snapshot
from models.columnar import Batch, ColumnarEstimator
from models.errors import SnapshotError
from models.filters.run_ahead import score_learn_ahead
from models.gate import Gate, make_quantile_rule, make_threshold_rule
from models.parameters import Parameter
from models.quantile.state import P2_WIDTH, make_p2_row, pack_estimates
from models.registry import build, with_inner_features
from models.state_array import StateArray

__all__ = ["Filter", "QuantileFilter", "ThresholdFilter"]

_DETECTOR = Parameter("detector", "model", ..., "Detector behind the filter: {model: name, parameters: {...}}.")
_PROTECT = Parameter("protect", "bool", True, "True keeps samples above the cut from the detector; false learns every sample.")


class Filter(ColumnarEstimator):
    """Base of the filters.  Scores, readiness, expected value and scale are the detector's.

    A detector whose kernels know the gate (`ColumnarEstimator.has_gate`) runs as fast as without a filter.  Any other one runs ahead,
    and goes back to where a sample was above the cut (`models.filters.run_ahead`).
    """

    score_kind: ClassVar[ScoreKind] = "raw"

    def __init__(self, **parameters: Any) -> None:
        super().__init__(**parameters)
        chosen = self._parameters["detector"]
        self._detector: Estimator = build(chosen["model"], chosen["parameters"])
        self._parameters["detector"] = {"model": chosen["model"], "parameters": dict(self._detector.parameters)}
        self.n_features = self._detector.n_features
        self._rule = self._make_rule()
        self._rows = np.zeros((0, P2_WIDTH))
        self._install()

    @abstractmethod
    def _make_rule(self) -> FloatColumn:
        """Rule of the gate, see `models.gate.Gate`."""

    @classmethod
    def with_features(cls, parameters: Mapping[str, Any], features: Sequence[str]) -> dict[str, Any]:
        """See `Estimator.with_features`: those of the detector."""
        return with_inner_features(parameters, "detector", features)

    @property
    def has_target(self) -> bool:
        """As the detector."""
        return self._detector.has_target

    @property
    def has_expected_value(self) -> bool:
        """As the detector."""
        return self._detector.has_expected_value

    def take_faults(self) -> tuple[Fault, ...]:
        """Those of the detector."""
        return self._detector.take_faults()

    def are_failing(self) -> BoolColumn | None:
        """As the detector."""
        return self._detector.are_failing()

    @property
    def detector(self) -> Estimator:
        """The detector behind the filter."""
        return self._detector

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
        >>> from models.made_samples import make_samples
        >>> ThresholdFilter({"model": "loda"}, threshold=0.9).is_shut(make_samples(100, 1))
        True
        >>> ThresholdFilter({"model": "gaussian_scorer"}, threshold=0.9).is_shut(make_samples(100, 1))
        False
        """
        tried = build(self.name, self._parameters)
        assert isinstance(tried, Filter)
        tried.reserve(1)
        inner: Estimator = tried.detector
        while isinstance(inner, Filter):
            inner = inner.detector
        states = []
        for half in np.array_split(X if X.shape[1] > 1 else X[:, 0], 2):
            slots = np.zeros(len(half), dtype=np.int64)
            tried.score_learn_many(slots, slots, half, Scores.empty(len(half)))
            states.append(inner.snapshot(slots[:1]))
        return _are_same(*states)

    # One at a time ----------------------------------------------------------------------------------------------------

    def score_one(self, x: Any, y: float | None = None) -> float:
        """Score by the detector, with its own arguments.  The state is not changed."""
        detector: Any = self._detector
        return float(detector.score_one(x) if y is None else detector.score_one(x, y))

    def learn_one(self, x: Any, y: float | None = None) -> None:
        """Learn in slot 0 what the cut lets through; a sample without a finite value is passed over."""
        detector: Any = self._detector
        value = x if y is None else y
        # A plain number, the usual case, is told from the rest at once: the general question takes as long as scoring.
        if not (math.isfinite(value) if type(value) is float else _has_value(value, getattr(detector, "feature_names", None))):
            return
        score = self.score_one(x, y)
        self.reserve(1)
        if kernel.admits(self._rule, self._rows, 0, score):
            detector.learn_one(x) if y is None else detector.learn_one(x, y)
        elif hasattr(detector, "withhold_one"):
            detector.withhold_one(x) if y is None else detector.withhold_one(x, y)

    def withhold_one(self, x: Any, y: float | None = None) -> None:
        """What another filter in front keeps out; the cut does not move."""
        detector: Any = self._detector
        self.reserve(1)
        if hasattr(detector, "withhold_one"):
            detector.withhold_one(x) if y is None else detector.withhold_one(x, y)

    def contributions(self, slot: int, x: FloatColumn) -> FloatColumn:
        """What each feature adds to the score of `x` in `slot`, as the detector tells it.

        See `MultivariateEstimator.contributions`; zeros when the detector does not tell.

        Examples
        --------
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
        inner: Any = self._detector
        told: FloatColumn = inner.contributions(slot, x) if hasattr(inner, "contributions") else np.zeros(self.n_features)
        return told

    # State ------------------------------------------------------------------------------------------------------------

    def _bind(self) -> None:
        self._rows = self._state.get("cuts", self._rows)
        self._install()

    def _install(self) -> None:
        if isinstance(self._detector, ColumnarEstimator) and self._detector.has_gate:
            self._detector.install_gate(Gate(self._rule, self._rows))

    @property
    def slot_nbytes(self) -> int:
        """Bytes of state per series: the filter's and the detector's."""
        return super().slot_nbytes + self._detector.slot_nbytes

    def reserve(self, n_slots: int) -> None:
        """See `Estimator.reserve`."""
        super().reserve(n_slots)
        self._detector.reserve(n_slots)

    def reset(self, slots: IntColumn) -> None:
        """See `Estimator.reset`."""
        super().reset(slots)
        self._detector.reset(slots)

    def snapshot(self, slots: IntColumn) -> Snapshot:
        """See `ColumnarEstimator.snapshot`; ``"detector"`` holds the detector's own snapshot."""
        return {**super().snapshot(slots), "detector": self._detector.snapshot(slots)}

    def restore(self, slots: IntColumn, snapshot: Snapshot) -> None:
        """See `Estimator.restore`."""
        snapshot = self._upgrade(snapshot)
        self._check_snapshot(snapshot, slots.size)
        inner = snapshot.get("detector")
        if not isinstance(inner, dict):
            raise SnapshotError(f"{self.name}: the snapshot holds no detector")
        self._detector.restore(slots, inner)
        super().restore(slots, snapshot)

    def withhold(self, slots: IntColumn, before: Snapshot) -> None:
        """See `Estimator.withhold`."""
        self._detector.withhold(slots, before["detector"])
        ColumnarEstimator.restore(self, slots, before)

    # Scoring ----------------------------------------------------------------------------------------------------------

    def _check_values(self, X: FloatColumn, n_samples: int) -> FloatColumn:
        checked = super()._check_values(X, n_samples)
        return checked.reshape(-1) if X.ndim == 1 else checked

    def _score_learn(self, batch: Batch, out: Scores, ready: BoolColumn) -> None:
        if isinstance(self._detector, ColumnarEstimator) and self._detector.has_gate:
            ready[:] = self._detector.score_learn_many(batch.slots, batch.event_time_ns, batch.X, out)
            return
        score_learn_ahead(self._detector, self._rule, self._rows, batch, out, ready)

    def _is_ready(self, slot: int) -> bool:
        return bool(self._detector.describe(slot)["ready"])

    def _describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        inner = {f"detector_{key}": value for key, value in self._detector.describe(slot).items() if key != "ready"}
        return {"cut": self.get_cut(slot), **inner}


def _are_same(one: Any, other: Any) -> bool:
    """Whether two snapshots hold the same."""
    if isinstance(one, Mapping):
        return isinstance(other, Mapping) and one.keys() == other.keys() and all(_are_same(one[key], other[key]) for key in one)
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and one.tobytes() == other.tobytes()
    return bool(one == other)


class ThresholdFilter(Filter):
    """A detector that does not learn samples scoring at or above a constant threshold.

    Good at keeping sporadic anomalies out of what is held to be normal; a level shift above the threshold is never learned.

    Parameters
    ----------
    detector : mapping
        ``{model: name, parameters: {...}}`` of the detector behind it.
    threshold : float
        Score from which a sample is anomalous.
    protect : bool
        False = classify only, and let the detector learn every sample.

    Notes
    -----
    As river's `anomaly.ThresholdFilter`, but for ``protect_anomaly_detector=False``, with which river's (0.26.1) never learns
    anything.  No state of its own.

    References
    ----------
    Montiel, J. et al. (2021). River: machine learning for streaming data in Python. JMLR 22(110).

    Examples
    --------
    >>> inner = {"model": "gaussian_scorer", "parameters": {"grace_period": 2}}
    >>> model = ThresholdFilter(inner, threshold=0.99)
    >>> for y in (1.0, 2.0, 3.0, 2.0, 900.0):
    ...     model.learn_one(None, y)
    >>> model.describe(0)["detector_n_samples"]
    4
    """

    name: ClassVar[str] = "threshold_filter"
    schema: ClassVar[tuple[Parameter, ...]] = (
        _DETECTOR,
        Parameter("threshold", "float", ..., "Score from which a sample is anomalous."),
        _PROTECT,
    )
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"detector": {"model": "gaussian_scorer", "parameters": {"grace_period": 20}}, "threshold": 0.9},
        {"detector": {"model": "half_space_trees", "parameters": {"n_features": 2}}, "threshold": 0.8},
    )

    def __init__(self, detector: Mapping[str, Any], threshold: float, protect: bool = True) -> None:
        super().__init__(detector=detector, threshold=threshold, protect=protect)

    def _make_rule(self) -> FloatColumn:
        return make_threshold_rule(self._parameters["threshold"], self._parameters["protect"])

    def _make_fresh_row(self) -> dict[str, StateArray]:
        return {}

    def _get_first_cut(self) -> float:
        return float(self._parameters["threshold"])


class QuantileFilter(Filter):
    """A detector that does not learn samples scoring at or above a running quantile of its own scores.

    Good when the right threshold differs from series to series; some share of the samples is always held back.

    Parameters
    ----------
    detector : mapping
        ``{model: name, parameters: {...}}`` of the detector behind it.
    q : float
        Quantile of the scores from which a sample is anomalous.
    protect : bool
        False = classify only, and let the detector learn every sample.

    Notes
    -----
    Learns as river's `anomaly.QuantileFilter`: the quantile is the P² estimate over every score, those of the warm-up included,
    and while it is exactly zero nothing is anomalous.  96 bytes a series beside the detector's.

    References
    ----------
    Jain, R. and Chlamtac, I. (1985). The P² algorithm. Communications of the ACM 28(10).

    Examples
    --------
    >>> inner = {"model": "gaussian_scorer", "parameters": {"grace_period": 2}}
    >>> model = QuantileFilter(inner, q=0.9)
    >>> for step in range(60):
    ...     model.learn_one(None, float(step % 5))
    >>> before = model.describe(0)["detector_n_samples"]
    >>> model.learn_one(None, 900.0)
    >>> model.describe(0)["detector_n_samples"] == before
    True
    """

    name: ClassVar[str] = "quantile_filter"
    schema: ClassVar[tuple[Parameter, ...]] = (
        _DETECTOR,
        Parameter(
            "q",
            "float",
            ...,
            "Quantile of the scores from which a sample is anomalous.",
            minimum=0,
            maximum=1,
            is_open=True,
        ),
        _PROTECT,
    )
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"detector": {"model": "gaussian_scorer", "parameters": {"grace_period": 20}}, "q": 0.95},
        {"detector": {"model": "half_space_trees", "parameters": {"window_size": 50}}, "q": 0.9, "protect": False},
        {
            "detector": {"model": "threshold_filter", "parameters": {"threshold": 0.9, "detector": {"model": "gaussian_scorer"}}},
            "q": 0.9,
        },
    )

    state_version: ClassVar[int] = 2

    def __init__(self, detector: Mapping[str, Any], q: float, protect: bool = True) -> None:
        super().__init__(detector=detector, q=q, protect=protect)

    def _make_rule(self) -> FloatColumn:
        return make_quantile_rule(self._parameters["q"], self._parameters["protect"])

    def _make_fresh_row(self) -> dict[str, StateArray]:
        return {"cuts": make_p2_row([self._parameters["q"]])}

    def _upgrade(self, snapshot: Snapshot) -> Snapshot:
        columns = snapshot.get("columns")
        if snapshot.get("version") != 1 or not isinstance(columns, Mapping) or list(columns) != ["cuts"]:
            return snapshot
        # Version 1 kept all five markers of the estimate.
        cuts = columns["cuts"]
        return {**snapshot, "version": 2, "columns": {"cuts": pack_estimates([cuts]) if cuts.shape[1:] == (16,) else cuts}}

    def _get_first_cut(self) -> float:
        return float("inf")


def _has_value(x: Any, names: list[str] | None) -> bool:
    """Whether a value, or a dict of features of which some are known by `names`, holds anything finite."""
    values = [x.get(name, math.nan) for name in names or x] if isinstance(x, Mapping) else [x]
    return any(map(math.isfinite, values))
