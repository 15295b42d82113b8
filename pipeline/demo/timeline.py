"""The time of a simulation: a stretch of quiet history, then the live part with the incidents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from pipeline.clock import NS_PER_SEC
from pipeline.demo.noise import Floats

__all__ = ["EPOCH_NS", "Timeline"]

EPOCH_NS = int(datetime(2026, 1, 5, 6, tzinfo=UTC).timestamp()) * NS_PER_SEC
"""Event time at which every simulation begins, ns UTC, a Monday morning; runs shift it to now."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Lengths and steps, in simulated seconds.

    Attributes
    ----------
    history_secs : float
        Length of the quiet part.
    live_secs : float
        Length of the part with the incidents.
    step_secs : float
        Between two samples of a series.

    Examples
    --------
    >>> timeline = Timeline(history_secs=60.0, live_secs=30.0, step_secs=15.0)
    >>> timeline.steps_secs().tolist(), (timeline.live_start_ns - EPOCH_NS) // NS_PER_SEC
    ([0.0, 15.0, 30.0, 45.0, 60.0, 75.0], 60)
    """

    history_secs: float = 4 * 3600.0
    live_secs: float = 3600.0
    step_secs: float = 15.0

    @property
    def total_secs(self) -> float:
        """Length of both parts."""
        return self.history_secs + self.live_secs

    @property
    def live_start_ns(self) -> int:
        """Event time at which the live part begins, ns UTC."""
        return EPOCH_NS + round(self.history_secs * NS_PER_SEC)

    @property
    def end_ns(self) -> int:
        """Event time at which the simulation ends, ns UTC."""
        return EPOCH_NS + round(self.total_secs * NS_PER_SEC)

    def steps_secs(self) -> Floats:
        """Seconds since the beginning, one a step: (T,) float64."""
        return np.arange(0.0, self.total_secs, self.step_secs)
