"""The worker process: warm up, join the group, score until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord
from faust.types import TP

from models.kernel_store import CacheFault, cache_faults
from pipeline.clock import QuickClock, SystemClock
from pipeline.config.fingerprint import config_hash
from pipeline.config.schema import Config
from pipeline.crosscheck.base import Provider
from pipeline.crosscheck.registry import build_provider
from pipeline.crosscheck.stage import CrosscheckStage
from pipeline.errors import BrokerError, StateError, StreamwardenError
from pipeline.service.app import WorkerApp, build_app
from pipeline.service.assignment import Assignment
from pipeline.service.checkpoint_copy import CheckpointCopy, build_copy_clients
from pipeline.service.checkpoint_reads import CheckpointReads, encode_group
from pipeline.service.checkpoint_store import CheckpointStore, CheckpointTopic, is_whole
from pipeline.service.copy_turn import CopyTurn
from pipeline.service.crosscheck_flow import CrosscheckFlow
from pipeline.service.crosscheck_gauges import show_crosscheck
from pipeline.service.durable_lane import DurableLane
from pipeline.service.event_loop import end_loop, make_loop
from pipeline.service.flow import Flow
from pipeline.service.heap import keep_heap
from pipeline.service.incident_flow import IncidentFlow
from pipeline.service.partition_reader import PartitionReader
from pipeline.service.publisher import Publisher
from pipeline.service.source_flow import SourceFlow
from pipeline.service.source_gauges import show_coverage, show_lag
from pipeline.service.standby import StandbyReads
from pipeline.service.stop import Stop
from pipeline.service.topic_check import check_topics
from pipeline.service.topic_tail import TopicTail
from pipeline.service.warm_up_thread import warm_up_beside
from pipeline.service.web import WebServer
from pipeline.telemetry.events import Telemetry

__all__ = ["Worker", "run_worker"]

_CONNECT_SECS = 60.0
_STOP_SECS = 6.0
_LEAVE_SECS = 3.0
_PULSE_SECS = 15.0
_LEASE_SHARE = 0.6
_N_UNPACKING = 2
"""Lanes restored at once: half of the time goes where Python's lock is not held; more than two would wait for it."""
_COVERAGE_SECS = 5.0
_CURRENT_MS = 10_000
_NS_PER_MS = 1_000_000


class Worker:
    """One worker.

    Parameters
    ----------
    config : Config
        The whole configuration.
    telemetry : Telemetry
        Events and metrics.
    is_fresh : bool
        Pass over checkpoints: learn again from the restart horizon.
    """

    def __init__(self, config: Config, telemetry: Telemetry, *, is_fresh: bool = False) -> None:
        self._config = config
        self._is_fresh = is_fresh
        self._hash = config_hash(config)
        self._telemetry = telemetry
        self._clock = SystemClock()
        self._incident_clock = QuickClock(config.worker.event_secs_per_sec)
        self._steady_clock = QuickClock(1.0)
        self._sources = {topic.name: topic for topic in config.topics}
        lease_secs = _LEASE_SHARE * config.broker.session_timeout_secs
        self._assignment = Assignment(self._new_flow, telemetry, self._fail, lease_secs=lease_secs, clock=self._clock)
        self._error: BaseException | None = None
        self._stop = Stop(telemetry)
        self._copy_turn = CopyTurn()
        self._unpacking = asyncio.Semaphore(_N_UNPACKING)
        where = config.worker.checkpoint_copy
        self._copy_clients = None if where is None else build_copy_clients(where)
        self._is_warm = False
        self._was_ready = False
        self._failing: dict[str, int] = {}
        self._pulse_secs = time.monotonic()
        self._covered_secs = 0.0
        self._app: WorkerApp | None = None
        self._provider: Provider | None = None
        self._standby: StandbyReads | None = None

    async def run(self) -> None:
        """Run until a signal, or until something ends it.

        Raises
        ------
        StreamwardenError
            What ended it.
        """
        self._stop.listen_to_signals()
        config = self._config
        web = WebServer(
            config.worker.web_host, config.worker.web_port, self._telemetry.metrics, self._tell_health, self._tell_readiness
        )
        self._telemetry.metrics.show("build_info", 1, version=_version(), config_hash=self._hash)
        self._telemetry.emit(
            "worker_started",
            pid=os.getpid(),
            version=_version(),
            config_hash=self._hash,
            group=config.worker.group,
            broker=config.broker.bootstrap,
            web=f"http://{config.worker.web_host}:{web.port}",
        )
        try:
            await self._work()
        finally:
            web.close()
        if self._error is not None:
            raise self._error

    async def _work(self) -> None:
        warming = asyncio.ensure_future(warm_up_beside(self._config, self._tell_cache_fault))
        await self._stop.wait_beside(warming)
        if self._stop.is_asked:
            return
        secs = warming.result()
        self._telemetry.emit("kernels_warmed", secs=round(sum(secs.values()), 3), slowest=dict(Counter(secs).most_common(3)))
        for kind, n in cache_faults.n_by_kind.items():
            self._telemetry.metrics.follow("kernel_cache_faults_total", n, "kernels", kind=kind)
        self._is_warm = True
        keep_heap()
        self._publisher = Publisher(self._config.broker, self._telemetry)
        # Gzip is what every reader of alerts can unpack, and costs nine times as much as lz4, which what goes to the next stage has.
        self._stage_publisher = Publisher(self._config.broker, self._telemetry, compression="lz4")
        # Blocks of state are packed already.
        self._state_publisher = Publisher(self._config.broker, self._telemetry, compression=None)
        self._provider = build_provider(self._config.crosscheck, self._clock)
        self._stage = CrosscheckStage(self._config.crosscheck, self._provider, self._clock, self._telemetry.metrics)
        try:
            await self._stop.wait_beside(asyncio.create_task(self._connect()))
            if not self._stop.is_asked:
                await self._consume()
        except StreamwardenError as error:
            self._fail(error)
        finally:
            await self._stage.close()
            if self._standby is not None:
                await self._standby.close()
            if self._copy_clients is not None:
                self._copy_clients.close()
            for publisher in (self._stage_publisher, self._publisher, self._state_publisher):
                await publisher.close(timeout_secs=2.0)

    def _tell_cache_fault(self, fault: CacheFault) -> None:
        """Once a kind of fault: each start compiles for a minute until somebody sees to it."""
        self._telemetry.emit(
            "kernel_cache_failed", code=fault.code, kind=fault.kind, path=str(fault.path), reason=fault.error, cure=fault.cure
        )

    async def _consume(self) -> None:
        app = self._app = build_app(
            self._config, self._assignment, self._telemetry, every_second=self._each_second, fail=self._fail
        )
        starting = asyncio.create_task(app.start())
        await self._stop.wait_beside(starting, cancel=False)
        crashed = asyncio.create_task(app.wait_until_stopped())
        await self._stop.wait_beside(crashed)
        if not self._stop.is_asked:
            self._fail(app.crash_reason or StreamwardenError("Faust stopped by itself", code="FAUST_STOPPED"))
        await self._leave(app, starting)

    async def _leave(self, app: WorkerApp, starting: asyncio.Task[None]) -> None:
        """Finish what is in flight, commit, leave the group."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECS):
                await self._assignment.close(_STOP_SECS - 2)
                if self._error is None:
                    await app.batch_consumer.force_commit()
        self._assignment.drop_all()
        starting.cancel()
        with contextlib.suppress(TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(_LEAVE_SECS):
                await app.stop()

    async def _connect(self) -> None:
        """Reach the broker and see that every topic is there.

        Raises
        ------
        BrokerError
            It cannot be reached, or a topic is missing or has the wrong number of partitions.
        """
        deadline_secs = time.monotonic() + _CONNECT_SECS
        while True:
            try:
                found = await check_topics(self._config)
                self._checkpoints = self._open_checkpoints(found[self._config.outputs.checkpoints.name])
                await self._publisher.start()
                await self._stage_publisher.start()
                return
            except KafkaError as error:
                self._telemetry.emit("broker_unavailable", code=type(error).__name__, error=error)
                if time.monotonic() > deadline_secs:
                    raise BrokerError(
                        f"{self._config.broker.bootstrap}: {error}; expected a Kafka broker within {_CONNECT_SECS:.0f} s; start one, "
                        "or name it with --broker host:port",
                        code="BROKER_UNREACHABLE",
                    ) from error
            await asyncio.sleep(0.5)

    def _open_checkpoints(self, n_partitions: int) -> CheckpointTopic:
        config, name = self._config, self._config.outputs.checkpoints.name
        reads = CheckpointReads(self._read_checkpoints)
        if config.worker.standby:
            tail = TopicTail(config.broker, name, n_partitions)
            group = encode_group(config.worker.group)
            self._standby = StandbyReads(reads, tail.follow, tail.find_end, n_partitions, group, is_whole, self._telemetry)
        return CheckpointTopic(name, n_partitions, self._state_publisher.publish, self._standby or reads)

    async def _read_checkpoints(self, partition: int) -> AsyncIterator[Sequence[ConsumerRecord]]:
        async with PartitionReader(self._config.broker) as reader:
            async for records in reader.read_all(self._config.outputs.checkpoints.name, partition):
                yield records

    def _new_flow(self, tp: TP) -> Flow:
        config, outputs = self._config, self._config.outputs
        if tp.topic == outputs.anomalies.name:
            return CrosscheckFlow(config, tp.partition, self._stage, self._stage_publisher, self._clock, self._telemetry)
        if tp.topic == outputs.checked.name:
            hold = self._assignment.hold
            publishers = self._publisher, self._stage_publisher
            return IncidentFlow(config, tp.partition, *publishers, self._incident_clock, self._telemetry, hold)
        source, hold = self._sources[tp.topic], self._assignment.hold
        store = CheckpointStore(self._checkpoints, config.worker.group, tp.topic, tp.partition, self._hash)
        copy = None
        if self._copy_clients is not None and config.worker.checkpoint_copy is not None:
            group, where = config.worker.group, config.worker.checkpoint_copy
            copy = CheckpointCopy(where, self._copy_clients, group, tp.topic, tp.partition, self._telemetry)
        durable = DurableLane(
            config,
            self._hash,
            source,
            tp.partition,
            store,
            self._telemetry,
            hold,
            self._fail,
            self._copy_turn,
            self._unpacking,
            copy,
            is_fresh=self._is_fresh,
        )
        return SourceFlow(config, source, tp.partition, durable, self._stage_publisher, self._telemetry)

    async def _each_second(self) -> None:
        self._pulse_secs = time.monotonic()
        if self._app is None:
            return
        try:
            if not self._was_ready and self._tell_readiness()["ok"]:
                self._was_ready = True
                self._telemetry.emit("worker_ready", n_partitions=len(self._assignment.flows))
            if self._standby is not None and self._assignment.is_restored:
                # Not before: our own partitions come first.
                self._standby.start()
            show_lag(
                self._telemetry.metrics, {tp: (flow, self._lag(self._app, tp)) for tp, flow in self._assignment.flows.items()}
            )
            for tp, flow in self._assignment.flows.items():
                if isinstance(flow, SourceFlow):
                    self._assignment.run_beside(tp, flow.tick)
            if self._pulse_secs - self._covered_secs >= _COVERAGE_SECS:
                self._covered_secs = self._pulse_secs
                self._failing = show_coverage(self._telemetry.metrics, self._assignment.flows, self._sources, self._failing)
            self._tick_incidents(self._app)
            n_pending = {
                tp.partition: flow.n_pending for tp, flow in self._assignment.flows.items() if isinstance(flow, CrosscheckFlow)
            }
            show_crosscheck(self._telemetry.metrics, self._provider, n_pending)
        except Exception as error:  # noqa: BLE001 - the edge: whatever it is ends the process
            self._fail(error)
        self._telemetry.flush()

    def _lag(self, app: WorkerApp, tp: TP) -> int | None:
        next_offset, highwater = self._assignment.next_offset(tp), app.reader.highwater_of(tp)
        return None if next_offset is None or highwater is None else max(highwater - next_offset, 0)

    def _is_current(self, app: WorkerApp, tp: TP, flow: Flow) -> bool:
        """Whether everything is read, or all but what came in the last moments."""
        if self._lag(app, tp) == 0:
            return True
        return isinstance(flow, SourceFlow) and self._steady_clock.now_ns() // _NS_PER_MS - flow.newest_ms < _CURRENT_MS

    def _tick_incidents(self, app: WorkerApp) -> None:
        firing: Counter[str] = Counter()
        # A backlog, here or on the way here, may hold news that time alone would get wrong.
        is_current = self._assignment.is_restored and all(
            self._is_current(app, tp, flow) for tp, flow in self._assignment.flows.items()
        )
        for tp, flow in self._assignment.flows.items():
            if isinstance(flow, IncidentFlow):
                if is_current:
                    self._assignment.run_beside(tp, flow.tick)
                firing.update(flow.open_by_severity())
        self._telemetry.metrics.show_incidents(firing)

    def _fail(self, error: BaseException) -> None:
        """Remember the first error and stop."""
        if self._error is None:
            self._error = error
            event = "state_uncertain" if isinstance(error, StateError) else "worker_failed"
            code = error.code if isinstance(error, StreamwardenError) else type(error).__name__
            self._telemetry.emit(event, code=code, error=error)
        self._stop.ask()

    def _tell_health(self) -> dict[str, Any]:
        silent_secs = time.monotonic() - self._pulse_secs if self._app is not None else 0.0
        # What one model cannot do is no reason to restart the worker: the others go on.
        return {
            "ok": self._error is None and silent_secs < _PULSE_SECS,
            "secs_since_pulse": round(silent_secs, 1),
            "failing_series_by_detector": {name: n for name, n in self._failing.items() if n},
        }

    def _tell_readiness(self) -> dict[str, Any]:
        is_restored = self._assignment.is_restored
        return {
            "ok": self._is_warm and is_restored and not self._stop.is_asked,
            "is_warm": self._is_warm,
            "is_restored": is_restored,
        }


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("streamwarden")
    except PackageNotFoundError:
        return "unknown"


def run_worker(config: Config, telemetry: Telemetry | None = None, *, is_fresh: bool = False) -> None:
    """Run a worker in this process until a signal, on uvloop where it is to be had.

    Parameters
    ----------
    config : Config
        The whole configuration.
    telemetry : Telemetry, optional
        Fresh when absent.
    is_fresh : bool
        Pass over checkpoints: learn again from the restart horizon.

    Raises
    ------
    StreamwardenError
        What ended it; StateError when state is uncertain.
    """
    told = telemetry if telemetry is not None else Telemetry()
    loop = make_loop()
    asyncio.set_event_loop(loop)

    async def run() -> None:
        await Worker(config, told, is_fresh=is_fresh).run()

    try:
        loop.run_until_complete(run())
    finally:
        told.emit("worker_stopped")
        told.flush()
        end_loop(loop)
