"""Faust's transport, columnar: one Faust event is what one fetch brought of one partition.

What differs from stock Faust, and why:

- A message's value is a `FetchedBatch`, a whole `RecordBatch`: per-record events cost some 80 µs each.
- A partition is read only while it is *granted*, and at most one batch of it is on its way at a time.  So a slow topic holds up no
  other, memory is bounded by partitions times `max_poll_records`, and a batch that was fetched before a rebalance or a seek is told
  by its grant and dropped.
- Offsets are committed from what the flows have noted as done (`OffsetSource`), never from acknowledgements of events: Faust
  acknowledges events whose agent raised, and can commit past one that is still in flight.
- Positions are set by the flows when they are restored, not by Faust's seek to the committed offsets.

aiokafka runs in a thread of its own with its own event loop, so that heartbeats go on while the main loop scores.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, ClassVar, NoReturn, Protocol, cast

import aiokafka
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.errors import (
    ConsumerStoppedError,
    GroupAuthorizationFailedError,
    IllegalStateError,
    KafkaError,
    TopicAuthorizationFailedError,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from mode.threads import WorkerThread

from pipeline.codecs.fetched import Stop
from pipeline.codecs.record import RecordBatch
from pipeline.config.schema import Config
from pipeline.errors import BrokerError
from pipeline.failpoint import reach
from pipeline.service.assignor import EvenAssignor
from pipeline.service.fast_reader import FastReader, find_obstacle, keep_fetched_bytes
from pipeline.service.kafka_settings import connection_arguments
from pipeline.service.record_columns import to_columns
from pipeline.telemetry.events import Telemetry

__all__ = ["BatchConsumer", "BatchConsumerThread", "BatchTransport", "FetchedBatch", "OffsetSource", "TakeBatch", "WorkerContext"]

_FETCH_WAIT_MS = 250
_REQUEST_TIMEOUT_MS = 20_000
_METADATA_MAX_AGE_MS = 30_000
_REFUSAL_PAUSE_SECS = 1.0
_UNREADABLE_PAUSE_SECS = 5.0
_UNREADABLE_CURE = (
    "have the broker take it from another replica; if there is none, delete the records up to the next batch "
    "(kafka-delete-records)"
)
_LEAVE_SECS = 2.0

TakeBatch = Callable[[FetchResult, int, Callable[[], int]], RecordBatch | None]
"""What turns a fetched result into a batch: ``(result, max_records, position) -> RecordBatch``, run in the consumer's thread.
`position` gives the partition's reading position after the records were taken.  None: nothing was there and the position did not
move.  The ordinary one is `take_records`, the fast one `FastReader.take`."""


@dataclass(frozen=True, slots=True)
class FetchedBatch:
    """A batch and the grant it was read under."""

    grant: int
    batch: RecordBatch


class WorkerContext(Protocol):
    """What the transport wants of the application it belongs to."""

    settings_of_worker: Config
    offsets: OffsetSource
    telemetry: Telemetry
    fail: Callable[[BaseException], None]


class OffsetSource(Protocol):
    """Who knows which offsets may be committed."""

    def committable(self) -> dict[TP, int]:
        """Offsets, by partition, below which everything is done and which are not committed yet."""

    def note_committed(self, offsets: Mapping[TP, int]) -> None:
        """They have been committed."""


def _context(app: Any) -> WorkerContext:
    return cast(WorkerContext, app)


def _position_of(state: Any) -> int:
    return int(state.position)


def take_records(result: FetchResult, max_records: int, position: Callable[[], int]) -> RecordBatch | None:
    """The ordinary lane: aiokafka's records, to columns.

    What precedes a damaged batch is taken first; what the damage made aiokafka raise is raised when nothing precedes it.
    """
    before = position()
    source = result._partition_records
    records: list[Any] = []
    try:
        # As `FetchResult.getall`, which would let go of what it had when the source raises.
        records.extend(islice(source, max_records))
    except Exception as error:
        if not records:
            raise
        source._records_iterator = map(_throw, (error,))
    result._update_position()
    if source._records_iterator is None:
        result._partition_records = None
    after = position()
    if not records and after == before:
        return None
    tp = result._topic_partition
    return to_columns(tp.topic, tp.partition, records, after)


def _throw(error: Exception) -> NoReturn:
    raise error


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
        config = _context(self.app).settings_of_worker
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
        return _context(self.app).telemetry

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
        """Read nothing more until granted anew."""
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
                del self._grants[tp]
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


class _RebalanceListener(driver.ConsumerRebalanceListener):
    """Stops reading at the first sign of a rebalance, in the thread itself."""

    def on_partitions_revoked(self, revoked: Any) -> Any:
        cast(BatchConsumerThread, self._thread).withdraw_grants()
        return super().on_partitions_revoked(revoked)


class _NoOffsets(dict[TP, "int | None"]):
    """Faust's record of what it has read: always empty, since it would drop what is read again after a seek."""

    def __missing__(self, tp: TP) -> None:
        return None

    def __setitem__(self, tp: TP, offset: int | None) -> None:
        """Keep nothing."""


class BatchConsumer(driver.Consumer):
    """Faust's consumer, with batches for messages and offsets of our own."""

    RebalanceListener = _RebalanceListener
    _thread: BatchConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = _NoOffsets()

    @property
    def thread(self) -> BatchConsumerThread:
        """The thread in which aiokafka lives."""
        return self._thread

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        """Batches of granted partitions; what the broker refuses is told and tried again."""
        if not self.flow_active:
            await self.wait(cast(Any, self.can_resume_flow))
        try:
            taken = await self._thread.take(timeout)
        except ConsumerStoppedError:
            raise
        except (TopicAuthorizationFailedError, GroupAuthorizationFailedError) as error:
            denied = BrokerError(
                f"{error}; expected to be allowed to read the source topics and to be in the group; grant it to the worker's user",
                code="BROKER_DENIED",
            )
            denied.__cause__ = error
            _context(self.app).fail(denied)
            await self.sleep(_REFUSAL_PAUSE_SECS)
            return
        except KafkaError as error:
            self._telemetry.emit("broker_unavailable", code=type(error).__name__, error=error)
            await self.sleep(_REFUSAL_PAUSE_SECS)
            return
        for tp, fetched in taken:
            # What is left out here is read again: partitions are granted anew, from their own offsets, after every rebalance.
            if self.flow_active and not self.should_stop:
                yield tp, self._batch_message(tp, fetched)

    def _batch_message(self, tp: TP, fetched: FetchedBatch) -> ConsumerMessage:
        batch = fetched.batch
        first_offset = int(batch.offset[0]) if len(batch) else batch.next_offset
        generation_id = self.app.consumer_generation_id
        value = cast(Any, fetched)
        return ConsumerMessage(
            tp.topic, tp.partition, first_offset, 0.0, 0, [], None, value, None, 0, 0, tp, generation_id=generation_id
        )

    async def perform_seek(self) -> None:
        """Nothing: flows set their positions when they are restored."""

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002 - Faust's
        """Commit what the flows have noted; what cannot be committed now is with the next."""
        source = _context(self.app).offsets
        offsets = source.committable()
        if not offsets:
            return False
        reach("before_commit")
        try:
            done = await self._thread.commit_offsets(offsets)
        except (KafkaError, IllegalStateError) as error:
            self._telemetry.emit("commit_failed", code=type(error).__name__, error=error, n_partitions=len(offsets))
            return False
        source.note_committed(done)
        reach("after_commit")
        self._telemetry.emit("offsets_committed", n_partitions=len(done))
        return bool(done)

    async def wait_empty(self) -> None:
        """Nothing: what is in flight is waited for before Faust is told to stop."""

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Nothing: gaps between offsets are normal."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: Faust's notion of a stuck stream counts acknowledgements, which there are none of."""

    @property
    def _telemetry(self) -> Telemetry:
        return _context(self.app).telemetry


class _IdleProducer(driver.Producer):
    """Faust wants a producer; all publishing is done by `Publisher`, so this one does not connect."""

    async def on_start(self) -> None:
        """Start the empty buffer that the conductor asks about."""
        await self.add_runtime_dependency(self.buffer)

    async def on_stop(self) -> None:
        """Nothing to flush."""

    async def flush(self) -> None:
        """Nothing to flush."""


class BatchTransport(driver.Transport):
    """Ties them together."""

    Consumer: ClassVar[Any] = BatchConsumer
    Producer: ClassVar[Any] = _IdleProducer
