"""What the checkpoints say the workers did."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from pipeline.client.connection import unreachable
from pipeline.client.range_reader import read_range
from pipeline.client.topic_reader import TopicRecord
from pipeline.config.schema import Config
from pipeline.engine.checkpoint import HEAD, decode_tree
from pipeline.errors import BrokerError, StateError
from pipeline.service.checkpoint_reads import CheckpointReads
from pipeline.service.checkpoint_store import CheckpointStore, CheckpointTopic
from pipeline.service.publisher import Message

__all__ = ["PartitionEnds", "StoredAccount", "find_ends", "read_stored_account"]


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """The account of one partition in its newest checkpoint.

    Attributes
    ----------
    first_offset, offset : int
        Records from the first (-1 = not known) to before the second are included.
    config_hash : str
        Configuration under which it was written.
    accounting : mapping
        `Accounting.to_dict`.
    """

    first_offset: int
    offset: int
    config_hash: str
    accounting: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PartitionEnds:
    """Offsets of the oldest record of each partition of a topic, and of the next to be written."""

    first: tuple[int, ...]
    next: tuple[int, ...]


def find_ends(settings: Mapping[str, Any], topic: str) -> PartitionEnds:
    """Where the partitions of a topic begin and end.

    Raises
    ------
    BrokerError
        The broker cannot be reached or the topic is not there (``TOPIC_MISSING``).
    """
    where = ",".join(settings["bootstrap_servers"])
    try:
        consumer: Any = KafkaConsumer(**settings, group_id=None, bootstrap_timeout_ms=10_000)
    except KafkaError as error:
        raise unreachable(where, error) from error
    try:
        numbers = consumer.partitions_for_topic(topic) if topic in consumer.topics() else None
        if not numbers:
            raise BrokerError(
                f"{where}: topic {topic!r} is not there; create the topics with `streamwarden topics apply`", code="TOPIC_MISSING"
            )
        partitions = [TopicPartition(topic, number) for number in sorted(numbers)]
        first, last = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
        return PartitionEnds(tuple(first[one] for one in partitions), tuple(last[one] for one in partitions))
    except KafkaError as error:
        raise unreachable(where, error) from error
    finally:
        consumer.close()


def read_stored_account(settings: Mapping[str, Any], config: Config, topic: str, partition: int) -> StoredAccount | None:
    """The newest checkpoint's account of a source partition; None when there is no checkpoint.

    Raises
    ------
    BrokerError
        The broker cannot be reached or the checkpoint topic is not there.
    StateError
        The checkpoint is damaged or of another release.
    """
    name = config.outputs.checkpoints.name
    ends = find_ends(settings, name)

    async def refuse(messages: Sequence[Message]) -> None:
        raise StateError(f"an audit writes nothing, expected no more: {len(messages)} messages", code="AUDIT")

    async def read(home: int) -> AsyncIterator[list[TopicRecord]]:
        for records in read_range(settings, name, home, ends.first[home], ends.next[home], isolation="read_committed"):
            yield records

    store = CheckpointStore(
        CheckpointTopic(name, len(ends.next), refuse, CheckpointReads(read)), config.worker.group, topic, partition, ""
    )
    found = asyncio.run(store.load())
    if found is None:
        return None
    head = decode_tree(found.blocks[HEAD])
    return StoredAccount(
        first_offset=int(head.get("first_offset", -1)),
        offset=found.manifest.offset,
        config_hash=found.manifest.config_hash,
        accounting=head["accounting"],
    )
