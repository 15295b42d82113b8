"""Page-Hinkley drift detector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn
from models.bound import Call
from models.damage import MOST_SAMPLES, find_not_finite, find_outside
from models.drift_detector import DriftDetector
from models.page_hinkley import kernel
from models.page_hinkley.state import ROW
from models.parameters import Parameter
from models.state_array import StateArray

__all__ = ["PageHinkley"]


class PageHinkley(DriftDetector):
    """Cumulative sum of the deviations from the running mean, which leaves its bounds when the mean has moved.

    Good at lasting level shifts, cheaply; the threshold is in units of the value, so it must be set for the series.

    Parameters
    ----------
    min_instances : int
        Samples before the first detection.
    delta : float
        Deviation tolerated.
    threshold : float
        Distance of the sum from its extreme at which a change is detected.
    alpha : float
        Forgetting factor of the sum.
    mode : {"both", "up", "down"}
        Directions watched.

    Notes
    -----
    Detects at the same samples as river's `drift.PageHinkley`, and the sums agree to the last bit.  1.0 at the sample of
    detection, else 0.0.  A sample that is NaN, infinite or beyond 1e150 is passed over.  O(1) time; 56 bytes a
    series.

    References
    ----------
    Page, E. S. (1954). Continuous inspection schemes. Biometrika 41(1/2), 100-115.

    Examples
    --------
    >>> model = PageHinkley(threshold=10.0)
    >>> for x in [0.0] * 50 + [5.0] * 5:
    ...     model.update(x)
    ...     if model.drift_detected:
    ...         print("drift")
    drift
    """

    name: ClassVar[str] = "page_hinkley"
    schema: ClassVar[tuple[Parameter, ...]] = (
        Parameter("min_instances", "int", 30, "Samples before the first detection.", minimum=0, maximum=1_000_000_000),
        Parameter("delta", "float", 0.005, "Deviation tolerated."),
        Parameter("threshold", "float", 50.0, "Distance of the sum from its extreme at which a change is detected.", minimum=0),
        Parameter("alpha", "float", 1 - 0.0001, "Forgetting factor of the sum.", minimum=0, maximum=1),
        Parameter("mode", "str", "both", "Directions watched.", choices=("both", "up", "down")),
    )
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = ({}, {"threshold": 0.5, "mode": "up"})

    def __init__(
        self,
        min_instances: int = 30,
        delta: float = 0.005,
        threshold: float = 50.0,
        alpha: float = 1 - 0.0001,
        mode: Literal["both", "up", "down"] = "both",
    ) -> None:
        super().__init__(min_instances=min_instances, delta=delta, threshold=threshold, alpha=alpha, mode=mode)
        chosen = self._parameters
        self._knobs = np.array(
            [
                chosen["min_instances"],
                chosen["delta"],
                chosen["threshold"],
                chosen["alpha"],
                chosen["mode"] != "down",
                chosen["mode"] != "up",
            ],
            dtype=np.float64,
        )

    def _find_damage(self, columns: Mapping[str, StateArray]) -> str:
        """See `ColumnarEstimator._find_damage`."""
        return find_outside("n", columns["rows"]["n"], 0, MOST_SAMPLES) or find_not_finite(columns)

    def _make_fresh_row(self) -> dict[str, StateArray]:
        return {"rows": np.zeros(1, ROW)}

    def _update_many(
        self, state: dict[str, StateArray], slots: IntColumn, values: FloatColumn, scores: FloatColumn, ready: BoolColumn
    ) -> None:
        kernel.update_many(state["rows"], self._knobs, slots, values, scores, ready)

    def _get_update(self) -> Call:
        return kernel.update_one, (self._state["rows"], self._knobs)

    def _is_ready(self, slot: int) -> bool:
        return bool(self._state["rows"][slot]["is_warm"])

    def _describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        row = self._state["rows"][slot]
        return {"n_since_change": int(row["n"]), "mean": float(row["mean"]), "is_drift": bool(row["is_drift"])}
