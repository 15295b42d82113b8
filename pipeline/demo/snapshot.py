"""What a run looks like at one moment: everything the screen and the progress lines show."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.alerts.event import AlertEvent
from pipeline.demo.feed import FeedPhase
from pipeline.demo.judgement import Outcome
from pipeline.demo.probe import WorkerState
from pipeline.engine.anomaly import Anomaly

__all__ = ["RunSnapshot"]


@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """One moment of a run.

    Attributes
    ----------
    broker, doing : str
        Where it runs; what it is doing, one phrase.
    elapsed_secs : float
        Wall time since the start.
    phase : FeedPhase
        Of the feed.
    event_time_ns : int
        Event time of what is being sent, ns UTC.
    speed : float
        Event seconds a wall second.
    n_written : int
        Records written to the source topics.
    records_per_sec : float
        Records the worker got through, lately.
    worker : WorkerState or None
        None = it does not answer yet.
    n_anomalies, n_alerts, n_dead_letters : int
        Seen on the output topics.
    newest : tuple of Anomaly
        Openings of episodes, newest first.
    open_incidents : tuple of AlertEvent
        The last event of each incident that is open, most severe first.
    outcomes : tuple of Outcome
        The script, in order of start.
    """

    broker: str
    doing: str
    elapsed_secs: float
    phase: FeedPhase
    event_time_ns: int
    speed: float
    n_written: int
    records_per_sec: float
    worker: WorkerState | None
    n_anomalies: int
    n_alerts: int
    n_dead_letters: int
    newest: tuple[Anomaly, ...]
    open_incidents: tuple[AlertEvent, ...]
    outcomes: tuple[Outcome, ...]
