"""What the consumer's thread takes of fetches of which one cannot be read: the others are given out, and that one is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.consumer.subscription_state import TopicPartitionState
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition
from faust.types import TP

from pipeline.service.consumer_thread import BatchConsumerThread
from pipeline.service.fast_reader import FastReader, KeptRecords
from pipeline.service.fetched_batch import TakeBatch, take_records
from pipeline.telemetry.events import Telemetry
from tests.unit.codecs.wire import Row, pack_batch

GOOD = pack_batch([Row(0, 0, None, b"a"), Row(1, 0, None, b"b")])
MORE = pack_batch([Row(2, 0, None, b"c")])
DAMAGED = MORE[:-1] + b"!"


class Fetched:
    """A consumer with results of fetches of one topic, by partition, and the thread that takes them."""

    def __init__(self, take: TakeBatch, make_records: Callable[[bytes], MemoryRecords], *data: bytes) -> None:
        self.telemetry = Telemetry()
        self.states: dict[TopicPartition, Any] = {}
        self.n_notified = 0
        records = {}
        assignment = SimpleNamespace(active=True, state_value=self.states.__getitem__)
        for partition, one in enumerate(data):
            key = TopicPartition("t", partition)
            self.states[key] = state = TopicPartitionState(SimpleNamespace())
            state.reset_to(0)
            source = PartitionRecords(key, make_records(one), None, 0, None, None, True, 0)
            records[key] = FetchResult(key, assignment=assignment, partition_records=source, backoff=0.0)
        self.fetcher = SimpleNamespace(_records=records, _notify=self._notify, _wait_consume_future=None)
        subscription = SimpleNamespace(assignment=assignment)
        self.consumer: Any = SimpleNamespace(
            _fetcher=self.fetcher,
            _subscription=SimpleNamespace(
                reassignment_in_progress=False, subscription=subscription, is_assigned=self.states.__contains__
            ),
        )
        self.thread: Any = object.__new__(BatchConsumerThread)
        self.thread.app = SimpleNamespace(telemetry=self.telemetry)
        self.thread._grants = {TP("t", partition): 1 for partition in range(len(data))}
        self.thread._next_offset = {}
        self.thread._max_records = 100
        self.thread._take_batch = take

    def _notify(self, _: object) -> None:
        self.n_notified += 1

    def take(self) -> dict[int, list[bytes | None]]:
        return {tp.partition: fetched.batch.values() for tp, fetched in self.thread._take_ready(self.consumer)}

    def n_events(self, event: str, code: str = "") -> float:
        return self.telemetry.metrics.read("events_total", event=event, code=code)


def fast() -> TakeBatch:
    return FastReader(take_records, lambda *_: None).take


@pytest.mark.parametrize(
    ("take", "make_records"), [(fast(), KeptRecords), (take_records, MemoryRecords)], ids=["fast", "ordinary"]
)
def test_a_damaged_batch_costs_no_other_partition_its_records(take: TakeBatch, make_records: Any) -> None:
    async def run() -> None:
        fetched = Fetched(take, make_records, GOOD, DAMAGED, GOOD + DAMAGED + MORE, GOOD + MORE)
        taken = fetched.take()
        fetched.thread._grants[TP("t", 2)] = 2
        assert fetched.take() == {}
        assert taken == {0: [b"a", b"b"], 2: [b"a", b"b"], 3: [b"a", b"b", b"c"]}
        assert fetched.n_events("batch_unreadable", "CorruptRecordException") == 2
        assert fetched.fetcher._records == {}
        assert fetched.n_notified == 4
        # They stand before the damage, and are not fetched for a while.
        assert [state.position for state in fetched.states.values()] == [2, 0, 2, 3]
        assert [state.paused for state in fetched.states.values()] == [False, True, True, False]
        assert fetched.thread._grants == {TP("t", 1): 1, TP("t", 2): 2}

    asyncio.run(run())


def test_a_grant_may_be_withdrawn_by_another_thread_while_its_batch_is_read() -> None:
    async def run() -> None:
        def withdrawn_meanwhile(*arguments: Any) -> Any:
            fetched.thread.withdraw_grants()
            return take_records(*arguments)

        fetched = Fetched(withdrawn_meanwhile, MemoryRecords, GOOD, MORE)
        # The first is given out with the number of its grant, by which whoever withdrew it knows it; the second is not read any more.
        [(tp, batch)] = fetched.thread._take_ready(fetched.consumer)
        assert (tp, batch.grant) == (TP("t", 0), 1)
        assert fetched.thread._grants == {}

    asyncio.run(run())


def test_a_position_that_the_broker_no_longer_has_is_told() -> None:
    async def run() -> None:
        fetched = Fetched(fast(), KeptRecords, GOOD + MORE)
        fetched.thread._max_records = 2
        fetched.thread._next_offset[TP("t", 0)] = 0
        assert fetched.take() == {0: [b"a", b"b"]}
        fetched.thread._grants[TP("t", 0)] = 1
        assert fetched.take() == {0: [b"c"]}
        assert fetched.n_events("offset_out_of_range") == 0
        again = Fetched(fast(), KeptRecords, GOOD)
        again.thread._next_offset[TP("t", 0)] = 17
        assert again.take() == {0: [b"a", b"b"]}
        assert again.n_events("offset_out_of_range") == 1

    asyncio.run(run())
