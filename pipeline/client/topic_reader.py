"""Reading topics from a chosen place, with or without following what arrives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple, Self

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, UnsupportedCodecError

from pipeline.errors import BrokerError

__all__ = ["ReadStart", "TopicReader", "TopicRecord"]

_METADATA_TIMEOUT_MS = 15_000


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
        self._where = str(settings.get("bootstrap_servers"))
        try:
            self._consumer: Any = KafkaConsumer(
                **settings, group_id=None, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=200
            )
        except KafkaError as error:
            raise _unreachable(self._where, error) from error
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
            ends = self._consumer.end_offsets(partitions)
            begins = self._consumer.beginning_offsets(partitions)
            starts = begins
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
            raise _unreachable(self._where, error) from error

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
            raise _unreachable(self._where, error) from error
        records = []
        for partition, rows in fetched.items():
            self._next[partition] = rows[-1].offset + 1
            records += [
                TopicRecord(row.topic, row.partition, row.offset, row.timestamp, row.key, row.value, tuple(row.headers or ()))
                for row in rows
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
        n_idle = 0
        while self.n_ahead > 0:
            records = self.poll(1.0)
            # Compacted or aborted records at the end of a partition never arrive: the position tells.
            for one in self._partitions:
                self._next[one] = max(self._next[one], self._consumer.position(one))
            n_idle = 0 if records else n_idle + 1
            if n_idle > _METADATA_TIMEOUT_MS // 1_000:
                raise BrokerError(
                    f"{self._where}: {self.n_ahead} records are there but do not arrive; check the broker", code="BROKER_SILENT"
                )
            yield from records

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _unreachable(where: str, error: Exception) -> BrokerError:
    return BrokerError(
        f"{where}: {str(error) or type(error).__name__}; expected a Kafka broker; start one, or name it with --broker host:port",
        code="BROKER_UNREACHABLE",
    )
