"""One run of the demo on a broker that is there: topics, worker, feed, watching, verdict, clearing up."""

from __future__ import annotations

import heapq
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.alerts.event import AlertEvent
from pipeline.client import RecordWriter
from pipeline.clock import NS_PER_SEC
from pipeline.config.schema import Config
from pipeline.demo.feed import Feeder, FeedPhase
from pipeline.demo.judgement import Judgement, expect_incidents, judge
from pipeline.demo.plan import write_config
from pipeline.demo.probe import WorkerState, probe_worker
from pipeline.demo.rate import RateMeter
from pipeline.demo.recorded import RecordedData
from pipeline.demo.simulation import Simulation
from pipeline.demo.snapshot import RunSnapshot
from pipeline.demo.summary import RunSummary
from pipeline.demo.watch import Watcher
from pipeline.demo.worker_process import WorkerProcess
from pipeline.errors import StreamwardenError

__all__ = ["DemoRun", "free_port"]

_TICK_SECS = 0.25
_PROBE_SECS = 0.5
_GRACE_SECS = 300.0
_QUIET_SECS = 4.0
_DRAIN_SECS = 45.0
_START_SECS = 300.0
_EARLY_END_SECS = 8.0
_NS_PER_MS = 1_000_000


def free_port() -> int:
    """A loopback port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class _State:
    """What the loop of a run has learned so far."""

    worker: WorkerState | None = None
    probed_secs: float = 0.0
    doing: str = "starting"


class DemoRun:
    """A run from the first record to the summary.

    Parameters
    ----------
    config : Config
        Of the run: its broker, its topics, a free web port.
    settings : mapping
        Connection settings of kafka-python.
    simulation : Simulation
        What is sent.
    recorded : RecordedData or None
        What is sent beside.
    speed : float
        Event seconds a wall second in the live part.
    folder : Path
        For the worker's configuration and log.
    """

    def __init__(
        self,
        config: Config,
        settings: Mapping[str, Any],
        simulation: Simulation,
        recorded: RecordedData | None,
        *,
        speed: float,
        folder: Path,
    ) -> None:
        self._config = config
        self._settings = dict(settings)
        self._simulation = simulation
        self._recorded = recorded
        self._speed = speed
        self._folder = folder
        self._started_secs = time.monotonic()
        timeline = simulation.timeline
        end_ns = time.time_ns() + round(timeline.live_secs / speed * NS_PER_SEC)
        self._shift_ns = (end_ns - timeline.end_ns) // _NS_PER_MS * _NS_PER_MS
        self._expectations = expect_incidents(simulation.incidents, timeline, self._shift_ns)
        marked = () if recorded is None else recorded.expectations(timeline.end_ns + self._shift_ns)
        self._marked = marked
        self._metric_services = frozenset() if recorded is None else recorded.metric_services
        self._log_services = frozenset() if recorded is None else recorded.log_services
        self._played_until_ns: int | None = None
        self._state = _State()
        self._meter = RateMeter()

    def play(self, show: Callable[[RunSnapshot], None]) -> RunSummary:
        """Play the whole script; `show` is called a few times a second.

        Ctrl-C ends the script early and still gives a summary, with `is_complete` false.

        Raises
        ------
        StreamwardenError
            The worker ended, the broker went away, or nothing came of the start.
        """
        config_path = self._folder / "topics.yaml"
        write_config(self._config, config_path)
        worker = WorkerProcess(config_path, self._folder / "worker.log")
        try:
            with RecordWriter(self._settings) as writer:
                watcher = Watcher(self._settings, self._config.outputs)
                watcher.start()
                feeder = self._feeder(writer)
                feeder.start()
                try:
                    is_complete = self._follow(worker, feeder, watcher, show)
                finally:
                    feeder.stop()
                    feeder.join()
                    watcher.stop()
                    watcher.join()
            return self._summary(feeder, watcher, is_complete=is_complete)
        finally:
            worker.stop()

    def _feeder(self, writer: RecordWriter) -> Feeder:
        topic_by_format: dict[str, str] = {}
        for topic in self._config.topics:
            topic_by_format.setdefault(topic.format, topic.name)
        timeline = self._simulation.timeline
        entries = self._simulation.entries()
        if self._recorded is not None:
            walks = (self._recorded.entries(timeline.end_ns), entries)
            entries = heapq.merge(*walks, key=lambda timed: timed.event_time_ns)
        return Feeder(
            writer,
            topic_by_format,
            entries,
            shift_ns=self._shift_ns,
            live_start_ns=timeline.live_start_ns,
            speed=self._speed,
        )

    def _follow(self, worker: WorkerProcess, feeder: Feeder, watcher: Watcher, show: Callable[[RunSnapshot], None]) -> bool:
        try:
            drain_until_secs = None
            while True:
                self._probe()
                worker.require_running()
                for error in (feeder.error, watcher.error):
                    if error is not None:
                        raise error
                now_secs = time.monotonic()
                state = self._state.worker
                is_even = state is not None and state.n_records >= feeder.n_written
                if feeder.phase is FeedPhase.WAITING and is_even:
                    feeder.begin_live()
                if feeder.phase is FeedPhase.DONE:
                    drain_until_secs = drain_until_secs or now_secs + _DRAIN_SECS
                    is_quiet = is_even and now_secs - watcher.heard_secs > _QUIET_SECS
                    if is_quiet or now_secs > drain_until_secs:
                        return True
                elif feeder.phase is not FeedPhase.LIVE and now_secs - self._started_secs > _START_SECS:
                    raise StreamwardenError(
                        f"the worker has not read the history within {_START_SECS:.0f} s, expected it to; its log:\n"
                        f"{worker.last_log_lines()}",
                        code="DEMO_STUCK",
                    )
                self._state.doing = _describe(feeder.phase, state)
                show(self._snapshot(feeder, watcher))
                time.sleep(_TICK_SECS)
        except KeyboardInterrupt:
            self._end_early(feeder, show, watcher)
            return False

    def _end_early(self, feeder: Feeder, show: Callable[[RunSnapshot], None], watcher: Watcher) -> None:
        """Send nothing more, and give the worker a moment to catch up; a second Ctrl-C does not wait for it."""
        self._played_until_ns = feeder.event_time_ns
        self._state.doing = "ended early: waiting for the worker to catch up"
        feeder.stop()
        until_secs = time.monotonic() + _EARLY_END_SECS
        try:
            feeder.join()
            while time.monotonic() < until_secs:
                self._probe()
                show(self._snapshot(feeder, watcher))
                if self._state.worker is not None and self._state.worker.n_records >= feeder.n_written:
                    break
                time.sleep(_TICK_SECS)
        except KeyboardInterrupt:
            return

    def _probe(self) -> None:
        now_secs = time.monotonic()
        if now_secs - self._state.probed_secs < _PROBE_SECS:
            return
        self._state.probed_secs = now_secs
        settings = self._config.worker
        state = probe_worker(settings.web_host, settings.web_port)
        if state is not None:
            self._state.worker = state
            self._meter.add(now_secs, state.n_records)

    def _judge(self, watcher: Watcher) -> tuple[Judgement, Judgement, Judgement]:
        """About the simulation, about recorded metrics, about recorded logs, which nobody has marked."""
        simulated: list[AlertEvent] = []
        metrics: list[AlertEvent] = []
        logs: list[AlertEvent] = []
        for _, event in watcher.alerts:
            services = {shown.series.get("service") for shown in event.series}
            about = logs if services & self._log_services else metrics if services & self._metric_services else simulated
            about.append(event)
        slack_secs = 2.0 * self._simulation.timeline.step_secs
        return (
            judge(self._expectations, simulated, slack_secs=slack_secs, grace_secs=_GRACE_SECS),
            judge(self._marked, metrics, slack_secs=0.0, grace_secs=0.0),
            judge((), logs, slack_secs=0.0, grace_secs=0.0),
        )

    def _snapshot(self, feeder: Feeder, watcher: Watcher) -> RunSnapshot:
        simulated, _, _ = self._judge(watcher)
        still_open = sorted(watcher.open_incidents.values(), key=lambda event: (event.severity, -event.time_ns))
        return RunSnapshot(
            broker=self._config.broker.bootstrap,
            doing=self._state.doing,
            elapsed_secs=time.monotonic() - self._started_secs,
            phase=feeder.phase,
            event_time_ns=feeder.event_time_ns,
            speed=self._speed,
            n_written=feeder.n_written,
            records_per_sec=self._meter.per_sec(),
            worker=self._state.worker,
            n_anomalies=watcher.n_anomalies,
            n_alerts=len(watcher.alerts),
            n_dead_letters=watcher.n_dead_letters,
            newest=tuple(watcher.newest),
            open_incidents=tuple(still_open),
            outcomes=simulated.outcomes,
        )

    def _summary(self, feeder: Feeder, watcher: Watcher, *, is_complete: bool) -> RunSummary:
        n_planned = len(self._expectations)
        if self._played_until_ns is not None:
            self._expectations = tuple(one for one in self._expectations if one.start_ns <= self._played_until_ns)
        simulated, metrics, logs = self._judge(watcher)
        live_start_ns = self._simulation.timeline.live_start_ns + self._shift_ns
        lag_secs = [
            seen_secs - feeder.sent_at_secs(event.time_ns)
            for seen_secs, event in watcher.alerts
            if event.type in ("firing", "updated") and event.time_ns >= live_start_ns
        ]
        return RunSummary(
            seed=self._simulation.seed,
            elapsed_secs=time.monotonic() - self._started_secs,
            n_written=feeder.n_written,
            worker=self._state.worker,
            n_anomalies=watcher.n_anomalies,
            n_dead_letters=watcher.n_dead_letters,
            events=tuple(event for _, event in watcher.alerts),
            simulated=simulated,
            recorded_metrics=metrics,
            recorded_logs=logs,
            lag_secs=tuple(lag_secs),
            is_complete=is_complete,
            n_not_played=n_planned - len(self._expectations),
        )


def _describe(phase: FeedPhase, worker: WorkerState | None) -> str:
    if phase is FeedPhase.LIVE:
        return "live: things are made to go wrong"
    if phase is FeedPhase.DONE:
        return "waiting for the last alerts"
    if worker is None:
        return "the worker starts"
    if not worker.is_ready:
        return "the worker compiles its kernels (a minute or so, the first time only)"
    return "the worker learns from simulated history"
