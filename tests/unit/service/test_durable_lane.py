"""What of a lane is written before a rebalance: what would cost the next owner more to take in again, and no more than that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from pipeline.codecs.record import RecordBatch
from pipeline.config.schema import Config, DetectorSettings, SourceTopic
from pipeline.service import durable_lane
from pipeline.service.checkpoint_reads import CheckpointReads
from pipeline.service.checkpoint_store import CheckpointStore, CheckpointTopic
from pipeline.service.copy_turn import CopyTurn
from pipeline.service.durable_lane import DurableLane
from pipeline.service.publisher import Message
from pipeline.telemetry.events import Telemetry

SOURCE = SourceTopic(name="metrics", kind="metrics", format="metric_json")


def make_lane(store: CheckpointStore, turn: CopyTurn | None = None) -> DurableLane:
    async def hold() -> None:
        """The partition is ours."""

    def fail(error: BaseException) -> None:
        raise error

    config = Config(version=1, topics=[SOURCE], detectors=[DetectorSettings(name="all")])
    return DurableLane(
        config, "hash", SOURCE, 0, store, Telemetry(), hold, fail, turn or CopyTurn(), asyncio.Semaphore(1), is_fresh=False
    )


def take(durable: DurableLane, n: int) -> None:
    start = durable.lane.next_offset
    rows = [
        (i, 1_700_000_000_000 + i * 1_000, None, b'{"name":"cpu","ts":%d,"value":1}' % (1_700_000_000 + i))
        for i in range(start, start + n)
    ]
    durable.lane.process(RecordBatch.from_rows("metrics", 0, rows))


def test_before_a_rebalance_only_what_is_worth_it_is_written_and_at_the_end_everything() -> None:
    async def run() -> None:
        async def publish(_: Sequence[Message]) -> None:
            """It stands there."""

        async def read(_: int) -> AsyncIterator[Sequence[Message]]:
            yield []

        store = CheckpointStore(CheckpointTopic("checkpoints", 1, publish, CheckpointReads(read)), "group", "metrics", 0, "hash")
        durable = make_lane(store)
        await store.load()
        take(durable, 1)
        # Without a checkpoint the next owner would not know where to begin.
        await durable.settle(is_last=False)
        assert store.offset == 1
        take(durable, 12)
        await durable.settle(is_last=False)
        assert store.offset == 1
        await durable.settle(is_last=True)
        assert store.offset == 13
        take(durable, 200)
        await durable.settle(is_last=False)
        assert store.offset == 213
        # A new tenure would begin with all blocks, of which there is one.
        store.follow("00000009-abcd")
        take(durable, 12)
        await durable.settle(is_last=False)
        assert store.offset is None
        take(durable, 200)
        await durable.settle(is_last=False)
        assert store.offset == 425

    asyncio.run(run())


def test_lanes_that_settle_at_once_hold_one_copy_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    n_copies, most = 0, 0
    take_copy, encode = DurableLane._take, durable_lane._encode

    def count_copy(durable: DurableLane) -> Any:
        nonlocal n_copies, most
        n_copies += 1
        most = max(most, n_copies)
        return take_copy(durable)

    def count_encoded(checkpoint: Any) -> Any:
        nonlocal n_copies
        time.sleep(0.02)
        encoded = encode(checkpoint)
        n_copies -= 1
        return encoded

    monkeypatch.setattr(DurableLane, "_take", count_copy)
    monkeypatch.setattr(durable_lane, "_encode", count_encoded)

    async def run() -> None:
        async def publish(_: Sequence[Message]) -> None:
            """It stands there."""

        async def read(_: int) -> AsyncIterator[Sequence[Message]]:
            yield []

        topic, turn = CheckpointTopic("checkpoints", 1, publish, CheckpointReads(read)), CopyTurn()
        stores = [CheckpointStore(topic, "group", f"metrics-{i}", 0, "hash") for i in range(4)]
        lanes = [make_lane(store, turn) for store in stores]
        for store, durable in zip(stores, lanes, strict=True):
            await store.load()
            take(durable, 5)
        await asyncio.gather(*(durable.settle(is_last=True) for durable in lanes))
        assert [store.offset for store in stores] == [5] * 4
        # What one is told to stop while it waits for its turn does not take it away from the others.
        for durable in lanes:
            take(durable, 5)
        waiting = [asyncio.create_task(durable.settle(is_last=True)) for durable in lanes]
        await asyncio.sleep(0)
        waiting[1].cancel()
        await asyncio.wait(waiting)
        assert [store.offset for store in stores] == [10, 5, 10, 10]
        assert turn.try_hold()

    asyncio.run(run())
    assert most == 1
