"""The checkpoint store against a log in memory: whatever dies in between, a load gives the last whole checkpoint."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import StateError
from pipeline.service.checkpoint_reads import CheckpointReads
from pipeline.service.checkpoint_store import CheckpointStore, CheckpointTopic, StoredCheckpoint
from pipeline.service.publisher import Message


class CrashError(Exception):
    """The process is gone."""


@dataclass
class Log:
    """A topic with compaction whenever the test says so, and writers that die after so many messages."""

    n_partitions: int = 3
    records: dict[int, list[Message]] = field(default_factory=dict)
    n_until_crash: int | None = None

    def topic(self) -> CheckpointTopic:
        return CheckpointTopic("checkpoints", self.n_partitions, self.publish, CheckpointReads(self.read))

    async def publish(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if self.n_until_crash == 0:
                raise CrashError
            if self.n_until_crash is not None:
                self.n_until_crash -= 1
            assert message.partition is not None
            self.records.setdefault(message.partition, []).append(message)

    async def read(self, partition: int) -> AsyncIterator[Sequence[Message]]:
        yield list(self.records.get(partition, []))

    def rewrite(self, change: Callable[[Message], bytes | None]) -> None:
        """Make every value what `change` makes of its message."""
        for records in self.records.values():
            records[:] = [Message(m.topic, m.key, change(m), partition=m.partition) for m in records]

    def compact(self) -> None:
        for partition, records in self.records.items():
            last = {record.key: i for i, record in enumerate(records)}
            self.records[partition] = [record for i, record in enumerate(records) if last[record.key] == i]


def make_store(log: Log, group: str = "g", partition: int = 0) -> CheckpointStore:
    return CheckpointStore(log.topic(), group, "metrics", partition, "hash")


async def saved(offset: int, blocks: dict[str, bytes]) -> tuple[Log, CheckpointStore]:
    """A log with one checkpoint, and the store that wrote it."""
    log = Log()
    store = make_store(log)
    await store.load()
    await store.save(offset, blocks)
    return log, store


async def load(log: Log) -> StoredCheckpoint:
    """What somebody who comes later finds."""
    loaded = await make_store(log).load()
    assert loaded is not None
    return loaded


Change = tuple[dict[str, bytes], set[str], int | None, bool, bool]

changes = st.tuples(
    st.dictionaries(st.sampled_from("pqrs"), st.binary(max_size=6), max_size=4),
    st.sets(st.sampled_from("pqrs"), max_size=1),
    st.none() | st.integers(0, 8),
    st.booleans(),
    st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(changes, max_size=12))
def test_last_whole_checkpoint_is_loaded(steps: list[Change]) -> None:
    async def run() -> None:
        log = Log()
        store = make_store(log)
        assert await store.load() is None
        state: dict[str, bytes] = {}
        saved: tuple[int, dict[str, bytes]] | None = None
        for offset, (changed, gone, crash, compacts, restarts) in enumerate(steps):
            state = {name: raw for name, raw in (state | changed).items() if name not in gone}
            written = state if store.needs_all else {name: raw for name, raw in changed.items() if name not in gone}
            log.n_until_crash = crash
            n_before = sum(map(len, log.records.values()))
            crashed = False
            try:
                await store.save(offset, written, gone)
                saved = (offset, dict(state))
            except CrashError:
                crashed = True
                # The tombstones of former tenures come after the manifest: then the checkpoint is whole.
                new = [m for records in log.records.values() for m in records if m.value is not None]
                if any(m.key and m.key.endswith(b"/manifest") and b'"offset":%d,' % offset in (m.value or b"") for m in new):
                    saved = (offset, dict(state))
            log.n_until_crash = None
            assert crashed or sum(map(len, log.records.values())) > n_before
            if compacts:
                log.compact()
            if crashed or restarts:
                store = make_store(log)
                loaded = await store.load()
                if saved is None:
                    assert loaded is None
                    state = {}
                else:
                    assert loaded is not None
                    assert (loaded.manifest.offset, loaded.blocks) == saved
                    state = dict(saved[1])

    asyncio.run(run())


def test_a_former_owner_writes_where_nobody_looks() -> None:
    async def run() -> None:
        log = Log()
        former = make_store(log)
        await former.load()
        await former.save(10, {"p": b"former", "q": b"both"})
        later = make_store(log)
        await later.load()
        await later.save(20, {"p": b"later", "q": b"both"})
        # It was stopped past its session, and goes on as if nothing had been.
        await former.save(15, {"p": b"woken"})
        log.compact()
        loaded = await load(log)
        assert (loaded.manifest.offset, loaded.blocks) == (20, {"p": b"later", "q": b"both"})

    asyncio.run(run())


def test_a_manifest_whose_acknowledgement_got_lost_is_not_written_over() -> None:
    async def run() -> None:
        log, store = await saved(1, {"p": b"one"})
        lost: list[Message] = []

        async def publish(messages: Sequence[Message]) -> None:
            await log.publish(messages)
            if any(message.key is not None and message.key.endswith(b"/manifest") for message in messages):
                lost.extend(messages)
                raise CrashError

        store._topic = CheckpointTopic("checkpoints", 3, publish, CheckpointReads(log.read))
        with pytest.raises(CrashError):
            await store.save(2, {"p": b"two"})
        assert lost
        assert store.needs_all
        # Half of the next one.
        store._topic = log.topic()
        log.n_until_crash = 1
        with pytest.raises(CrashError):
            await store.save(3, {"p": b"three"})
        log.n_until_crash = None
        log.compact()
        loaded = await load(log)
        assert (loaded.manifest.offset, loaded.blocks) == (2, {"p": b"two"})
        await store.save(4, {"p": b"four"})
        log.compact()
        loaded = await load(log)
        assert (loaded.manifest.offset, loaded.blocks) == (4, {"p": b"four"})
        values = [message.value for records in log.records.values() for message in records if message.value is not None]
        assert len(values) == 2, "what is no longer needed is taken away"

    asyncio.run(run())


def test_large_blocks_are_cut_and_groups_are_apart() -> None:
    async def run() -> None:
        log = Log()
        raw = bytes(range(256)) * 8_000
        store = make_store(log)
        await store.load()
        await store.save(1, {"p": raw, "empty": b""})
        assert await make_store(log, group="other/0").load() is None
        assert await make_store(log, partition=10).load() is None
        loaded = await load(log)
        assert loaded.blocks == {"p": raw, "empty": b""}
        assert max(len(message.value or b"") for records in log.records.values() for message in records) < 1_000_000

    asyncio.run(run())


def test_more_partitions_do_not_hide_it() -> None:
    async def run() -> None:
        log = Log(n_partitions=1)
        store = make_store(log)
        await store.load()
        await store.save(7, {"p": b"x"})
        for n_partitions in range(2, 8):
            log.n_partitions = n_partitions
            loaded = await load(log)
            assert loaded.manifest.offset == 7

    asyncio.run(run())


def test_damage_is_refused() -> None:
    async def run() -> None:
        log, _ = await saved(7, {"p": b"xyz"})
        log.rewrite(lambda m: b"xyY" if m.key and b"/block/" in m.key else m.value)
        with pytest.raises(StateError, match=r"block 'p' .* is damaged.*--fresh"):
            await make_store(log).load()
        log.rewrite(lambda m: (m.value or b"").replace(b'"version":1', b'"version":9'))
        with pytest.raises(StateError, match="found version 9, expected 1"):
            await make_store(log).load()

    asyncio.run(run())


@pytest.mark.parametrize("old", [b'"version":1', b'"blocks"'], ids=["of a later version", "damaged"])
def test_what_cannot_be_read_is_no_hindrance_to_beginning_anew(old: bytes) -> None:
    async def run() -> None:
        log, _ = await saved(7, {"p": b"xyz"})
        log.rewrite(lambda m: (m.value or b"").replace(old, old.replace(b'"', b'"9')))
        with pytest.raises(StateError):
            await make_store(log).load()
        fresh = make_store(log)
        await fresh.begin_anew()
        assert fresh.needs_all
        # It dies when the new checkpoint is whole and what is no longer needed is not taken away yet.
        log.n_until_crash = 2
        with pytest.raises(CrashError):
            await fresh.save(9, {"p": b"new"})
        log.n_until_crash = None
        loaded = await load(log)
        assert (loaded.manifest.offset, loaded.blocks) == (9, {"p": b"new"})

    asyncio.run(run())


def test_beginning_anew_looks_for_tenures_everywhere() -> None:
    async def run() -> None:
        log = Log(n_partitions=1)
        for offset in (1, 2, 3):
            store = make_store(log)
            await store.load()
            await store.save(offset, {"p": b"old"})
        log.n_partitions = 7
        fresh = make_store(log)
        await fresh.begin_anew()
        await fresh.save(9, {"p": b"new"})
        loaded = await load(log)
        assert loaded.blocks == {"p": b"new"}
        assert int(loaded.manifest.tenure.partition("-")[0]) == 4

    asyncio.run(run())
