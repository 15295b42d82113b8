"""Checkpoints of one source partition in the compacted checkpoint topic: all of one, or nothing.

A checkpoint is a set of named blocks of bytes and a *manifest*, which names the blocks and the source offset they include.  Only blocks
that changed are written.  What is written first is never what the last manifest stands on: each block has two places (``a`` and
``b``), the next version goes to the one that is not in use, and the manifest comes last, in one record.  A crash in between leaves the
last manifest whole.

Every owner of the partition writes under a *tenure* of its own, later ones with a higher number, and begins with a full
checkpoint.  So a former owner that was stopped and woken up writes where nobody looks any more.

Keys, with ``/`` between the parts: group, topic, partition, tenure, ``manifest``; and group, topic, partition, tenure, ``block``, name,
place, part.  The group is percent-encoded.
"""

from __future__ import annotations

import asyncio
import secrets
import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.errors import StateError
from pipeline.failpoint import reach
from pipeline.history.partition import partition_of
from pipeline.service.checkpoint_manifest import CURE, BlockPlace, Manifest
from pipeline.service.checkpoint_reads import encode_group
from pipeline.service.publisher import Message

__all__ = ["CheckpointFinder", "CheckpointStore", "CheckpointTopic", "StoredCheckpoint", "is_whole"]

_PART_BYTES = 700_000
_PLACES = ("a", "b")
_MANIFEST = b"manifest"


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A checkpoint as read: what it says of itself, and its blocks by name."""

    manifest: Manifest
    blocks: dict[str, bytes]


class CheckpointFinder(Protocol):
    """What finds the records of a source: `CheckpointReads` or `StandbyReads`."""

    @property
    def sources(self) -> Mapping[int, set[bytes]]:
        """Partition → the sources seen in it by whoever has read it."""

    async def find(self, partition: int, prefix: bytes) -> dict[bytes, bytes]:
        """Values by key of the records whose key begins with `prefix`, the last of each key."""

    def release(self, source: bytes) -> None:
        """A source is ours no more."""


@dataclass(frozen=True, slots=True)
class CheckpointTopic:
    """The topic that checkpoints are kept in.

    Attributes
    ----------
    name : str
        Its name.
    n_partitions : int
        Its partitions.
    publish : async callable
        Writes messages, acknowledged.
    reads : CheckpointFinder
        Reads it, for all stores of this topic.
    """

    name: str
    n_partitions: int
    publish: Callable[[Sequence[Message]], Awaitable[None]]
    reads: CheckpointFinder


class CheckpointStore:
    """Reads and writes the checkpoints of one source partition.

    Parameters
    ----------
    checkpoints : CheckpointTopic
        Where they are kept.
    group : str
        Consumer group: two groups that read one topic have checkpoints of their own.
    topic, partition
        The source partition.
    config_hash : str
        Written into manifests.

    Attributes
    ----------
    n_bytes_written : int
        Bytes of blocks written so far.
    """

    def __init__(self, checkpoints: CheckpointTopic, group: str, topic: str, partition: int, config_hash: str) -> None:
        self._topic = checkpoints
        self._source = f"{encode_group(group).decode()}/{topic}/{partition}"
        self._home = partition_of(self._source.encode(), checkpoints.n_partitions)
        self._config_hash = config_hash
        self._tenure = "0"
        self._keys: set[bytes] = set()
        self._last: Manifest | None = None
        self._former_keys: set[bytes] = set()
        self.n_bytes_written = 0

    @property
    def needs_all(self) -> bool:
        """Whether the next checkpoint must hold every block, changed or not."""
        return self._last is None

    @property
    def offset(self) -> int | None:
        """Source offset of the last checkpoint of this tenure; None when there is none yet."""
        return None if self._last is None else self._last.offset

    @property
    def manifest(self) -> Manifest | None:
        """Of the last checkpoint of this tenure; None when there is none yet."""
        return self._last

    def follow(self, tenure: str) -> None:
        """Begin a tenure later than one that was found elsewhere."""
        self._begin_tenure(max(_number(tenure), _number(self._tenure)))

    async def load(self) -> StoredCheckpoint | None:
        """The newest checkpoint there is; None when the partition has none.  Begins a tenure.

        Raises
        ------
        KafkaError
            The broker refused or is away.
        StateError
            The newest manifest, or a block it names, cannot be read.
        """
        found = await self._read(self._home)
        if found is None:
            # The topic may have been given more partitions since.
            for other in range(self._topic.n_partitions):
                # Elsewhere nothing is written any more: who has read it once knows whose checkpoints are there.
                sources = self._topic.reads.sources
                is_there = other not in sources or self._source.encode() in sources[other]
                if found is None and other != self._home and is_there:
                    found = await self._read(other)
        highest = 0 if found is None else _number(found.manifest.tenure)
        self._begin_tenure(max(highest, _number(self._tenure)))
        return found

    async def begin_anew(self) -> None:
        """Begin a tenure that takes nothing over, whatever there is and whether or not it can be read.

        Raises
        ------
        KafkaError
            The broker refused or is away.
        """
        prefix = f"{self._source}/".encode()
        homes = range(self._topic.n_partitions)
        found = await asyncio.gather(*(self._topic.reads.find(home, prefix) for home in homes))
        self._former_keys |= set(found[self._home])
        highest = max((_number_in(key) for keys in found for key in keys), default=0)
        self._begin_tenure(max(highest, _number(self._tenure)))

    async def save(self, offset: int, blocks: Mapping[str, bytes], gone: Iterable[str] = ()) -> None:
        """Write a checkpoint.

        Parameters
        ----------
        offset : int
            Source offset below which every record is included in all blocks, those that did not change too.
        blocks : mapping of str to bytes
            Those that changed since the last checkpoint; all of them when `needs_all`.
        gone : iterable of str
            Names of blocks that are no more.

        Raises
        ------
        BrokerError
            The broker refuses for good.
        """
        try:
            await self._save(offset, blocks, set(gone))
        except BaseException:
            # What stands on the topic now is not known: whatever it is, the next checkpoint must not be written over it.
            self._begin_tenure(_number(self._tenure))
            raise
        self.n_bytes_written += sum(len(raw) for raw in blocks.values())
        reach("checkpoint_written")
        former, self._former_keys = self._former_keys, set()
        if former:
            await self._topic.publish([self._message(key, None) for key in sorted(former)])

    def close(self) -> None:
        """The partition is not ours any more, or not worked on."""
        self._topic.reads.release(self._source.encode())

    def _begin_tenure(self, highest: int) -> None:
        self._tenure = f"{highest + 1:08d}-{secrets.token_hex(4)}"
        self._last = None
        self._former_keys |= self._keys
        self._keys = set()

    async def _save(self, offset: int, blocks: Mapping[str, bytes], gone: set[str]) -> None:
        reach("checkpoint_begun")
        last = {} if self._last is None else self._last.blocks
        now = {name: block for name, block in last.items() if name not in gone}
        messages: list[Message] = []
        for name, raw in blocks.items():
            parts = [raw[start : start + _PART_BYTES] for start in range(0, len(raw), _PART_BYTES)] or [b""]
            place = _PLACES[name in last and last[name].place == _PLACES[0]]
            now[name] = block = BlockPlace(place, len(parts), len(raw), zlib.crc32(raw))
            messages += map(self._message, _part_keys(self._base, name, block), parts)
        self._keys.update(message.key for message in messages if message.key is not None)
        half = len(messages) // 2
        await self._topic.publish(messages[:half])
        reach("checkpoint_half")
        await self._topic.publish(messages[half:])
        sequence = 1 if self._last is None else self._last.sequence + 1
        manifest = Manifest(self._tenure, sequence, offset, self._config_hash, now)
        key = self._base + _MANIFEST
        self._keys.add(key)
        await self._topic.publish([self._message(key, manifest.to_json())])
        self._last = manifest

    async def _read(self, home: int) -> StoredCheckpoint | None:
        raw_by_key = await self._topic.reads.find(home, f"{self._source}/".encode())
        found = _find_newest(raw_by_key)
        if found is None:
            return None
        base, newest = found
        if home == self._home:
            self._former_keys |= set(raw_by_key)
        return StoredCheckpoint(
            newest, {name: self._join(base, newest.tenure, name, block, raw_by_key) for name, block in newest.blocks.items()}
        )

    def _join(self, base: bytes, tenure: str, name: str, block: BlockPlace, raw_by_key: Mapping[bytes, bytes]) -> bytes:
        parts = [raw_by_key.get(key) for key in _part_keys(base, name, block)]
        raw = b"".join(part for part in parts if part is not None)
        if None in parts or len(raw) != block.n_bytes or zlib.crc32(raw) != block.crc:
            raise StateError(
                f"checkpoint of {self._source}: block {name!r} of tenure {tenure} is damaged: found {len(raw)} bytes in "
                f"{sum(part is not None for part in parts)} parts, expected {block.n_bytes} in {block.n_parts}; keep the topic "
                f"{self._topic.name} and report it; {CURE}",
                code="CHECKPOINT_BLOCK",
            )
        return raw

    @property
    def _base(self) -> bytes:
        """Beginning of the keys of this tenure."""
        return f"{self._source}/{self._tenure}/".encode()

    def _message(self, key: bytes, value: bytes | None) -> Message:
        return Message(self._topic.name, key, value, partition=self._home)


def is_whole(raw_by_key: Mapping[bytes, bytes]) -> bool:
    """Whether among the records of one source there is a manifest that can be read and every part it names."""
    try:
        found = _find_newest(raw_by_key)
    except StateError:
        return False
    if found is None:
        return False
    base, newest = found
    return all(key in raw_by_key for name, block in newest.blocks.items() for key in _part_keys(base, name, block))


def _find_newest(raw_by_key: Mapping[bytes, bytes]) -> tuple[bytes, Manifest] | None:
    """The newest manifest, after the beginning of the keys of its tenure."""
    keys = [key for key in raw_by_key if key.endswith(b"/" + _MANIFEST)]
    if not keys:
        return None
    # Those of former tenures are passed over unread: they may be of a release that is not this one.
    highest = max(map(_number_in, keys))
    manifests = {key: Manifest.from_json(raw_by_key[key]) for key in keys if _number_in(key) == highest}
    key, newest = max(manifests.items(), key=lambda one: (_number(one[1].tenure), one[1].offset, one[1].sequence))
    return key.removesuffix(_MANIFEST), newest


def _part_keys(base: bytes, name: str, block: BlockPlace) -> list[bytes]:
    return [base + f"block/{name}/{block.place}/{i}".encode() for i in range(block.n_parts)]


def _number_in(key: bytes) -> int:
    """Number of the tenure that a key is of."""
    return _number(key.split(b"/")[3].decode())


def _number(tenure: str) -> int:
    return int(tenure.partition("-")[0])
