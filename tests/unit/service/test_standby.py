"""What is followed against what is read: the same checkpoint, whoever has owned the partition in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.service.checkpoint_reads import CheckpointReads
from pipeline.service.checkpoint_store import CheckpointStore, CheckpointTopic, is_whole
from pipeline.service.publisher import Message
from pipeline.service.standby import FollowedRecords, StandbyReads
from pipeline.telemetry.events import Telemetry

N_HOMES = 2


class Topic:
    """A topic in memory: written by any worker, read in full, or followed."""

    def __init__(self) -> None:
        self.records: dict[int, list[Message]] = {home: [] for home in range(N_HOMES)}
        self.n_reads = 0
        self.error: KafkaError | None = None
        self.written = asyncio.Event()

    async def publish(self, messages: Sequence[Message]) -> None:
        for message in messages:
            assert message.partition is not None
            self.records[message.partition].append(message)
        self.written.set()

    async def read(self, partition: int) -> AsyncIterator[Sequence[Message]]:
        self.n_reads += 1
        yield list(self.records[partition])

    async def follow(self) -> AsyncIterator[Mapping[int, FollowedRecords]]:
        positions = dict.fromkeys(self.records, 0)
        while True:
            if self.error is not None:
                error, self.error = self.error, None
                raise error
            self.written.clear()
            found = {home: records[positions[home] :] for home, records in self.records.items()}
            positions = {home: len(records) for home, records in self.records.items()}
            yield {home: FollowedRecords(records, positions[home]) for home, records in found.items()}
            await self.written.wait()

    async def find_end(self, partition: int) -> int:
        return len(self.records[partition])


class Worker:
    """A member of the group: it follows, and has stores of the partitions that are its own."""

    def __init__(self, topic: Topic) -> None:
        self.telemetry = Telemetry()
        self.reads = StandbyReads(
            CheckpointReads(topic.read), topic.follow, topic.find_end, N_HOMES, b"g", is_whole, self.telemetry
        )
        self._topic = CheckpointTopic("checkpoints", N_HOMES, topic.publish, self.reads)
        self.stores: dict[int, CheckpointStore] = {}

    @property
    def n_used(self) -> float:
        return self.telemetry.metrics.read("standby_used_total", topic="metrics")

    def open(self, partition: int) -> CheckpointStore:
        store = self.stores[partition] = CheckpointStore(self._topic, "g", "metrics", partition, "hash")
        return store


async def let_follow() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


step = st.tuples(
    st.integers(0, 1),  # which partition
    st.sampled_from(("write", "write", "write", "take", "take", "close", "fail")),
    st.dictionaries(st.sampled_from("pqr"), st.binary(max_size=5), max_size=2),
    st.booleans(),  # whether the followers get time before the next
)


def test_followed_is_as_good_as_read(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    monkeypatch.setattr("pipeline.service.standby._RETRY_SECS", 0.0)
    n_used = 0.0

    @settings(max_examples=200 * times, deadline=None)
    @given(st.lists(step, min_size=5, max_size=40))
    def run_case(todo: list[tuple[int, str, dict[str, bytes], bool]]) -> None:
        nonlocal n_used
        n_used += asyncio.run(run_steps(todo))

    run_case()
    # Otherwise nothing was tried.
    assert n_used > 100


async def run_steps(todo: list[tuple[int, str, dict[str, bytes], bool]]) -> float:
    """Partitions change hands between two workers; every load must give what was saved last.  Returns how often a copy was used."""
    topic = Topic()
    workers = [Worker(topic) for _ in range(2)]
    for worker in workers:
        worker.reads.start()
    await let_follow()
    owner = dict.fromkeys((0, 1), 0)
    state: dict[int, tuple[int, dict[str, bytes]]] = {}
    for partition in owner:
        await workers[0].open(partition).load()
    for offset, (partition, what, changed, is_followed) in enumerate(todo):
        worker = workers[owner[partition]]
        store = worker.stores[partition]
        if what == "fail":
            topic.error = OffsetOutOfRangeError()
            topic.written.set()
        elif what == "write":
            blocks = {**state.get(partition, (0, {}))[1], **changed}
            await store.save(offset, blocks if store.needs_all else changed)
            state[partition] = (offset, blocks)
        else:
            store.close()
            if what == "take":
                owner[partition] = 1 - owner[partition]
            loaded = await workers[owner[partition]].open(partition).load()
            assert (None if loaded is None else (loaded.manifest.offset, loaded.blocks)) == state.get(partition)
        if is_followed:
            await let_follow()
    for worker in workers:
        await worker.reads.close()
        assert worker.reads.n_bytes == 0
    return sum(worker.n_used for worker in workers)


def test_a_take_over_reads_nothing() -> None:
    async def run() -> None:
        topic = Topic()
        one, other = Worker(topic), Worker(topic)
        store = one.open(0)
        await store.load()
        one.reads.start()
        other.reads.start()
        await store.save(1, {"p": b"1", "q": b"2"})
        await let_follow()
        assert (one.reads.n_bytes, other.reads.n_bytes > 0) == (0, True)
        await store.save(2, {"p": b"3"})
        n_reads = topic.n_reads
        # What has not arrived yet is waited for.
        loaded = await other.open(0).load()
        assert loaded is not None
        assert (loaded.manifest.offset, loaded.blocks) == (2, {"p": b"3", "q": b"2"})
        assert (topic.n_reads, other.n_used, other.reads.n_bytes) == (n_reads, 1, 0)
        await asyncio.gather(one.reads.close(), other.reads.close())

    asyncio.run(run())


def test_what_was_passed_over_is_read() -> None:
    async def run() -> None:
        topic = Topic()
        one, other = Worker(topic), Worker(topic)
        former = one.open(0)
        await former.load()
        one.reads.start()
        # A new owner, of which the former one does not know yet: its full checkpoint is passed over, a later one is not.
        store = other.open(0)
        await store.load()
        await store.save(1, {"p": b"1", "q": b"2"})
        await let_follow()
        former.close()
        await store.save(2, {"p": b"3"})
        await let_follow()
        loaded = await one.open(0).load()
        assert loaded is not None
        assert loaded.blocks == {"p": b"3", "q": b"2"}
        assert one.n_used == 0
        await one.reads.close()

    asyncio.run(run())


@pytest.mark.parametrize("damage", [b"{", b'{"version": 99}'])
def test_damage_is_not_hidden(damage: bytes) -> None:
    assert not is_whole({b"g/metrics/0/00000001-ab/manifest": damage})
    assert not is_whole({})
