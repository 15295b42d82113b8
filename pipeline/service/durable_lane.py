"""A lane and its checkpoints: restored, written now and then, built anew when its state is in doubt."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka.errors import KafkaError

from pipeline.codecs.record import RecordBatch
from pipeline.config.schema import Config, SourceTopic
from pipeline.engine.checkpoint import LaneCheckpoint, restore_lane, take_checkpoint
from pipeline.engine.lane import Lane
from pipeline.errors import StateError
from pipeline.service.cancellation import is_ordered
from pipeline.service.checkpoint_copy import CheckpointCopy
from pipeline.service.checkpoint_store import CheckpointStore, StoredCheckpoint
from pipeline.service.copy_turn import CopyTurn
from pipeline.service.heap import trim_heap
from pipeline.service.partition_reader import Bounds, PartitionReader
from pipeline.service.record_columns import to_columns
from pipeline.service.restart import Restart, find_restart
from pipeline.telemetry.events import Telemetry

__all__ = ["DurableLane"]

_RETRY_SECS = 0.5
_TURN_SECS = 0.01
_MANY_BLOCKS = 400
"""A copy of so many, some 150 MB, is worth giving its memory back; a smaller one is not worth the pages that have to be had again."""

_BLOCK_SECS = 0.6e-3
_SAMPLE_SECS = 8e-6
"""What it costs to write a block, and for the next owner to take a sample in again, the first one of a series that it sees: measured,
rounded."""


class DurableLane:
    """The lane of one source partition, with what keeps its state.

    Parameters
    ----------
    config : Config
        The whole configuration.
    config_hash : str
        Written into anomalies.
    source : SourceTopic
        The topic.
    partition : int
        Its partition.
    store : CheckpointStore
        Where checkpoints are kept.
    telemetry : Telemetry
        Events and metrics.
    hold : async callable
        Returns when it is certain that the partition is still ours.
    fail : callable
        Told of what ends the process.
    turn : CopyTurn
        Of all lanes of the process.
    unpacking : asyncio.Semaphore
        Of all lanes of the process: as many are restored at once.
    copy : CheckpointCopy, optional
        Where a second copy of checkpoints goes.
    is_fresh : bool
        Pass over what checkpoints there are: learn again from the restart horizon.

    Attributes
    ----------
    lane : Lane
        The lane; another one after `rebuild`.
    """

    def __init__(
        self,
        config: Config,
        config_hash: str,
        source: SourceTopic,
        partition: int,
        store: CheckpointStore,
        telemetry: Telemetry,
        hold: Callable[[], Awaitable[None]],
        fail: Callable[[BaseException], None],
        turn: CopyTurn,
        unpacking: asyncio.Semaphore,
        copy: CheckpointCopy | None = None,
        *,
        is_fresh: bool,
    ) -> None:
        self._config = config
        self._hash = config_hash
        self._source = source
        self._partition = partition
        self._store = store
        self._telemetry = telemetry
        self._hold = hold
        self._fail = fail
        self._turn = turn
        self._unpacking = unpacking
        self._copy = copy
        self._has_turn = False
        self._is_fresh = is_fresh
        self._place: dict[str, Any] = {"topic": source.name, "partition": partition}
        self._may_commit = False
        self._due_secs = 0.0
        self._saved_offset = -1
        self._n_saved = 0
        self._copy_secs = 0.0
        self._saving: asyncio.Task[None] | None = None
        self.lane = self._new_lane()

    @property
    def may_commit(self) -> bool:
        """Whether there is a checkpoint: then an offset may be committed, for a committed offset says that there is one."""
        return self._may_commit

    async def restore(self, committed: int | None) -> Restart:
        """Take over the newest checkpoint; without one, and without a committed offset, begin where the configuration says.

        Raises
        ------
        KafkaError
            The broker refused or is away.
        StateError
            The group has committed an offset but there is no checkpoint (``CHECKPOINT_MISSING``), or it cannot be used.
        """
        restart = await self._restore_checkpoint()
        if restart is not None:
            return restart
        if committed is not None and not self._is_fresh:
            started_secs = time.monotonic()
            stored = None if self._copy is None else await self._copy.load()
            if stored is not None:
                self._store.follow(stored.manifest.tenure)
                return await self._restore_stored(stored, started_secs, "copy")
            raise StateError(
                f"{self._source.name}/{self._partition}: the group {self._config.worker.group} has committed offset {committed}, but "
                f"there is no checkpoint in {self._config.outputs.checkpoints.name}; expected one; bring the topic back, or start the "
                "worker with --fresh to learn again from the restart horizon",
                code="CHECKPOINT_MISSING",
            )
        async with PartitionReader(self._config.broker, self._config.worker.isolation) as reader:
            restart = await find_restart(reader, self._config, self._source.name, self._partition, committed)
        self.lane.next_offset = restart.read_from
        return restart

    def checkpoint_if_due(self) -> None:
        """Copy what changed and write it beside, when the time has come; call it between two batches, all of whose output is out."""
        now_secs = time.monotonic()
        if now_secs < self._due_secs or self._saving is not None or self.lane.next_offset == self._saved_offset:
            return
        self._has_turn = self._turn.try_take()
        if not self._has_turn:
            return
        checkpoint = self._take()
        self._copy_secs = time.monotonic() - now_secs
        self._saving = asyncio.create_task(self._save_beside(checkpoint))
        # Cancelled before it began it cannot do so itself.
        self._saving.add_done_callback(lambda task: self._give_turn_back() if task.cancelled() else None)
        self._due_secs = now_secs + self._config.worker.checkpoint_interval_secs

    async def settle(self, *, is_last: bool) -> None:
        """Write what is not in a checkpoint yet.

        Parameters
        ----------
        is_last : bool
            In any case; otherwise only where that takes less time than taking it in again.  The group stands still until it is done,
            and where the partition stays here, as most do, all of it is in vain.

        Raises
        ------
        BrokerError
            The broker refuses for good.
        asyncio.CancelledError
            It took too long: the last checkpoint stands.
        """
        await self._wait_saved()
        if self.lane.next_offset != self._saved_offset and (is_last or self._is_worth_saving()):
            # All lanes of a process settle at once: their copies together would be most of its memory once more.
            while not self._turn.try_hold():
                await asyncio.sleep(_TURN_SECS)
            self._has_turn = True
            started_secs = time.monotonic()
            try:
                checkpoint = self._take()
                self._copy_secs = time.monotonic() - started_secs
                await self._save(checkpoint)
            finally:
                self._give_turn_back()

    async def rebuild(self, until: int, feed: Callable[[RecordBatch], object]) -> None:
        """A lane as it was before offset `until`: from the newest checkpoint, and what came after it.

        Parameters
        ----------
        until : int
            Offset up to which (not included) records are taken in again.
        feed : callable
            Takes a batch into `lane`; what comes of it has been published before.

        Raises
        ------
        StateError
            The checkpoint cannot be used.
        """
        await self._wait_saved()
        while True:
            try:
                restart = await self._restore_checkpoint()
                async with PartitionReader(self._config.broker, self._config.worker.isolation) as reader:
                    topic, partition = self._source.name, self._partition
                    if restart is None:
                        self.lane = self._new_lane()
                        restart = await find_restart(reader, self._config, topic, partition, until)
                        self.lane.next_offset = restart.read_from
                    async for records in reader.read_range(topic, partition, restart.read_from, until):
                        feed(to_columns(topic, partition, records, records[-1].offset + 1))
                return
            except KafkaError as error:
                self._telemetry.emit("broker_unavailable", code=type(error).__name__, error=error)
                await asyncio.sleep(_RETRY_SECS)

    def rewind(self, snapshot: dict[str, Any]) -> None:
        """A lane as it was when the snapshot was taken; only after `rebuild`, for the next checkpoint must be a full one."""
        self.lane = self._new_lane()
        self.lane.restore(snapshot)

    def close(self) -> None:
        """Write nothing more."""
        if self._saving is not None:
            self._saving.cancel()
        if self._copy is not None:
            self._copy.close()
        self._store.close()

    def _new_lane(self) -> Lane:
        return Lane(self._config, self._source, self._partition, config_hash=self._hash)

    async def _restore_checkpoint(self) -> Restart | None:
        started_secs = time.monotonic()
        if self._is_fresh and not self._may_commit:
            # Not even looked at: it may be what cannot be read.
            await self._store.begin_anew()
            return None
        stored = await self._store.load()
        return None if stored is None else await self._restore_stored(stored, started_secs, "topic")

    async def _restore_stored(self, stored: StoredCheckpoint, started_secs: float, place: str) -> Restart:
        lane = self._new_lane()
        n_blocks, n_bytes = len(stored.blocks), sum(map(len, stored.blocks.values()))
        # Beside each other, and only after the checkpoint has been read: where the topic ends may not be older than what it includes.
        _, bounds = await asyncio.gather(self._unpack(lane, stored), self._find_bounds())
        offset = lane.next_offset
        if offset > bounds.end:
            raise StateError(
                f"{self._source.name}/{self._partition}: the checkpoint includes offsets up to {offset}, the topic ends at "
                f"{bounds.end}; expected the topic that was read before; if it was made anew, start the worker with --fresh",
                code="CHECKPOINT_AHEAD",
            )
        if offset < bounds.first:
            self._telemetry.emit("offset_out_of_range", **self._place, committed=offset, resumed_at=bounds.first)
        self.lane = lane
        self._may_commit = True
        self._saved_offset = offset
        self._n_saved = lane.n_taken
        # The tenure begins with a full checkpoint, but not at once: a take-over has better things to do.
        self._due_secs = time.monotonic() + self._config.worker.checkpoint_interval_secs
        secs = time.monotonic() - started_secs
        self._telemetry.metrics.observe("restore_seconds", secs, topic=self._source.name)
        self._telemetry.emit(
            "checkpoint_restored",
            **self._place,
            offset=offset,
            n_blocks=n_blocks,
            n_bytes=n_bytes,
            secs=round(secs, 3),
            source=place,
            is_config_same=stored.manifest.config_hash == self._hash,
        )
        start = max(offset, bounds.first)
        return Restart(start, start)

    async def _unpack(self, lane: Lane, stored: StoredCheckpoint) -> None:
        async with self._unpacking:
            await asyncio.to_thread(restore_lane, lane, stored.blocks)
        stored.blocks.clear()

    async def _find_bounds(self) -> Bounds:
        async with PartitionReader(self._config.broker, self._config.worker.isolation) as reader:
            return await reader.bounds(self._source.name, self._partition)

    def _is_worth_saving(self) -> bool:
        if not self._may_commit:
            return True
        n_blocks = self.lane.n_blocks if self._store.needs_all else self.lane.dirty.count()
        return (self.lane.n_taken - self._n_saved) * _SAMPLE_SECS >= n_blocks * _BLOCK_SECS

    def _take(self) -> LaneCheckpoint:
        return take_checkpoint(self.lane, is_full=self._store.needs_all)

    async def _save_beside(self, checkpoint: LaneCheckpoint) -> None:
        try:
            await self._save(checkpoint)
        except BaseException as error:
            if is_ordered(error):
                raise
            # A cancellation that nobody asked for came out of a client, and is no order to stop.
            self._fail(error)
        finally:
            self._give_turn_back()
            self._saving = None

    async def _save(self, checkpoint: LaneCheckpoint) -> None:
        started_secs, n_bytes_before = time.monotonic(), self._store.n_bytes_written
        is_saved = False
        try:
            blocks, encode_secs = await asyncio.to_thread(_encode, checkpoint)
            self._give_turn_back(self._copy_secs + encode_secs)
            await self._hold()
            await self._store.save(checkpoint.offset, blocks)
            is_saved = True
        finally:
            if not is_saved:
                self.lane.dirty.put_back(checkpoint.blocks)
        if self._copy is not None and self._store.manifest is not None:
            self._copy.keep(self._store.manifest, blocks)
        self._saved_offset = checkpoint.offset
        self._n_saved = checkpoint.n_taken
        self._may_commit = True
        metrics, topic = self._telemetry.metrics, self._source.name
        metrics.observe("checkpoint_seconds", time.monotonic() - started_secs, topic=topic)
        metrics.count("checkpoint_bytes_total", self._store.n_bytes_written - n_bytes_before, topic=topic)
        self._telemetry.emit(
            "checkpoint_written",
            **self._place,
            offset=checkpoint.offset,
            n_blocks=len(blocks),
            n_bytes=self._store.n_bytes_written - n_bytes_before,
        )

    def _give_turn_back(self, spent_secs: float = 0.0) -> None:
        if self._has_turn:
            self._has_turn = False
            self._turn.give_back(spent_secs)

    async def _wait_saved(self) -> None:
        if self._saving is not None:
            await asyncio.wait({self._saving})


def _encode(checkpoint: LaneCheckpoint) -> tuple[dict[str, bytes], float]:
    """The blocks, and the CPU time they took; the copy they were made of is gone."""
    started_secs = time.thread_time()
    blocks = checkpoint.encode()
    checkpoint.snapshot.clear()
    if len(checkpoint.blocks) >= _MANY_BLOCKS:
        trim_heap()
    return blocks, time.thread_time() - started_secs
