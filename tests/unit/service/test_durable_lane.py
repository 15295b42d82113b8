"""What of a lane is written before a rebalance: what would cost the next owner more to take in again, and no more than that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from pipeline.codecs.record import RecordBatch
from pipeline.config.schema import Config, DetectorSettings, SourceTopic
from pipeline.service.checkpoint_reads import CheckpointReads
from pipeline.service.checkpoint_store import CheckpointStore, CheckpointTopic
from pipeline.service.copy_turn import CopyTurn
from pipeline.service.durable_lane import DurableLane
from pipeline.service.publisher import Message
from pipeline.telemetry.events import Telemetry

SOURCE = SourceTopic(name="metrics", kind="metrics", format="metric_json")


def make_lane(store: CheckpointStore) -> DurableLane:
    async def hold() -> None:
        """The partition is ours."""

    def fail(error: BaseException) -> None:
        raise error

    config = Config(version=1, topics=[SOURCE], detectors=[DetectorSettings(name="all")])
    return DurableLane(
        config, "hash", SOURCE, 0, store, Telemetry(), hold, fail, CopyTurn(), asyncio.Semaphore(1), is_fresh=False
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
