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

from collections.abc import AsyncIterator
from typing import Any, ClassVar, cast

from aiokafka.errors import (
    ConsumerStoppedError,
    GroupAuthorizationFailedError,
    IllegalStateError,
    KafkaError,
    TopicAuthorizationFailedError,
)
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from pipeline.errors import BrokerError
from pipeline.failpoint import reach
from pipeline.service.consumer_thread import BatchConsumerThread
from pipeline.service.fetched_batch import FetchedBatch
from pipeline.service.worker_context import context_of
from pipeline.telemetry.events import Telemetry

__all__ = ["BatchConsumer", "BatchTransport"]

_REFUSAL_PAUSE_SECS = 1.0


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
            context_of(self.app).fail(denied)
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
        source = context_of(self.app).offsets
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
        return context_of(self.app).telemetry


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
