"""Simulated logs: lines of every service in every region, in order of time, natively or through Fluentd."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import orjson

from pipeline.clock import NS_PER_SEC
from pipeline.demo.incidents import ScheduledIncident
from pipeline.demo.log_templates import SERVICES, fill
from pipeline.demo.network import REGIONS, nodes_of
from pipeline.demo.timeline import EPOCH_NS, Timeline
from pipeline.history import Entry, LineEntry, RawEntry
from pipeline.history.entry import LineSource

__all__ = ["FLUENTD_SERVICES", "LogEntry", "simulate_logs"]

FLUENTD_SERVICES = frozenset({"gateway"})


class LogEntry(NamedTuple):
    """A line and the format it comes in.

    Attributes
    ----------
    event_time_ns : int
        ns UTC before any shift.
    format : str
        ``log_json`` or ``fluentd_json``.
    entry : Entry
        The record.
    """

    event_time_ns: int
    format: str
    entry: Entry


class _Writer:
    """One service in one region: makes records of its lines."""

    def __init__(self, seed: int, service: str, region: str, hosts: Sequence[str]) -> None:
        self._service = service
        self._region = region
        self._hosts = hosts
        # Keyed by service and region, not by host: lines whose rates are counted together meet in one partition.
        in_key = ("service", "region")
        self._sources = {host: LineSource({"service": service, "region": region, "host": host}, in_key) for host in hosts}
        self._rng = random.Random(f"{seed} fields {service} {region}")  # noqa: S311 - a simulation, no secret

    def write(self, event_time_ns: int, level: str, template: str) -> LogEntry:
        message = fill(template, self._rng)
        host = self._rng.choice(self._hosts)
        if self._service not in FLUENTD_SERVICES:
            return LogEntry(event_time_ns, "log_json", LineEntry(event_time_ns, self._sources[host], message, level))
        moment = datetime.fromtimestamp(event_time_ns // NS_PER_SEC, UTC)
        record = {
            "time": f"{moment:%Y-%m-%dT%H:%M:%S}.{event_time_ns % NS_PER_SEC:09d}Z",
            "level": level.lower(),
            "message": message,
            "service": self._service,
            "region": self._region,
            "host": host,
        }
        return LogEntry(
            event_time_ns, "fluentd_json", RawEntry(event_time_ns, self._sources[host].key, orjson.dumps(record), "time")
        )


class _Arrival(NamedTuple):
    event_time_ns: int
    writer: _Writer
    level: str
    template: str


def _arrivals(
    seed: int, name: str, writer: _Writer, level: str, template: str, rate: float, start_secs: float, end_secs: float
) -> Iterator[_Arrival]:
    # Independent arrivals: exponential gaps.  Whole milliseconds, as loggers write them.
    rng = random.Random(f"{seed} arrivals {name} {template}")  # noqa: S311 - a simulation, no secret
    time_secs = start_secs + rng.expovariate(rate)
    while time_secs < end_secs:
        yield _Arrival(EPOCH_NS + int(time_secs * 1_000) * 1_000_000, writer, level, template)
        time_secs += rng.expovariate(rate)


def simulate_logs(seed: int, timeline: Timeline, incidents: Sequence[ScheduledIncident]) -> Iterator[LogEntry]:
    """Every line of the simulation in order of time.

    Parameters
    ----------
    seed : int
        Decides everything.
    timeline : Timeline
        From when to when.
    incidents : sequence of ScheduledIncident
        Their lines are mixed in.

    Examples
    --------
    >>> timeline = Timeline(history_secs=60.0, live_secs=60.0)
    >>> entry = next(simulate_logs(1, timeline, ()))
    >>> entry.format in ("log_json", "fluentd_json")
    True
    """
    writers = {
        (service, region.name): _Writer(seed, service, region.name, nodes_of(region))
        for service in SERVICES
        for region in REGIONS
    }
    walks = [
        _arrivals(seed, f"{service} {region}", writer, one.level, one.text, one.rate, 0.0, timeline.total_secs)
        for (service, region), writer in writers.items()
        for one in SERVICES[service]
    ]
    for incident in incidents:
        start, end = (timeline.history_secs + secs for secs in (incident.start_secs, incident.end_secs))
        walks += [
            _arrivals(seed, incident.name, writers[log.service, log.region], log.level, log.template, log.rate, start, end)
            for log in incident.logs
        ]
    for arrival in heapq.merge(*walks, key=lambda one: one.event_time_ns):
        yield arrival.writer.write(arrival.event_time_ns, arrival.level, arrival.template)
