"""Following the checkpoint topic: what stands in it by source, as it is written."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from pipeline.service.checkpoint_reads import StoredRecord, source_in

__all__ = ["CheckpointFollower"]


class CheckpointFollower:
    """Values by key of one partition of the topic, source by source, up to a position.

    Parameters
    ----------
    group : bytes
        Percent-encoded name of the consumer group whose sources are kept.

    Attributes
    ----------
    position : int
        Offset up to which records are included; -1 = nothing is followed now.
    n_bytes : int
        Bytes of values kept.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> follower = CheckpointFollower(b"g")
    >>> follower.take([SimpleNamespace(key=b"g/metrics/0/1-a/manifest", value=b"{}")], 1)
    >>> follower.give(b"g/metrics/0"), follower.n_bytes
    ({b'g/metrics/0/1-a/manifest': b'{}'}, 0)
    """

    def __init__(self, group: bytes) -> None:
        self._group = group
        self._copies: dict[bytes, dict[bytes, bytes]] = {}
        self._passed_over: set[bytes] = set()
        self._moved = asyncio.Event()
        self.position = -1
        self.n_bytes = 0

    def take(self, records: Iterable[StoredRecord], position: int) -> None:
        """Take in what was read up to a position."""
        for record in records:
            key = record.key or b""
            source = source_in(key)
            if source in self._passed_over or not source.startswith(self._group + b"/"):
                continue
            copies = self._copies.setdefault(source, {})
            self.n_bytes -= len(copies.pop(key, b""))
            if record.value is not None:
                copies[key] = record.value
                self.n_bytes += len(record.value)
        self.position = position
        self._moved.set()

    def clear(self) -> None:
        """Nothing is followed now, and nothing kept; who waits is told."""
        self._copies.clear()
        self.n_bytes = 0
        self.position = -1
        self._moved.set()

    async def reach(self, offset: int) -> bool:
        """Wait until the position is at or after an offset; False when nothing is followed (any more)."""
        while 0 <= self.position < offset:
            self._moved.clear()
            await self._moved.wait()
        return self.position >= offset

    def give(self, source: bytes) -> dict[bytes, bytes]:
        """Hand over what there is of a source; what comes of it from now on is passed over."""
        self._passed_over.add(source)
        copies = self._copies.pop(source, {})
        self.n_bytes -= sum(map(len, copies.values()))
        return copies

    def resume(self, source: bytes) -> None:
        """Keep what comes of a source from now on."""
        self._passed_over.discard(source)
