"""Bytes that rot on the broker's disk: the batch is named, its partition waits before it, others go on, and nothing is lost."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import crc32c
import pytest
from aiokafka.record.memory_records import MemoryRecords
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from pipeline.demo.brokers.apache_kafka import ApacheKafka
from tests.integration.made_metrics import make_metrics
from tests.integration.running_worker import RunningWorker
from tests.integration.topic_set import Row, TopicSet
from tests.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.kafka]

N_STEPS = 60
N_EACH = N_STEPS * 8


def find_batches(segment: Path) -> list[tuple[int, int, int]]:
    """Base offset, first byte and length of every batch of a log segment."""
    data = segment.read_bytes()
    found, at = [], 0
    while len(data) - at > 12:
        base_offset, length = struct.unpack_from(">qi", data, at)
        if length == 0:
            break
        found.append((base_offset, at, 12 + length))
        at += 12 + length
    return found


def write_at(segment: Path, at: int, data: bytes) -> None:
    with segment.open("r+b") as file:
        file.seek(at)
        file.write(data)


def flip_a_bit(batch: bytes) -> bytes:
    """One bit of the records: the checksum is wrong then."""
    return batch[:-5] + bytes([batch[-5] ^ 16]) + batch[-4:]


def break_the_block(batch: bytes) -> bytes:
    """The compressed block does not unpack, and the checksum is right."""
    body = bytearray(batch)
    body[61:65] = b"\xff\xff\xff\xff"
    body[17:21] = struct.pack(">I", crc32c.crc32c(bytes(body[21:])))
    return bytes(body)


@pytest.fixture
def kafka(make_kafka: Callable[..., ApacheKafka]) -> ApacheKafka:
    return make_kafka()


@pytest.fixture
def topics(kafka: ApacheKafka, tmp_path: Path) -> TopicSet:
    return TopicSet(kafka.bootstrap, "damaged", tmp_path)


@pytest.mark.parametrize(
    ("reader", "damage", "code", "stop"),
    [
        ("fast", flip_a_bit, "CorruptRecordException", "CRC"),
        pytest.param("fast", break_the_block, "DecompressionError", "COMPRESSION", marks=pytest.mark.soak),
        pytest.param("ordinary", flip_a_bit, "CorruptRecordException", "", marks=pytest.mark.soak),
    ],
)
def test_a_damaged_batch_is_named_and_waited_for(
    reader: str,
    damage: Callable[[bytes], bytes],
    code: str,
    stop: str,
    kafka: ApacheKafka,
    topics: TopicSet,
    start_worker: Callable[..., RunningWorker],
) -> None:
    topics.config["worker"]["reader"] = reader
    source = topics.add_source("metrics", partitions=2)
    config_path = topics.create()
    rows = make_metrics(2 * N_STEPS, seed=5)
    for start in range(0, N_EACH, 40):
        # Each portion is a batch of its own.
        topics.produce(
            source,
            [Row(row.value, row.key, row.timestamp_ms, (), i % 2) for i, row in enumerate(rows[2 * start : 2 * start + 80])],
            **{"compression.type": "lz4"},
        )
    segment = kafka.nodes[0].properties_path.parent / "data" / f"{source}-0" / f"{0:020}.log"
    batches = find_batches(segment)
    base_offset, at, length = batches[len(batches) // 2]
    whole = segment.read_bytes()[at : at + length]
    assert next(iter(MemoryRecords(whole).next_batch())).offset == base_offset
    write_at(segment, at, damage(whole))

    worker = start_worker(config_path).wait_ready()
    # All of the other partition, and all that precedes the damage.
    worker.wait_records(N_EACH + base_offset)
    wait_until(lambda: worker.metric("events_total", event="batch_unreadable") >= 1, 30)
    assert worker.state().n_records == N_EACH + base_offset
    wait_until(lambda: worker.state().lag_records == N_EACH - base_offset, 10)
    (named, *_) = worker.events("batch_unreadable")
    assert (named["topic"], named["partition"], named["offset"], named["error_code"]) == (source, 0, base_offset, code)
    assert "replica" in named["cure"]
    assert {event["error_code"] for event in worker.events("fast_reader_left")} == ({stop} if stop else set())

    # The other partition goes on meanwhile.
    more = [Row(row.value, row.key, row.timestamp_ms, (), 1) for row in make_metrics(10, seed=6, start_step=2 * N_STEPS)]
    topics.produce(source, more)
    worker.wait_records(N_EACH + base_offset + len(more))

    if reader == "fast":
        # The disk was mended, or another replica leads: all is there.
        write_at(segment, at, whole)
        worker.wait_records(2 * N_EACH + len(more))
        wait_until(lambda: worker.state().lag_records == 0, 10)
        assert worker.state().n_by_outcome["scored"] == worker.state().n_records == 2 * N_EACH + len(more)
    else:
        # It was given up: reading goes on behind it, and says so.
        behind = batches[len(batches) // 2 + 1][0]
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        admin.delete_records([TopicPartition(source, 0, behind)])[TopicPartition(source, 0)].result(30)
        worker.wait_records(2 * N_EACH + len(more) - (behind - base_offset))
        (told,) = worker.events("offset_out_of_range")
        assert (told["partition"], told["committed"], told["resumed_at"]) == (0, base_offset, behind)
    assert worker.stop() == 0
    assert topics.output("dead_letters") == []
