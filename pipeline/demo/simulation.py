"""The simulation as one stream of records in order of event time: a pure function of its seed and timeline."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.clock import NS_PER_SEC
from pipeline.demo.effects import apply_incidents
from pipeline.demo.incidents import ScheduledIncident, schedule_incidents
from pipeline.demo.logs import simulate_logs
from pipeline.demo.metrics import SimulatedSeries, simulate_metrics
from pipeline.demo.noise import stream
from pipeline.demo.timeline import EPOCH_NS, Timeline
from pipeline.history import Entry, SampleEntry
from pipeline.history.entry import SeriesText

__all__ = ["Simulation", "TimedEntry"]


class TimedEntry(NamedTuple):
    """An entry and the format of the topic it belongs on.

    Attributes
    ----------
    event_time_ns : int
        ns UTC before any shift.
    format : str
        ``metric_json``, ``log_json`` or ``fluentd_json``.
    entry : Entry
        Becomes the record.
    """

    event_time_ns: int
    format: str
    entry: Entry


class Simulation:
    """Three regions of the KALDRIX DAG network over one timeline, with scheduled incidents.

    Parameters
    ----------
    seed : int
        Decides everything.
    timeline : Timeline
        Quiet part, live part, step.

    Attributes
    ----------
    incidents : tuple of ScheduledIncident
        In order of start.
    series : list of SimulatedSeries
        Metrics with the incidents applied.

    Examples
    --------
    >>> simulation = Simulation(1, Timeline(history_secs=600.0, live_secs=600.0))
    >>> sorted({timed.format for timed in simulation.entries()})
    ['fluentd_json', 'log_json', 'metric_json']
    """

    def __init__(self, seed: int, timeline: Timeline) -> None:
        self.seed = seed
        self.timeline = timeline
        self.incidents: tuple[ScheduledIncident, ...] = schedule_incidents(seed, timeline)
        steps_secs = timeline.steps_secs()
        self.series: list[SimulatedSeries] = simulate_metrics(seed, steps_secs)
        apply_incidents(self.series, steps_secs - timeline.history_secs, self.incidents)

    def entries(self) -> Iterator[TimedEntry]:
        """Every record of metrics and logs, in order of event time; each call begins anew."""
        logs = (TimedEntry(*line) for line in simulate_logs(self.seed, self.timeline, self.incidents))
        return heapq.merge(self._samples(), logs, key=lambda timed: timed.event_time_ns)

    def _samples(self) -> Iterator[TimedEntry]:
        # A target is scraped at its own moment of every step, all its series together, as Prometheus does.
        step_ns = round(self.timeline.step_secs * NS_PER_SEC)
        targets: dict[tuple[str, str, str], int] = {}
        columns = []
        for one in self.series:
            target = (one.labels.get("service"), one.labels.get("region"), one.labels.get("node"))
            phase_ns = targets.get(target)
            if phase_ns is None:
                phase_ms = int(stream(self.seed, "scrape", *target).integers(int(self.timeline.step_secs * 1_000)))
                phase_ns = targets[target] = phase_ms * 1_000_000
            columns.append((phase_ns, SeriesText(one.labels), one.value.tolist()))
        columns.sort(key=lambda column: column[0])
        for step in range(len(self.timeline.steps_secs())):
            start_ns = EPOCH_NS + step * step_ns
            for phase_ns, text, values in columns:
                value = values[step]
                if value == value:
                    yield TimedEntry(start_ns + phase_ns, "metric_json", SampleEntry(start_ns + phase_ns, text, value))
