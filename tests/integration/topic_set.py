"""The topics of one test: made, written and read through librdkafka, a client that is none of ours."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

OUTPUTS: dict[str, dict[str, str]] = {
    "anomalies": {},
    "checked": {},
    "verdicts": {},
    "incidents": {"cleanup.policy": "compact"},
    "alerts": {},
    "dead_letters": {"max.message.bytes": "4194304"},
    "checkpoints": {"cleanup.policy": "compact"},
}


@dataclass(frozen=True)
class Row:
    """A record to be written."""

    value: bytes | None
    key: bytes | None = None
    timestamp_ms: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int = -1


@dataclass(frozen=True)
class Read:
    """A record as read."""

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    def header(self, name: str) -> bytes:
        """The last header of a name."""
        return [value for found, value in self.headers if found == name][-1]


class TopicSet:
    """Topics with a prefix of their own, and the configuration that names them."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.folder = folder
        self._admin = AdminClient({"bootstrap.servers": bootstrap})
        self.config: dict[str, Any] = {
            "version": 1,
            "broker": {
                "bootstrap": bootstrap,
                "session_timeout_secs": 4.0,
                "heartbeat_interval_secs": 0.4,
                "rebalance_timeout_secs": 10.0,
            },
            "worker": {"group": f"{prefix}-group", "web_port": 0, "commit_interval_secs": 0.3},
            "topics": [],
            "outputs": {
                name: {"name": self.name(name), "partitions": 2, "config": settings} for name, settings in OUTPUTS.items()
            },
            "detectors": [
                {
                    "name": "all",
                    "model": {"type": "gaussian_scorer"},
                    "threshold": {"type": "tail", "probability": 1e-4, "min_samples": 50},
                    "category": "application",
                }
            ],
        }

    def name(self, topic: str) -> str:
        """Full name of a topic."""
        return f"{self.prefix}-{topic.replace('_', '-')}"

    def add_source(self, topic: str, partitions: int = 2, record_format: str = "metric_json", **settings: Any) -> str:
        """One more source topic; its full name."""
        kind = "logs" if record_format in ("log_json", "fluentd_json") else "metrics"
        self.config["topics"].append(
            {"name": self.name(topic), "kind": kind, "format": record_format, "partitions": partitions, **settings}
        )
        return self.name(topic)

    def create(self, n_replicas: int = 1, node_by_output: dict[str, int] | None = None) -> Path:
        """Make the topics on the broker and write the configuration; its path.  Some outputs can be put on one broker alone."""
        # Made records carry made times: the broker must not take them for old.
        kept = {"retention.ms": "-1"}
        new = [NewTopic(topic["name"], topic["partitions"], n_replicas, config=kept) for topic in self.config["topics"]]
        for name, topic in self.config["outputs"].items():
            node = (node_by_output or {}).get(name)
            where: dict[str, Any] = (
                {"replication_factor": n_replicas} if node is None else {"replica_assignment": [[node]] * topic["partitions"]}
            )
            new.append(NewTopic(topic["name"], topic["partitions"], config=topic["config"], **where))
        for future in self._admin.create_topics(new).values():
            future.result(20)
        return self.write_config()

    def beside(self, suffix: str, **worker: Any) -> TopicSet:
        """The same source topics for another group, with outputs of its own."""
        other = TopicSet(self.bootstrap, f"{self.prefix}{suffix}", self.folder)
        other.config["topics"] = self.config["topics"]
        other.config["detectors"] = self.config["detectors"]
        other.config["worker"].update(worker)
        new = [
            NewTopic(topic["name"], topic["partitions"], 1, config=topic["config"]) for topic in other.config["outputs"].values()
        ]
        for future in self._admin.create_topics(new).values():
            future.result(20)
        return other

    def write_config(self, file: str = "topics.yaml") -> Path:
        path = self.folder / file
        path.write_text(yaml.safe_dump(self.config))
        return path

    def produce(self, topic: str, rows: Iterable[Row], **settings: Any) -> None:
        """Write records, acknowledged."""
        producer = Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "linger.ms": 5,
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "message.max.bytes": 4_000_000,
                "queue.buffering.max.kbytes": 1_000_000,
                "queue.buffering.max.messages": 2_000_000,
                **settings,
            }
        )
        failures: list[Any] = []
        for row in rows:
            producer.produce(
                topic,
                row.value,
                key=row.key,
                partition=row.partition,
                timestamp=row.timestamp_ms or int(time.time() * 1000),
                headers=list(row.headers),
                on_delivery=lambda error, _: failures.append(error) if error else None,
            )
            producer.poll(0)
        assert producer.flush(150) == 0
        assert not failures, failures[:3]

    def read(self, topic: str, *, isolation: str = "read_committed") -> list[Read]:
        """Everything that stands in a topic now, partition by partition."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": f"{self.prefix}-reader",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": isolation,
                "fetch.wait.max.ms": 20,
                "fetch.message.max.bytes": 8_000_000,
            }
        )
        found: list[Read] = []
        try:
            for partition in sorted(consumer.list_topics(topic).topics[topic].partitions):
                consumer.assign([TopicPartition(topic, partition, 0)])
                while True:
                    message = consumer.poll(10)
                    if message is None:
                        raise AssertionError(f"{topic}/{partition}: nothing came within 10 s")
                    if message.error() is not None:
                        break
                    headers = tuple(message.headers() or ())
                    found.append(
                        Read(partition, message.offset(), message.timestamp()[1], message.key(), message.value(), headers)
                    )
        finally:
            consumer.close()
        return found

    def output(self, name: str) -> list[Read]:
        """Everything in one of the output topics."""
        return self.read(self.name(name))

    def topics_on_broker(self) -> set[str]:
        """Names of all topics but the broker's own."""
        return {name for name in self._admin.list_topics(timeout=10).topics if not name.startswith("__")}

    def delete(self) -> None:
        names: Sequence[str] = [name for name in self.topics_on_broker() if name.startswith(self.prefix)]
        if names:
            for future in self._admin.delete_topics(names).values():
                try:
                    future.result(20)
                except KafkaException as problem:
                    # Gone already, which is what is wanted: a list of topics may be older than a deletion.
                    if problem.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                        raise
