"""ADWIN drift detector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from models.adwin import kernel
from models.adwin.state import N_LEVELS, ROW, find_row_damage, get_recent_room, is_old_layout, make_scratch, upgrade_columns
from models.adwin.window import Window, read_window
from models.base import BoolColumn, FloatColumn, IntColumn, Snapshot
from models.bound import Call
from models.damage import find_not_finite
from models.drift_detector import DriftDetector
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

    O(log n) entries for a window of n samples.  A series keeps room for 41 levels: 3,528 bytes with the default parameters.

    Samples wait for the next check, 32 at most, and then go through the levels together: the same bits in less than half of the
    time.  `width`, `total`, `variance` and `estimation`, river's names for slot 0, take them into account.  A window of 2**38
    samples, 8,700 years of one a second, begins anew.

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
    state_version: ClassVar[int] = 2
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

        self._recent_room = get_recent_room(self._parameters["max_buckets"], self._parameters["clock"])

    def _find_damage(self, columns: Mapping[str, StateArray]) -> str:
        """See `ColumnarEstimator._find_damage`."""
        return find_row_damage(columns["rows"], self._parameters["max_buckets"], self._recent_room) or find_not_finite(columns)

    def _make_fresh_row(self) -> dict[str, StateArray]:
        return {
            "rows": np.zeros(1, ROW),
            "recent": np.zeros((1, self._recent_room)),
            "buckets": np.zeros((1, 2, self._parameters["max_buckets"], N_LEVELS - 1)),
        }

    def _upgrade(self, snapshot: Snapshot) -> Snapshot:
        columns, room = snapshot.get("columns"), self._parameters["max_buckets"]
        if snapshot.get("version") != 1 or not isinstance(columns, Mapping) or not is_old_layout(columns, room):
            return snapshot
        return {**snapshot, "version": 2, "columns": upgrade_columns(columns, room, self._recent_room)}

    def _make_scratch(self) -> FloatColumn:
        return make_scratch(self._parameters["max_buckets"])

    def _update_many(
        self, state: dict[str, StateArray], slots: IntColumn, values: FloatColumn, scores: FloatColumn, ready: BoolColumn
    ) -> None:
        rows, recent, buckets = state.values()
        kernel.update_many(rows, recent, buckets, self._knobs, self._make_scratch(), slots, values, scores, ready)

    def _get_update(self) -> Call:
        return kernel.update_one, (*self._state.values(), self._knobs, self._make_scratch())

    @property
    def width(self) -> int:
        """Samples in the window of slot 0."""
        return int(self._read_window(0).width)

    @property
    def total(self) -> float:
        """Sum of the samples in the window of slot 0."""
        return self._read_window(0).total

    @property
    def variance(self) -> float:
        """Sum of their squared deviations from their mean, which river calls so."""
        return self._read_window(0).variance

    @property
    def estimation(self) -> float:
        """Their mean; 0.0 of none."""
        window = self._read_window(0)
        return window.total / window.width if window.width else 0.0

    def _read_window(self, slot: int) -> Window:
        self.reserve(slot + 1)
        rows, recent, buckets = (array[slot : slot + 1].copy() for array in self._state.values())
        return read_window(rows, recent, buckets, self._knobs)

    def _is_ready(self, slot: int) -> bool:
        return bool(self._state["rows"][slot]["is_warm"])

    def _describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        width, total, _ = self._read_window(slot)
        return {
            "width": int(width),
            "mean": total / width if width else 0.0,
            "is_drift": bool(self._state["rows"][slot]["is_drift"]),
        }
