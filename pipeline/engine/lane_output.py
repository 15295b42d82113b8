"""What a lane gives: anomalies and dead letters of a batch, and how well its series are covered."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.engine.anomaly import Anomaly
from pipeline.engine.dead_letter import DeadLetter

__all__ = ["Coverage", "LaneOutput"]


class LaneOutput(NamedTuple):
    """What a batch of records came to, each in order of the log."""

    anomalies: list[Anomaly]
    dead_letters: list[DeadLetter]


class Coverage(NamedTuple):
    """How much of what is sent is watched.

    Attributes
    ----------
    n_series : int
        Live series.
    n_ready : int
        Those whose last sample could have been found anomalous.
    n_warming : int
        Those that have a detector, which cannot tell yet.
    n_silent : int
        Those that are silent now.
    n_evicted_total : int
        Series forgotten so far.
    failing : dict of str to int
        By detector, series that cannot be scored because the model raises; those without any left out.
    """

    n_series: int
    n_ready: int
    n_warming: int
    n_silent: int
    n_evicted_total: int
    failing: dict[str, int]
