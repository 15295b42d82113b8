"""Reading topics from a chosen place, with or without following what arrives."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple, Self

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, UnsupportedCodecError

from pipeline.client.connection import unreachable
from pipeline.errors import BrokerError

__all__ = ["ReadStart", "TopicReader", "TopicRecord"]

_BOOTSTRAP_TIMEOUT_MS = 10_000
_FETCH_WAIT_MS = 200
_POLL_RECORDS = 5_000
_IDLE_SECS = 15.0
_ENDS_SECS = 3.0


class TopicRecord(NamedTuple):
    """One record as read.

    Attributes
    ----------
    topic, partition, offset
        Where it stands.
    timestamp_ms : int
        Broker timestamp, ms UTC.
    key, value : bytes or None
        As stored.
    headers : tuple of (str, bytes)
        As stored.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class ReadStart:
    """Where reading begins.

    Attributes
    ----------
    timestamp_ms : int or None
        The first record at or after this broker timestamp; 0 = the oldest there is; None = only what arrives from now on.
    """

    timestamp_ms: int | None = 0


class TopicReader:
    """Reads every partition of some topics, in offset order within each.

    Parameters
    ----------
    settings : mapping
        Connection settings of kafka-python.
    topics : sequence of str
        Topics; all must exist.
    start : ReadStart
        Where to begin.

    Raises
    ------
    BrokerError
        The broker cannot be reached (``BROKER_UNREACHABLE``) or a topic is not there (``TOPIC_MISSING``).
    """

    def __init__(self, settings: dict[str, Any], topics: Sequence[str], start: ReadStart) -> None:
        self._where = ",".join(settings["bootstrap_servers"])
        self._first_timestamp_ms = start.timestamp_ms or 0
        try:
            self._consumer: Any = KafkaConsumer(
                **settings,
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=_FETCH_WAIT_MS,
                max_poll_records=_POLL_RECORDS,
                bootstrap_timeout_ms=_BOOTSTRAP_TIMEOUT_MS,
            )
        except KafkaError as error:
            raise unreachable(self._where, error) from error
        try:
            self._seek(topics, start)
        except BaseException:
            self._consumer.close()
            raise

    def _seek(self, topics: Sequence[str], start: ReadStart) -> None:
        try:
            partitions = []
            known = self._consumer.topics()
            for topic in topics:
                numbers = self._consumer.partitions_for_topic(topic) if topic in known else None
                if not numbers:
                    raise BrokerError(
                        f"{self._where}: topic {topic!r} is not there; create the topics with `streamwarden topics apply`",
                        code="TOPIC_MISSING",
                    )
                partitions += [TopicPartition(topic, number) for number in sorted(numbers)]
            self._partitions = partitions
            self._consumer.assign(partitions)
            ends = self._find_ends(partitions)
            starts = self._consumer.beginning_offsets(partitions)
            if start.timestamp_ms is None:
                starts = ends
            elif start.timestamp_ms > 0:
                found = self._consumer.offsets_for_times(dict.fromkeys(partitions, start.timestamp_ms))
                starts = {one: ends[one] if found.get(one) is None else found[one].offset for one in partitions}
            for one in partitions:
                self._consumer.seek(one, starts[one])
            self._ends: dict[Any, int] = ends
            self._next: dict[Any, int] = dict(starts)
        except KafkaError as error:
            raise unreachable(self._where, error) from error

    def _find_ends(self, partitions: Sequence[Any]) -> dict[Any, int]:
        # Tansu answers the question for the end with the first offset of the last batch; what a fetch says of it is right.
        told = dict(self._consumer.end_offsets(partitions))
        for one in partitions:
            self._consumer.seek(one, told[one])
        deadline_secs = time.monotonic() + _ENDS_SECS
        while any(self._consumer.highwater(one) is None for one in partitions) and time.monotonic() < deadline_secs:
            self._consumer.poll(timeout_ms=_FETCH_WAIT_MS)
        return {one: max(told[one], self._consumer.highwater(one) or 0) for one in partitions}

    @property
    def n_ahead(self) -> int:
        """Records that were there when reading began and are not read yet (an upper bound: compaction leaves gaps)."""
        return sum(max(self._ends[one] - self._next[one], 0) for one in self._partitions)

    def poll(self, timeout_secs: float = 0.5) -> list[TopicRecord]:
        """What has arrived, in broker timestamp order across partitions; waits at most `timeout_secs`.

        Raises
        ------
        BrokerError
            Reading failed, or the topic is packed with a codec that is not installed (``CODEC_MISSING``).
        """
        try:
            fetched = self._consumer.poll(timeout_ms=round(timeout_secs * 1_000))
        except UnsupportedCodecError as error:
            raise BrokerError(
                f"{self._where}: {error}; expected records packed with gzip or not at all; install the codec "
                "(pip install lz4 python-snappy zstandard) or set the topic's compression.type to gzip",
                code="CODEC_MISSING",
            ) from error
        except KafkaError as error:
            raise unreachable(self._where, error) from error
        records = []
        for partition, rows in fetched.items():
            self._next[partition] = rows[-1].offset + 1
            # A search by time may answer with the first offset of a batch: what is older is left out here.
            records += [
                TopicRecord(row.topic, row.partition, row.offset, row.timestamp, row.key, row.value, tuple(row.headers or ()))
                for row in rows
                if row.timestamp >= self._first_timestamp_ms
            ]
        records.sort(key=lambda record: record.timestamp_ms)
        return records

    def read_existing(self) -> Iterator[TopicRecord]:
        """Everything that was there when reading began; then stops.

        Raises
        ------
        BrokerError
            See `poll`.
        """
        heard_secs = time.monotonic()
        while self.n_ahead > 0:
            n_ahead = self.n_ahead
            yield from self.poll(1.0)
            # Compacted or aborted records at the end of a partition never arrive: the position tells.
            for one in self._partitions:
                self._next[one] = max(self._next[one], self._consumer.position(one))
            now_secs = time.monotonic()
            heard_secs = now_secs if self.n_ahead < n_ahead else heard_secs
            if now_secs - heard_secs > _IDLE_SECS:
                raise BrokerError(
                    f"{self._where}: {self.n_ahead} records are there but do not arrive; check the broker", code="BROKER_SILENT"
                )

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
