"""The filters: by a constant threshold, and by a running quantile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from models.base import FloatColumn, Snapshot
from models.damage import MOST_SAMPLES, find_not_finite, find_outside
from models.filters.filter import DETECTOR, PROTECT, Filter
from models.gate import make_quantile_rule, make_threshold_rule
from models.parameters import Parameter
from models.quantile.state import N, make_p2_row, pack_estimates
from models.state_array import StateArray

__all__ = ["QuantileFilter", "ThresholdFilter"]


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
        DETECTOR,
        Parameter("threshold", "float", ..., "Score from which a sample is anomalous."),
        PROTECT,
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
        DETECTOR,
        Parameter(
            "q",
            "float",
            ...,
            "Quantile of the scores from which a sample is anomalous.",
            minimum=0,
            maximum=1,
            is_open=True,
        ),
        PROTECT,
    )
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"detector": {"model": "gaussian_scorer", "parameters": {"grace_period": 20}}, "q": 0.95},
        {"detector": {"model": "half_space_trees", "parameters": {"window_size": 50}}, "q": 0.9},
        {"detector": {"model": "loda", "parameters": {"n_random_cuts": 20}}, "q": 0.9, "protect": False},
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

    def _find_damage(self, columns: Mapping[str, StateArray]) -> str:
        """See `ColumnarEstimator._find_damage`."""
        return find_outside("n", columns["cuts"][:, N], 0, MOST_SAMPLES) or find_not_finite(columns)

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
