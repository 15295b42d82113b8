"""Topics of every kind on a real broker, read by the fast reader, by aiokafka and by kafka-python: the same records."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
import uuid
from typing import Any

import confluent_kafka
import kafka
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.consumer import fetcher
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from pipeline.codecs import fetched
from pipeline.codecs.compression import Block, decompress
from pipeline.codecs.fetched import Stop
from pipeline.service.fast_reader import FastReader, keep_fetched_bytes
from pipeline.service.fetched_batch import take_records

pytestmark = pytest.mark.integration

FETCH_BYTES = 100_000
Facts = tuple[int, int, bytes | None, bytes | None, tuple[tuple[str, bytes | None], ...]]


def make_topic(bootstrap: str, **settings: str) -> str:
    name = f"fast-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": bootstrap})
    made = admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1, config=settings)])
    made[name].result(30)
    return name


def produce(bootstrap: str, topic: str, compression: str, n: int, *, seed: int) -> None:
    rng = random.Random(seed)
    producer = Producer({"bootstrap.servers": bootstrap, "compression.type": compression, "linger.ms": rng.choice([0, 20])})
    for i in range(n):
        headers: list[tuple[str, Any]] = (
            [("trace", rng.randbytes(4)), ("none", None), ("trace", b"")] if rng.random() < 0.2 else []
        )
        size = rng.choice([0, 5, 100, 100, 3_000])
        producer.produce(
            topic,
            value=None if rng.random() < 0.05 else bytes(rng.choices(b"abcdef", k=size)),
            key=None if rng.random() < 0.3 else str(rng.randrange(10**6)).encode(),
            timestamp=1_700_000_000_000 + rng.randrange(10**9),
            headers=headers,
        )
        if i % 100 == 0:
            producer.poll(0)
    producer.flush(60)


def abort(bootstrap: str, topic: str, *, is_committed: bool) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": f"{topic}-tx", "compression.type": "lz4"})
    producer.init_transactions(30)
    producer.begin_transaction()
    for i in range(50):
        producer.produce(topic, value=f"{'kept' if is_committed else 'aborted'}-{i}".encode(), timestamp=1_700_000_000_000)
    producer.flush(30)
    if is_committed:
        producer.commit_transaction(30)
    else:
        producer.abort_transaction(30)


async def read_fast(bootstrap: str, topic: str, isolation: str, end: int, max_records: int) -> tuple[list[Facts], list[Stop]]:
    """Read as the worker's transport does."""
    facts: list[Facts] = []
    stops: list[Stop] = []
    reader = FastReader(take_records, lambda topic, partition, stop: stops.append(stop))
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        isolation_level=isolation,
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    tp = TopicPartition(topic, 0)
    async with consumer:
        consumer.assign([tp])
        await consumer.seek_to_beginning(tp)
        while await consumer.position(tp) < end:
            result = consumer._fetcher._records.get(tp)
            if result is None or not result.check_assignment(tp):
                await asyncio.sleep(0.01)
                continue
            state = consumer._subscription.subscription.assignment.state_value(tp)
            batch = reader.take(result, max_records, lambda state=state: state.position)
            if not result.has_more():
                del consumer._fetcher._records[tp]
                consumer._fetcher._notify(consumer._fetcher._wait_consume_future)
            if batch is not None:
                columns = zip(batch.offset.tolist(), batch.timestamp_ms.tolist(), strict=True)
                facts += [
                    (offset, at, batch.key(i), batch.value(i), tuple(batch.headers.get(i, ())))
                    for i, (offset, at) in enumerate(columns)
                ]
    return facts, stops


async def read_aiokafka(bootstrap: str, topic: str, isolation: str, end: int) -> list[Facts]:
    facts: list[Facts] = []
    tp = TopicPartition(topic, 0)
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", isolation_level=isolation) as consumer:
        consumer.assign([tp])
        await consumer.seek_to_beginning(tp)
        while await consumer.position(tp) < end:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                facts += [(one.offset, one.timestamp, one.key, one.value, tuple(one.headers)) for one in records]
    return facts


def read_kafka_python(bootstrap: str, topic: str, isolation: str, end: int) -> list[Facts]:
    tp = kafka.TopicPartition(topic, 0)
    facts: list[Facts] = []
    consumer = kafka.KafkaConsumer(bootstrap_servers=bootstrap, isolation_level=isolation, enable_auto_commit=False)
    with contextlib.closing(consumer):
        consumer.assign([tp])
        consumer.seek_to_beginning(tp)
        while consumer.position(tp) < end:
            for records in consumer.poll(500).values():
                facts += [(one.offset, one.timestamp, one.key, one.value, tuple(one.headers)) for one in records]
    return facts


def read_librdkafka(bootstrap: str, topic: str, isolation: str, end: int) -> list[Facts]:
    settings = {"bootstrap.servers": bootstrap, "group.id": "none", "enable.auto.commit": False, "isolation.level": isolation}
    consumer = Consumer({**settings, "enable.partition.eof": True})
    with contextlib.closing(consumer):
        consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
        facts: list[Facts] = []
        while True:
            message = consumer.poll(10)
            if message is None or message.error() is not None:
                assert message is not None
                assert message.error().code() == KafkaError._PARTITION_EOF
                assert consumer.position([confluent_kafka.TopicPartition(topic, 0)])[0].offset <= end
                return facts
            headers = tuple(message.headers() or ())
            facts.append((message.offset(), message.timestamp()[1], message.key(), message.value(), headers))


def end_of(bootstrap: str, topic: str) -> int:
    consumer = kafka.KafkaConsumer(bootstrap_servers=bootstrap)
    with contextlib.closing(consumer):
        tp = kafka.TopicPartition(topic, 0)
        return int(consumer.end_offsets([tp])[tp])


def compare(bootstrap: str, topic: str, monkeypatch: pytest.MonkeyPatch, isolation: str = "read_committed") -> list[Facts]:
    end = end_of(bootstrap, topic)
    ordinary = asyncio.run(read_aiokafka(bootstrap, topic, isolation, end))
    monkeypatch.setattr(fetcher, "MemoryRecords", fetcher.MemoryRecords)
    keep_fetched_bytes()
    for max_records in (97, 100_000):
        fast, stops = asyncio.run(read_fast(bootstrap, topic, isolation, end, max_records))
        assert stops == []
        assert fast == ordinary
    assert read_librdkafka(bootstrap, topic, isolation, end) == ordinary
    assert read_kafka_python(bootstrap, topic, isolation, end) == ordinary
    return ordinary


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_compression(bootstrap: str, monkeypatch: pytest.MonkeyPatch, compression: str) -> None:
    topic = make_topic(bootstrap)
    produce(bootstrap, topic, compression, 3_000, seed=1)
    assert len(compare(bootstrap, topic, monkeypatch)) == 3_000


@pytest.mark.kafka
@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
def test_the_broker_recompresses_and_stamps(bootstrap: str, monkeypatch: pytest.MonkeyPatch, compression: str) -> None:
    """Blocks as the libraries in Java make them, and the broker's time."""
    topic = make_topic(bootstrap, **{"message.timestamp.type": "LogAppendTime", "compression.type": compression})
    before_ms = time.time() * 1000
    produce(bootstrap, topic, "snappy" if compression == "gzip" else "gzip", 600, seed=2)
    facts = compare(bootstrap, topic, monkeypatch)
    assert min(at for _, at, *_ in facts) >= before_ms - 1_000


XERIAL = b"\x82SNAPPY\0"


async def produce_xerial(bootstrap: str, topic: str, n: int) -> None:
    """As producers in Java do."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, compression_type="snappy", linger_ms=20) as producer:
        for i in range(n):
            await producer.send(topic, value=b"xerial " * (i % 40) + str(i).encode(), timestamp_ms=1_700_000_000_000 + i)


def test_snappy_in_both_framings(bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = make_topic(bootstrap)
    produce(bootstrap, topic, "snappy", 200, seed=5)
    asyncio.run(produce_xerial(bootstrap, topic, 200))
    framings = set()

    def note(number: int, block: Block) -> Block:
        framings.add("xerial" if bytes(block[: len(XERIAL)]) == XERIAL else "raw")
        return decompress(number, block)

    monkeypatch.setattr(fetched, "decompress", note)
    assert len(compare(bootstrap, topic, monkeypatch)) == 400
    assert framings == {"raw", "xerial"}


def test_records_larger_than_a_fetch(bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = make_topic(bootstrap)
    producer = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 1_000_000})
    rng = random.Random(6)
    for i in range(12):
        size = 3 * FETCH_BYTES + i if i % 3 == 0 else 10
        producer.produce(topic, value=rng.randbytes(size), timestamp=1_700_000_000_000 + i)
        # Each is a batch of its own.
        producer.flush(30)
    facts = compare(bootstrap, topic, monkeypatch)
    assert [len(value or b"") > FETCH_BYTES for _, _, _, value, _ in facts] == [True, False, False] * 4


@pytest.mark.kafka
@pytest.mark.parametrize("isolation", ["read_committed", "read_uncommitted"])
def test_transactions(bootstrap: str, monkeypatch: pytest.MonkeyPatch, isolation: str) -> None:
    topic = make_topic(bootstrap)
    for is_committed in (True, False, False, True):
        abort(bootstrap, topic, is_committed=is_committed)
        produce(bootstrap, topic, "zstd", 20, seed=3)
    facts = compare(bootstrap, topic, monkeypatch, isolation)
    n_aborted = sum((value or b"").startswith(b"aborted") for _, _, _, value, _ in facts)
    assert n_aborted == (0 if isolation == "read_committed" else 100)


@pytest.mark.kafka
def test_gaps_of_compaction(bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    n_each, n_keys = 400, 20
    topic = make_topic(
        bootstrap, **{"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01", "segment.ms": str(2 * n_each)}
    )
    producer = Producer({"bootstrap.servers": bootstrap, "compression.type": "lz4", "batch.num.messages": 37})
    rng = random.Random(4)
    for i in range(3 * n_each):
        # A segment is closed, and can be compacted, when a record is so much younger than its first: there are three of them, no more,
        # since every one of them is three files that a busy broker has to rewrite.
        timestamp_ms = 1_700_000_000_000 + i + i // n_each * 10**6
        producer.produce(topic, value=b"v" * rng.randrange(100), key=b"%d" % rng.randrange(n_keys), timestamp=timestamp_ms)
        if (i + 1) % n_each == 0:
            # A batch that holds records of two portions would open a segment too.
            producer.flush(60)
    end = end_of(bootstrap, topic)
    # Ends a broker that never compacts.
    deadline_secs = time.monotonic() + 120
    while (n := len(read_librdkafka(bootstrap, topic, "read_committed", end))) != n_keys + n_each:
        assert time.monotonic() < deadline_secs, f"the broker did not compact: {n} records"
        time.sleep(0.3)
    facts = compare(bootstrap, topic, monkeypatch)
    assert len(facts) == n_keys + n_each
    assert facts[n_keys][0] == 2 * n_each
