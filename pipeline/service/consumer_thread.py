"""The thread in which aiokafka lives, with its own event loop, so that heartbeats go on while the main loop scores."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import aiokafka
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.errors import ConsumerStoppedError, IllegalStateError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode.threads import WorkerThread

from pipeline.codecs.fetched import Stop
from pipeline.service.assignor import EvenAssignor
from pipeline.service.fast_reader import FastReader, find_obstacle, keep_fetched_bytes
from pipeline.service.fetched_batch import FetchedBatch, TakeBatch, take_records
from pipeline.service.kafka_settings import connection_arguments
from pipeline.service.worker_context import context_of
from pipeline.telemetry.events import Telemetry

__all__ = ["BatchConsumerThread"]

_FETCH_WAIT_MS = 250
_REQUEST_TIMEOUT_MS = 20_000
_METADATA_MAX_AGE_MS = 30_000
_UNREADABLE_PAUSE_SECS = 5.0
_UNREADABLE_CURE = (
    "have the broker take it from another replica; if there is none, delete the records up to the next batch "
    "(kafka-delete-records)"
)
_LEAVE_SECS = 2.0


def _position_of(state: Any) -> int:
    return int(state.position)


class _PatientThread(WorkerThread):
    """A thread that a broker which does not answer cannot keep from ending with the process."""

    def __init__(self, service: Any, **kwargs: Any) -> None:
        super().__init__(service, **kwargs)
        self.daemon = True

    def stop(self) -> None:
        """Wait for its end, but not for ever."""
        if self.is_stopped.wait(_LEAVE_SECS):
            self.join(_LEAVE_SECS)


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread in which aiokafka lives.  Methods that begin with an underscore run in it."""

    Worker = _PatientThread

    def __post_init__(self) -> None:
        super().__post_init__()
        self._grants: dict[TP, int] = {}
        self._next_offset: dict[TP, int] = {}
        self._proved_secs = 0.0
        self._take_batch: TakeBatch = take_records
        self._wake: asyncio.Event | None = None

    async def on_start(self) -> None:
        """Start the consumer, and note when the group answers a heartbeat."""
        await super().on_start()
        coordinator = self._ensure_consumer()._coordinator
        beat = coordinator._do_heartbeat

        async def beat_and_note() -> bool:
            sent_secs = time.monotonic()
            is_answered: bool = await beat()
            if is_answered:
                self._proved_secs = sent_secs
            return is_answered

        coordinator._do_heartbeat = beat_and_note

    @property
    def proved_secs(self) -> float:
        """Monotonic time at which the last heartbeat that the group answered was sent; 0 = none yet."""
        return self._proved_secs

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:  # noqa: ARG002 - Faust's signature
        config = context_of(self.app).settings_of_worker
        broker, worker = config.broker, config.worker
        self._assignor = EvenAssignor([topic.name for topic in config.topics], self._generation)
        self._max_records = worker.max_poll_records
        self._wake = asyncio.Event()
        self._take_batch = self._choose_reader(worker.reader)
        return aiokafka.AIOKafkaConsumer(
            **connection_arguments(broker),
            client_id="streamwarden-worker",
            group_id=worker.group,
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            # Where to begin is decided by the flows.  This is where reading goes on when the broker has deleted what comes next:
            # at the next record there is, not behind all of them.
            auto_offset_reset="earliest",
            # Batches are paced by grants, so that there is no poll whose absence would mean anything.
            max_poll_interval_ms=24 * 3600 * 1000,
            max_partition_fetch_bytes=4 * 1024 * 1024,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            request_timeout_ms=max(_REQUEST_TIMEOUT_MS, round(broker.session_timeout_secs * 1000)),
            session_timeout_ms=round(broker.session_timeout_secs * 1000),
            heartbeat_interval_ms=round(broker.heartbeat_interval_secs * 1000),
            rebalance_timeout_ms=round(broker.rebalance_timeout_secs * 1000),
            isolation_level=worker.isolation,
            metadata_max_age_ms=_METADATA_MAX_AGE_MS,
        )

    def _choose_reader(self, reader: str) -> TakeBatch:
        if reader == "ordinary":
            return take_records
        obstacle = find_obstacle()
        if obstacle:
            self._telemetry.emit("fast_reader_unavailable", reason=obstacle)
            return take_records
        keep_fetched_bytes()
        return FastReader(take_records, self._tell_fallback).take

    def _tell_fallback(self, topic: str, partition: int, stop: Stop) -> None:
        self._telemetry.emit("fast_reader_left", code=stop.value.upper(), topic=topic, partition=partition)

    @property
    def _telemetry(self) -> Telemetry:
        return context_of(self.app).telemetry

    def _generation(self) -> int:
        consumer = self._consumer
        return 0 if consumer is None else int(getattr(consumer._coordinator, "generation", 0))

    # From the main loop.

    async def take(self, timeout_secs: float) -> list[tuple[TP, FetchedBatch]]:
        """Batches of granted partitions, at most one each; waits until there is one, at most `timeout_secs`."""
        taken: list[tuple[TP, FetchedBatch]] = await self.call_thread(self._take, timeout_secs)
        return taken

    async def grant_at(self, tp: TP, grant: int, offset: int) -> bool:
        """Let a partition be read from `offset` on; False when it is not assigned any more."""
        granted: bool = await self.call_thread(self._grant_at, tp, grant, offset)
        return granted

    def grant_again(self, tp: TP, grant: int) -> None:
        """Let the next batch of a partition be read."""
        self.thread_loop.call_soon_threadsafe(self._grant_again, tp, grant)

    def withdraw_grants(self) -> None:
        """Read nothing more until granted anew; called from the main loop as well as from the thread."""
        self._grants.clear()

    async def committed_offsets(self, tps: set[TP]) -> dict[TP, int | None]:
        """Offsets the group has committed."""
        found: dict[TP, int | None] = await self.call_thread(self._committed_offsets, tps)
        return found

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> dict[TP, int]:
        """Commit; returns those that were (a partition that is not assigned any more is left out).

        Raises
        ------
        KafkaError
            The broker refused or is away.
        """
        done: dict[TP, int] = await self.call_thread(self._commit_offsets, dict(offsets))
        return done

    def highwater_of(self, tp: TP) -> int | None:
        """Where the partition ends, as the last fetch told; None when none has."""
        consumer = self._consumer
        if consumer is None:
            return None
        try:
            highwater: int | None = consumer.highwater(TopicPartition(tp.topic, tp.partition))
        except IllegalStateError:
            return None
        return highwater

    # In the thread.

    async def _take(self, timeout_secs: float) -> list[tuple[TP, FetchedBatch]]:
        consumer, wake = self._ensure_consumer(), self._wake
        assert wake is not None
        loop = asyncio.get_running_loop()
        deadline_secs = loop.time() + timeout_secs
        while True:
            fetcher = consumer._fetcher
            if consumer._closed or fetcher._closed:
                raise ConsumerStoppedError
            wake.clear()
            taken = self._take_ready(consumer)
            remaining_secs = deadline_secs - loop.time()
            if taken or remaining_secs <= 0:
                return taken
            arrival = fetcher._create_fetch_waiter()
            woken = asyncio.ensure_future(wake.wait())
            try:
                await asyncio.wait({arrival, woken}, timeout=remaining_secs, return_when=asyncio.FIRST_COMPLETED)
            finally:
                woken.cancel()
                if not arrival.done():
                    arrival.cancel()
            if arrival.done() and not arrival.cancelled():
                arrival.result()

    def _take_ready(self, consumer: aiokafka.AIOKafkaConsumer) -> list[tuple[TP, FetchedBatch]]:
        fetcher, subscriptions = consumer._fetcher, consumer._subscription
        if subscriptions.reassignment_in_progress:
            return []
        taken: list[tuple[TP, FetchedBatch]] = []
        for key in list(fetcher._records):
            tp = TP(key.topic, key.partition)
            grant = self._grants.get(tp)
            if grant is None:
                if not subscriptions.is_assigned(key):
                    del fetcher._records[key]
                continue
            result = fetcher._records[key]
            if not isinstance(result, FetchResult):
                if taken:
                    return taken
                del fetcher._records[key]
                fetcher._notify(fetcher._wait_consume_future)
                result.check_raise()
                continue
            if not result.has_more() or not result.check_assignment(key):
                batch = None
            else:
                state = subscriptions.subscription.assignment.state_value(key)
                self._note_position(tp, state.position)
                try:
                    batch = self._take_batch(result, self._max_records, partial(_position_of, state))
                except Exception as error:  # noqa: BLE001 - what damaged bytes make a reader raise is its library's choice
                    self._set_aside(tp, result, state, error)
                    batch = None
            if not result.has_more():
                del fetcher._records[key]
                fetcher._notify(fetcher._wait_consume_future)
            if batch is not None:
                # The main loop may have withdrawn it meanwhile; a batch of a withdrawn grant is dropped there and read again.
                self._grants.pop(tp, None)
                self._next_offset[tp] = batch.next_offset
                taken.append((tp, FetchedBatch(grant, batch)))
        return taken

    def _note_position(self, tp: TP, position: int) -> None:
        """Tell of a position that is not the one reading was to go on from: the broker no longer had that."""
        expected = self._next_offset.setdefault(tp, position)
        if position != expected:
            self._next_offset[tp] = position
            self._telemetry.emit(
                "offset_out_of_range", topic=tp.topic, partition=tp.partition, committed=expected, resumed_at=position
            )

    def _set_aside(self, tp: TP, result: FetchResult, state: Any, error: Exception) -> None:
        """A batch that cannot be read: its partition stands still before it, and it is fetched again after a while.

        Others are not held up, and what was taken of them is not lost.
        """
        result._partition_records = None
        state.pause()
        asyncio.get_running_loop().call_later(_UNREADABLE_PAUSE_SECS, state.resume)
        self._telemetry.emit(
            "batch_unreadable",
            code=type(error).__name__,
            error=error,
            topic=tp.topic,
            partition=tp.partition,
            offset=int(state.position),
            expected="a record batch that is whole",
            cure=_UNREADABLE_CURE,
        )

    async def _grant_at(self, tp: TP, grant: int, offset: int) -> bool:
        consumer, key = self._ensure_consumer(), TopicPartition(tp.topic, tp.partition)
        if key not in consumer.assignment():
            return False
        consumer.seek(key, offset)
        self._next_offset[tp] = offset
        self._grant_again(tp, grant)
        return True

    def _grant_again(self, tp: TP, grant: int) -> None:
        self._grants[tp] = grant
        if self._wake is not None:
            self._wake.set()

    async def _committed_offsets(self, tps: set[TP]) -> dict[TP, int | None]:
        consumer = self._ensure_consumer()
        return {tp: await consumer.committed(TopicPartition(tp.topic, tp.partition)) for tp in sorted(tps)}

    async def _commit_offsets(self, offsets: dict[TP, int]) -> dict[TP, int]:
        consumer = self._ensure_consumer()
        assigned = consumer.assignment()
        held = {tp: offset for tp, offset in offsets.items() if TopicPartition(tp.topic, tp.partition) in assigned}
        if held:
            await consumer.commit(
                {TopicPartition(tp.topic, tp.partition): OffsetAndMetadata(offset, "") for tp, offset in held.items()}
            )
        return held
