"""A cancellation that escapes from a client ends the worker in words; one that was ordered ends the task alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from pipeline.codecs.record import RecordBatch
from pipeline.config.schema import Config, DetectorSettings, SourceTopic
from pipeline.service.checkpoint_reads import CheckpointReads
from pipeline.service.checkpoint_store import CheckpointStore, CheckpointTopic
from pipeline.service.copy_turn import CopyTurn
from pipeline.service.durable_lane import DurableLane
from pipeline.service.publisher import Message
from pipeline.telemetry.events import Telemetry

SOURCE = SourceTopic(name="metrics", kind="metrics", format="metric_json")


@pytest.mark.parametrize("is_ordered", [False, True])
def test_a_checkpoint_that_is_cancelled_from_within_ends_the_worker(is_ordered: bool) -> None:
    failures: list[BaseException] = []

    async def run() -> None:
        is_writing = asyncio.Event()

        async def publish(_: Sequence[Message]) -> None:
            is_writing.set()
            if is_ordered:
                await asyncio.Event().wait()
            raise asyncio.CancelledError

        async def read(_: int) -> AsyncIterator[Sequence[Message]]:
            yield []

        async def hold() -> None:
            """The partition is ours."""

        store = CheckpointStore(CheckpointTopic("checkpoints", 1, publish, CheckpointReads(read)), "group", "metrics", 0, "hash")
        config = Config(version=1, topics=[SOURCE], detectors=[DetectorSettings(name="all")])
        durable = DurableLane(
            config, "hash", SOURCE, 0, store, Telemetry(), hold, failures.append, CopyTurn(), asyncio.Semaphore(1), is_fresh=False
        )
        await store.load()
        durable.lane.process(RecordBatch.from_rows("metrics", 0, [(0, 1_700_000_000_000, None, b"?")]))
        durable.checkpoint_if_due()
        await asyncio.wait_for(is_writing.wait(), 20)
        if is_ordered:
            durable.close()
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=20)
        assert not durable.may_commit

    asyncio.run(run())
    assert [type(error) for error in failures] == ([] if is_ordered else [asyncio.CancelledError])
