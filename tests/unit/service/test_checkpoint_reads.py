"""Each partition of the checkpoint topic is read once, however many source partitions load from it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import pytest

from pipeline.service.checkpoint_reads import CheckpointReads
from pipeline.service.checkpoint_store import CheckpointStore, CheckpointTopic
from pipeline.service.publisher import Message

N_HOMES = 3


class Topic:
    """A topic in memory that counts how often it is read."""

    def __init__(self) -> None:
        self.n_reads: Counter[int] = Counter()
        self.records: dict[int, list[Message]] = {}
        self.error: Exception | None = None
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def publish(self, messages: Sequence[Message]) -> None:
        for message in messages:
            assert message.partition is not None
            self.records.setdefault(message.partition, []).append(message)

    async def read(self, partition: int) -> AsyncIterator[Sequence[Message]]:
        self.n_reads[partition] += 1
        records = list(self.records.get(partition, []))
        yield records[: len(records) // 2]
        await self.may_go_on.wait()
        if self.error is not None:
            raise self.error
        yield records[len(records) // 2 :]

    def to_checkpoints(self) -> CheckpointTopic:
        return CheckpointTopic("checkpoints", N_HOMES, self.publish, CheckpointReads(self.read))


def make_stores(topic: CheckpointTopic, n: int) -> list[CheckpointStore]:
    return [CheckpointStore(topic, "g", "metrics", partition, "hash") for partition in range(n)]


def test_an_assignment_reads_each_partition_once() -> None:
    async def run() -> None:
        topic = Topic()
        for i, store in enumerate(make_stores(topic.to_checkpoints(), 20)):
            await store.load()
            await store.save(i, {"p": b"%d" % i})
        topic.n_reads.clear()
        found = await asyncio.gather(*(store.load() for store in make_stores(topic.to_checkpoints(), 20)))
        assert [one and one.blocks["p"] for one in found] == [b"%d" % i for i in range(20)]
        assert set(topic.n_reads.values()) == {1}

    asyncio.run(run())


def test_partitions_without_a_checkpoint_cost_each_reading_at_most_twice() -> None:
    async def run() -> None:
        topic = Topic()
        found = await asyncio.gather(*(store.load() for store in make_stores(topic.to_checkpoints(), 20)))
        assert found == [None] * 20
        assert max(topic.n_reads.values()) <= 2

    asyncio.run(run())


def test_who_asks_while_it_is_read_gets_what_was_written_meanwhile() -> None:
    async def run() -> None:
        topic = Topic()
        await topic.publish([Message("c", b"a/1", b"old", partition=0), Message("c", b"a/2", b"gone", partition=0)])
        topic.may_go_on.clear()
        reads = CheckpointReads(topic.read)
        early = asyncio.create_task(reads.find(0, b"a/"))
        await asyncio.sleep(0.01)
        await topic.publish([Message("c", b"a/1", b"new", partition=0), Message("c", b"a/2", None, partition=0)])
        late = asyncio.create_task(reads.find(0, b"a/"))
        await asyncio.sleep(0.01)
        topic.may_go_on.set()
        assert await early == {b"a/1": b"old", b"a/2": b"gone"}
        assert await late == {b"a/1": b"new"}
        assert topic.n_reads[0] == 2

    asyncio.run(run())


def test_all_who_wait_are_told_of_an_error_and_may_ask_again() -> None:
    async def run() -> None:
        topic = Topic()
        topic.error = ConnectionError("away")
        reads = CheckpointReads(topic.read)
        results = await asyncio.gather(reads.find(0, b"a/"), reads.find(0, b"b/"), return_exceptions=True)
        assert results == [topic.error, topic.error]
        topic.error = None
        assert await reads.find(0, b"a/") == {}

    asyncio.run(run())


def test_one_who_gives_up_takes_nothing_from_the_others() -> None:
    async def run() -> None:
        topic = Topic()
        await topic.publish([Message("c", b"a/1", b"x", partition=0)])
        topic.may_go_on.clear()
        reads = CheckpointReads(topic.read)
        one, other = (asyncio.create_task(reads.find(0, b"a/")) for _ in range(2))
        await asyncio.sleep(0.01)
        one.cancel()
        topic.may_go_on.set()
        assert await other == {b"a/1": b"x"}
        with pytest.raises(asyncio.CancelledError):
            await one

    asyncio.run(run())
