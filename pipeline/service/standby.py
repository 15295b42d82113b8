"""Standby copies: checkpoints of the partitions that other workers have, followed in memory as they are written.

What a take-over would have to read is here already then, packed as it stands on the topic.  It is unpacked only when a partition comes:
where every series gets samples every checkpoint changes every block, and to unpack each would be as much work as to score.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from pipeline.service.checkpoint_follower import CheckpointFollower
from pipeline.service.checkpoint_reads import CheckpointReads, StoredRecord, source_in
from pipeline.telemetry.events import Telemetry

__all__ = ["FollowedRecords", "StandbyReads"]

_RETRY_SECS = 0.5


class FollowedRecords(NamedTuple):
    """Records of a partition, and the offset up to which all are known with them."""

    records: Sequence[StoredRecord]
    position: int


class StandbyReads:
    """As `CheckpointReads`, from what has been followed where that is a whole checkpoint, else by reading.

    Parameters
    ----------
    reads : CheckpointReads
        Reads what is not here.
    follow : callable
        Gives what is written to the topic, from its beginning and without end, by partition.  Raises `KafkaError` when what would be
        next is no more; it is called again then, and everything begins anew.
    find_end : async callable
        Partition → the offset after its last record.
    n_partitions : int
        Partitions of the topic.
    group : bytes
        Percent-encoded name of the consumer group.
    is_whole : callable
        Whether values by key hold a manifest and everything it names.
    telemetry : Telemetry
        Told how much is held and how often it served.

    Notes
    -----
    A copy that is a moment old is as good as the newest checkpoint: it is one that was written, and the records after it are read
    again from the source.
    """

    def __init__(
        self,
        reads: CheckpointReads,
        follow: Callable[[], AsyncIterator[Mapping[int, FollowedRecords]]],
        find_end: Callable[[int], Awaitable[int]],
        n_partitions: int,
        group: bytes,
        is_whole: Callable[[Mapping[bytes, bytes]], bool],
        telemetry: Telemetry,
    ) -> None:
        self._reads = reads
        self._follow = follow
        self._find_end = find_end
        self._is_whole = is_whole
        self._telemetry = telemetry
        self._followers = [CheckpointFollower(group) for _ in range(n_partitions)]
        self._task: asyncio.Task[None] | None = None

    @property
    def n_bytes(self) -> int:
        """Bytes of the values held."""
        return sum(follower.n_bytes for follower in self._followers)

    @property
    def sources(self) -> Mapping[int, set[bytes]]:
        """Partition → the sources seen in it, by whoever has read it."""
        return self._reads.sources

    def start(self) -> None:
        """Begin to follow; once it has begun another call does nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Follow no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        for follower in self._followers:
            follower.clear()

    def release(self, source: bytes) -> None:
        """A partition is ours no more: keep what its next owner writes."""
        for follower in self._followers:
            follower.resume(source)

    async def find(self, partition: int, prefix: bytes) -> dict[bytes, bytes]:
        """Values by key of the records whose key begins with `prefix`: the caller's, and followed no more until released.

        Raises
        ------
        KafkaError
            The broker refused or is away.
        """
        source, follower = source_in(prefix), self._followers[partition]
        is_here = follower.position >= 0 and await follower.reach(await self._find_end(partition))
        copies = follower.give(source)
        if is_here and self._is_whole(copies):
            self._telemetry.metrics.count("standby_used_total", topic=source.decode().split("/")[1])
            return copies
        return await self._reads.find(partition, prefix)

    async def _run(self) -> None:
        while True:
            try:
                async for taken in self._follow():
                    for partition, (records, position) in taken.items():
                        follower = self._followers[partition]
                        follower.take(records, position)
                        self._telemetry.metrics.show("standby_bytes", follower.n_bytes, partition=str(partition))
            except Exception as error:  # noqa: BLE001 - the edge: without copies a take-over reads, and nothing else suffers
                self._telemetry.emit("standby_behind", code=type(error).__name__, error=error)
            finally:
                for follower in self._followers:
                    follower.clear()
            await asyncio.sleep(_RETRY_SECS)
