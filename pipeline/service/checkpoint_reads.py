"""Reading the checkpoint topic: each of its partitions once for all the source partitions that ask for it at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol
from urllib.parse import quote

__all__ = ["CheckpointReads", "StoredRecord", "encode_group", "source_in"]


class StoredRecord(Protocol):
    """A record as read."""

    @property
    def key(self) -> bytes | None:
        """Key."""

    @property
    def value(self) -> bytes | None:
        """Value; None = tombstone."""


def encode_group(group: str) -> bytes:
    """A consumer group's name as keys begin with it: no slash is left in it.

    Examples
    --------
    >>> encode_group("a/b")
    b'a%2Fb'
    """
    return quote(group, safe="").encode()


def source_in(key: bytes) -> bytes:
    """The source that a key of the checkpoint topic, or the beginning of one, is of: group, topic and partition.

    Examples
    --------
    >>> source_in(b"group/metrics/3/00000001-ab/manifest")
    b'group/metrics/3'
    """
    return b"/".join(key.split(b"/", 3)[:3])


_Waiting = dict[bytes, list[asyncio.Future[dict[bytes, bytes]]]]


class CheckpointReads:
    """What stands in partitions of the checkpoint topic, by the beginning of the key.

    An assignment restores many source partitions at once, and several of them have their checkpoints in one partition of the topic.  It
    is read once for all that ask before reading begins; who asks later is served by the next reading, since the one that runs may have
    passed over its records.

    Parameters
    ----------
    read : callable
        Partition → everything that stands in it, oldest first.

    Attributes
    ----------
    sources : dict of int to set of bytes
        Partition → the sources (group, topic, partition: the first three parts of a key) seen in it by whoever has read it.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> async def read(partition):
    ...     print("reading", partition)
    ...     yield [SimpleNamespace(key=b"a/1", value=b"x"), SimpleNamespace(key=b"b/1", value=b"y")]
    >>> async def ask():
    ...     reads = CheckpointReads(read)
    ...     return await asyncio.gather(reads.find(0, b"a/"), reads.find(0, b"b/"))
    >>> asyncio.run(ask())
    reading 0
    [{b'a/1': b'x'}, {b'b/1': b'y'}]
    """

    def __init__(self, read: Callable[[int], AsyncIterator[Sequence[StoredRecord]]]) -> None:
        self.sources: dict[int, set[bytes]] = {}
        self._read = read
        self._waiting: dict[int, _Waiting] = {}
        self._readings: dict[int, asyncio.Task[None]] = {}

    async def find(self, partition: int, prefix: bytes) -> dict[bytes, bytes]:
        """Values by key of the records whose key begins with `prefix`, the last of each key; without those that were deleted.

        Raises
        ------
        KafkaError
            The broker refused or is away.
        """
        found: asyncio.Future[dict[bytes, bytes]] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(partition, {}).setdefault(prefix, []).append(found)
        if partition not in self._readings:
            self._readings[partition] = asyncio.create_task(self._serve(partition))
        return await found

    def release(self, source: bytes) -> None:
        """Nothing: what was read has been handed over."""

    async def _serve(self, partition: int) -> None:
        try:
            while waiting := self._waiting.pop(partition, None):
                await self._read_for(partition, waiting)
        finally:
            del self._readings[partition]
            for asked in self._waiting.pop(partition, {}).values():
                for found in asked:
                    found.cancel()

    async def _read_for(self, partition: int, waiting: _Waiting) -> None:
        values: dict[bytes, dict[bytes, bytes]] = {prefix: {} for prefix in waiting}
        sources: set[bytes] = set()
        try:
            async for records in self._read(partition):
                if all(found.done() for asked in waiting.values() for found in asked):
                    # Whoever asked has given up.
                    return
                for record in records:
                    key = record.key or b""
                    sources.add(source_in(key))
                    for prefix, value_by_key in values.items():
                        if not key.startswith(prefix):
                            continue
                        if record.value is None:
                            value_by_key.pop(key, None)
                        else:
                            value_by_key[key] = record.value
        except Exception as error:  # noqa: BLE001 - told to all who wait
            for found in _pending(waiting):
                found.set_exception(error)
        except BaseException:
            for found in _pending(waiting):
                found.cancel()
            raise
        self.sources[partition] = sources
        for prefix, asked in waiting.items():
            for found in asked:
                if not found.done():
                    found.set_result(dict(values[prefix]))


def _pending(waiting: _Waiting) -> list[asyncio.Future[dict[bytes, bytes]]]:
    return [found for asked in waiting.values() for found in asked if not found.done()]
