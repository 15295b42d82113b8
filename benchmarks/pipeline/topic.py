"""A topic filled with a workload."""

from __future__ import annotations

import time
from collections.abc import Iterable

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.pipeline.workload import Message, Workload

_BATCH_BYTES = 65_536


def create_topics(bootstrap: str, topics: Iterable[NewTopic]) -> None:
    """Create topics."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for made in admin.create_topics(list(topics)).values():
        made.result(30)


def delete_topics(bootstrap: str, names: list[str]) -> None:
    """Delete topics."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for gone in admin.delete_topics(names).values():
        gone.result(30)


def delete_prefixed_topics(bootstrap: str, prefix: str) -> None:
    """Delete every topic whose name begins so."""
    names = AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=30).topics
    delete_topics(bootstrap, [name for name in names if name.startswith(prefix)])


def count_partitions(bootstrap: str, topic: str) -> int:
    """Partitions of a topic."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    return len(admin.list_topics(topic, 30).topics[topic].partitions)


def fill(bootstrap: str, topic: str, workload: Workload, n: int) -> float:
    """Create a topic and write the first `n` messages into it, in record batches of up to 64 KiB; seconds taken."""
    create_topics(bootstrap, [NewTopic(topic, num_partitions=workload.n_partitions, replication_factor=1)])
    return send(bootstrap, topic, workload, workload.messages(n))


def send(bootstrap: str, topic: str, workload: Workload, messages: Iterable[Message]) -> float:
    """Write messages into a topic as the workload would have them compressed; seconds taken."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "compression.type": workload.compression,
            "linger.ms": 50,
            "batch.size": _BATCH_BYTES,
            "queue.buffering.max.messages": 500_000,
            "enable.idempotence": True,
        }
    )
    started_secs = time.perf_counter()
    for i, (key, value, timestamp_ms) in enumerate(messages):
        while True:
            try:
                producer.produce(topic, value=value, key=key, timestamp=timestamp_ms)
                break
            except BufferError:
                producer.poll(0.05)
        if i % 10_000 == 0:
            producer.poll(0)
    left = producer.flush(120)
    if left:
        raise RuntimeError(f"{left} messages could not be written to {topic}")
    return time.perf_counter() - started_secs
