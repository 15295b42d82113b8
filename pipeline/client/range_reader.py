"""Reading one partition between two offsets."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, UnsupportedCodecError

from pipeline.client.connection import unreachable
from pipeline.client.topic_reader import TopicRecord
from pipeline.errors import BrokerError

__all__ = ["read_range"]

_POLL_MS = 500
_POLL_RECORDS = 5_000
_IDLE_SECS = 15.0
_BOOTSTRAP_TIMEOUT_MS = 10_000


def read_range(
    settings: Mapping[str, Any], topic: str, partition: int, start: int, stop: int, *, isolation: str
) -> Iterator[list[TopicRecord]]:
    """Records of a partition with offsets from `start` to `stop` (not included), a list for each fetch.

    Parameters
    ----------
    settings : mapping
        Connection settings of kafka-python.
    topic, partition
        Which.
    start, stop : int
        Offsets.  What retention or compaction has taken away is simply not there.
    isolation : {"read_committed", "read_uncommitted"}
        Whether records of aborted transactions are left out.

    Raises
    ------
    BrokerError
        The broker cannot be reached, or records that are there do not arrive (``BROKER_SILENT``).
    """
    where = ",".join(settings["bootstrap_servers"])
    try:
        consumer: Any = KafkaConsumer(
            **settings,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level=isolation,
            max_poll_records=_POLL_RECORDS,
            bootstrap_timeout_ms=_BOOTSTRAP_TIMEOUT_MS,
        )
    except KafkaError as error:
        raise unreachable(where, error) from error
    try:
        one = TopicPartition(topic, partition)
        consumer.assign([one])
        consumer.seek(one, start)
        heard_secs = time.monotonic()
        position = start
        while position < stop:
            rows = consumer.poll(timeout_ms=_POLL_MS).get(one, [])
            records = [
                TopicRecord(topic, partition, row.offset, row.timestamp, row.key, row.value, tuple(row.headers or ()))
                for row in rows
                if row.offset < stop
            ]
            if records:
                yield records
            now_secs = time.monotonic()
            before, position = position, max(consumer.position(one), rows[-1].offset + 1 if rows else 0)
            heard_secs = now_secs if position > before else heard_secs
            if now_secs - heard_secs > _IDLE_SECS:
                raise BrokerError(
                    f"{where}: {topic}/{partition} gave nothing from offset {position} on for {_IDLE_SECS:.0f} s, expected records up "
                    f"to {stop}; check the broker, or a transaction that is left open",
                    code="BROKER_SILENT",
                )
    except UnsupportedCodecError as error:
        raise BrokerError(f"{where}: {error}", code="CODEC_MISSING") from error
    except KafkaError as error:
        raise unreachable(where, error) from error
    finally:
        consumer.close()
