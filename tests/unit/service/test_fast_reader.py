"""The fast reader takes from fetched results what aiokafka's own records would give, in any portions; the position moves alike."""

from __future__ import annotations

import random
import struct
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.codecs.fetched import Stop
from pipeline.codecs.record import RecordBatch
from pipeline.service import fast_reader
from pipeline.service.fast_reader import FastReader, KeptRecords, find_obstacle, keep_fetched_bytes
from pipeline.service.fetched_batch import take_records
from tests.unit.codecs.test_fetched import SAMPLE, batches, damage
from tests.unit.codecs.wire import Row, pack_batch

TP = TopicPartition("t", 0)


class Partition:
    """A partition's state as aiokafka keeps it, and one result of a fetch."""

    def __init__(self, records: MemoryRecords, fetch_offset: int, aborted: list[tuple[int, int]] | None) -> None:
        self.state = SimpleNamespace(paused=False, position=fetch_offset, consumed_to=self._consume_to)
        assignment = SimpleNamespace(active=True, state_value=lambda tp: self.state)
        isolation = int(aborted is not None)
        partition_records = PartitionRecords(TP, records, aborted, fetch_offset, None, None, True, isolation)
        self.result = FetchResult(TP, assignment=assignment, partition_records=partition_records, backoff=0.0)

    def _consume_to(self, offset: int) -> None:
        self.state.position = offset

    def drain(self, take: Any, max_records: int) -> tuple[list[Row], int, type | None]:
        """Take all there is: rows, position, and what kind of error ended it."""
        rows: list[Row] = []
        while self.result.has_more():
            assert self.result.check_assignment(TP)
            try:
                batch = take(self.result, max_records, lambda: self.state.position)
            except Exception as error:  # noqa: BLE001 - the kind of it is compared
                return rows, self.state.position, type(error)
            if batch is not None:
                assert len(batch) <= max_records
                assert batch.next_offset <= self.state.position
                rows += rows_of(batch)
        return rows, self.state.position, None


def rows_of(batch: RecordBatch) -> list[Row]:
    columns = zip(batch.offset.tolist(), batch.timestamp_ms.tolist(), strict=True)
    return [
        Row(offset, timestamp_ms, batch.key(i), batch.value(i), tuple(batch.headers.get(i, ())))
        for i, (offset, timestamp_ms) in enumerate(columns)
    ]


def drain_both(
    data: bytes, fetch_offset: int, aborted: list[tuple[int, int]] | None, max_records: int
) -> tuple[tuple[list[Row], int, type | None], tuple[list[Row], int, type | None], list[Stop]]:
    stops: list[Stop] = []
    reader = FastReader(take_records, lambda topic, partition, stop: stops.append(stop))
    fast = Partition(KeptRecords(data), fetch_offset, aborted).drain(reader.take, max_records)
    ordinary = Partition(MemoryRecords(data), fetch_offset, aborted).drain(take_records, max_records)
    return fast, ordinary, stops


@given(batches(), st.integers(1, 20))
@settings(max_examples=200, deadline=None)
def test_any_batches_in_any_portions(case: tuple[bytes, int, list[tuple[int, int]] | None], max_records: int) -> None:
    data, fetch_offset, aborted = case
    if MemoryRecords(data).has_next():
        fast, ordinary, stops = drain_both(data, fetch_offset, aborted, max_records)
        assert fast == ordinary
        assert stops == []


def test_what_is_not_read_fast_is_left_to_the_ordinary_reader() -> None:
    rng = random.Random(11)
    seen: set[Stop] = set()
    for _ in range(1_500):
        data = damage(rng)
        if not MemoryRecords(data).has_next():
            continue
        fast, ordinary, stops = drain_both(data, 0, None, 3)
        seen.update(stops)
        # The ordinary reading ends at names of headers that are not UTF-8, and takes all batches to be of the first one's format.
        if ordinary[2] is UnicodeDecodeError or Stop.OTHER_FORMAT in stops:
            continue
        # What precedes the damage in a batch is given out there and not here; what was taken is the same.
        assert fast[2] is ordinary[2]
        assert fast[0][: len(ordinary[0])] == ordinary[0][: len(fast[0])]
        if ordinary[2] is None:
            assert fast == ordinary
    assert seen == {Stop.OTHER_FORMAT, Stop.CRC, Stop.COMPRESSION, Stop.DAMAGED}


@pytest.mark.parametrize("magic", [0, 1])
@pytest.mark.parametrize("compression", [0, 1])
def test_a_topic_that_was_upgraded_is_read_through(magic: int, compression: int) -> None:
    """Older messages, then batches of format 2, in one fetch: aiokafka alone ends in an error there."""
    builder = LegacyRecordBatchBuilder(magic=magic, compression_type=compression, batch_size=10_000)
    for offset in range(3):
        builder.append(offset, timestamp=1_000, key=b"k", value=b"old")
    older = bytes(builder.build())
    newer = pack_batch([Row(3, 0, None, b"new"), Row(4, 0, None, b"newer")])
    if compression:
        # The message around compressed ones bears the offset of the last of them, as brokers set it.
        older = struct.pack(">q", 2) + older[8:]
    (rows, position, error), ordinary, stops = drain_both(older + newer, 0, None, 100)
    assert ([row.value for row in rows], position, error) == ([b"old"] * 3, 3, None)
    assert stops == [Stop.OTHER_FORMAT]
    assert ordinary[2] is SystemError
    # What the next fetch brings.
    (rows, position, error), _, stops = drain_both(newer, 3, None, 100)
    assert ([row.value for row in rows], position, error, stops) == ([b"new", b"newer"], 5, None, [])


def test_a_seek_between_two_portions_is_noticed() -> None:
    partition = Partition(KeptRecords(pack_batch(SAMPLE)), 10, None)
    reader = FastReader(take_records, lambda *_: None)
    batch = reader.take(partition.result, 2, lambda: partition.state.position)
    assert batch is not None
    assert batch.offset.tolist() == [10, 11]
    assert partition.state.position == 13
    partition.state.position = 10
    assert not partition.result.check_assignment(TP)


def test_aiokafka_is_as_this_file_knows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new version of aiokafka must pass here before it is let in."""
    assert find_obstacle() == ""
    names = fetcher.Fetcher._proc_fetch_request.__code__.co_names
    assert {"MemoryRecords", "PartitionRecords", "FetchResult", "has_next"} <= set(names)
    monkeypatch.setattr(fetcher, "MemoryRecords", fetcher.MemoryRecords)
    keep_fetched_bytes()
    assert fetcher.MemoryRecords is KeptRecords
    assert find_obstacle() == ""
    assert KeptRecords(b"abc").data == b"abc"
    assert KeptRecords(pack_batch(SAMPLE)).next_batch().base_offset == 10


def test_obstacles_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_reader.aiokafka, "__version__", "0.15.0")
    assert "0.15.0" in find_obstacle()
    monkeypatch.setattr(fast_reader.aiokafka, "__version__", "0.14.9")
    monkeypatch.setattr(fetcher, "MemoryRecords", bytes)
    assert "replaced" in find_obstacle()
    monkeypatch.setattr(fetcher, "MemoryRecords", MemoryRecords)
    monkeypatch.setattr(fetcher, "PartitionRecords", Partition)
    assert "_aborted_transactions" in find_obstacle()
