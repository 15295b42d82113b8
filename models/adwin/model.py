"""ADWIN drift detector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from models.adwin import kernel
from models.adwin.state import N_LEVELS, ROW
from models.base import BoolColumn, FloatColumn, IntColumn
from models.bound import Call
from models.drift import DriftDetector
from models.parameters import Parameter
from models.state_array import StateArray

__all__ = ["ADWIN"]


class ADWIN(DriftDetector):
    """Adaptive window: grows while the mean stands still, and drops its older part when the two parts differ.

    Good at shifts of the mean of any size, with a bound on false alarms; slower to react than Page-Hinkley, and dearer.

    Parameters
    ----------
    delta : float
        Confidence: the bound on false alarms.
    clock : int
        Samples between checks.
    max_buckets : int
        Entries of each size before two are merged.
    min_window_length : int
        Least length of a part that is compared.
    grace_period : int
        Samples before the first check.

    Notes
    -----
    Detects at the same samples as river's `drift.ADWIN`, and total, variance and width agree to the last bit.  1.0 at the sample
    of detection, else 0.0.  A sample that is NaN, infinite or beyond 1e150 is passed over.

    O(log n) entries for a window of n samples.  A series keeps room for 40 levels: 4,040 bytes with the default parameters.

    References
    ----------
    Bifet, A. and Gavaldà, R. (2007). Learning from time-changing data with adaptive windowing. SIAM SDM, 443-448.

    Examples
    --------
    >>> model = ADWIN()
    >>> for step in range(400):
    ...     model.update(float(step % 2) if step < 200 else 4.0 + step % 2)
    ...     if model.drift_detected:
    ...         print(step)
    223
    """

    name: ClassVar[str] = "adwin"
    schema: ClassVar[tuple[Parameter, ...]] = (
        Parameter("delta", "float", 0.002, "Bound on false alarms.", minimum=0, maximum=1, is_open=True),
        Parameter("clock", "int", 32, "Samples between checks.", minimum=1, maximum=1_000_000),
        Parameter("max_buckets", "int", 5, "Entries of each size before two are merged.", minimum=1, maximum=1000),
        Parameter("min_window_length", "int", 5, "Least length of a part that is compared.", minimum=1, maximum=1_000_000),
        Parameter("grace_period", "int", 10, "Samples before the first check.", minimum=0, maximum=1_000_000_000),
    )
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = ({}, {"clock": 1, "max_buckets": 3, "delta": 0.3})

    def __init__(
        self,
        delta: float = 0.002,
        clock: int = 32,
        max_buckets: int = 5,
        min_window_length: int = 5,
        grace_period: int = 10,
    ) -> None:
        super().__init__(
            delta=delta, clock=clock, max_buckets=max_buckets, min_window_length=min_window_length, grace_period=grace_period
        )
        keys = ("delta", "clock", "min_window_length", "grace_period")
        self._knobs = np.array([self._parameters[key] for key in keys], dtype=np.float64)

    def _make_fresh_row(self) -> dict[str, StateArray]:
        return {
            "rows": np.zeros(1, ROW),
            "buckets": np.zeros((1, N_LEVELS, self._parameters["max_buckets"] + 1, 2)),
            "sizes": np.zeros((1, N_LEVELS), np.int32),
        }

    def _update_many(
        self, state: dict[str, StateArray], slots: IntColumn, values: FloatColumn, scores: FloatColumn, ready: BoolColumn
    ) -> None:
        kernel.update_many(state["rows"], state["buckets"], state["sizes"], self._knobs, slots, values, scores, ready)

    def _get_update(self) -> Call:
        return kernel.update_one, (*self._state.values(), self._knobs)

    def _is_ready(self, slot: int) -> bool:
        return bool(self._state["rows"][slot]["is_warm"])

    def _describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        row = self._state["rows"][slot]
        width = float(row["width"])
        return {"width": int(width), "mean": float(row["total"]) / width if width else 0.0, "is_drift": bool(row["is_drift"])}
