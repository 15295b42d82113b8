"""Writing records in order, each acknowledged by all replicas, none twice."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError

from pipeline.client.connection import unreachable
from pipeline.errors import BrokerError
from pipeline.history import HistoryRecord, partition_of

__all__ = ["RecordWriter"]

_BATCH_BYTES = 256 * 1024
_LINGER_MS = 20
_BOOTSTRAP_TIMEOUT_MS = 10_000


class RecordWriter:
    """An idempotent, acknowledged producer that puts keyed records where Kafka's default partitioner would.

    Parameters
    ----------
    settings : mapping
        Connection settings of kafka-python.

    Attributes
    ----------
    n_sent, n_acknowledged : int
        Records handed over, and records the broker has acknowledged.

    Raises
    ------
    BrokerError
        The broker cannot be reached (``BROKER_UNREACHABLE``).
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self._where = ",".join(settings["bootstrap_servers"])
        self.n_sent = 0
        self.n_acknowledged = 0
        self._failure: Exception | None = None
        self._n_partitions: dict[str, int] = {}
        try:
            self._producer: Any = KafkaProducer(
                **settings,
                acks="all",
                enable_idempotence=True,
                compression_type="gzip",
                batch_size=_BATCH_BYTES,
                linger_ms=_LINGER_MS,
                allow_auto_create_topics=False,
                bootstrap_timeout_ms=_BOOTSTRAP_TIMEOUT_MS,
            )
        except KafkaError as error:
            raise unreachable(self._where, error) from error

    def n_partitions(self, topic: str) -> int:
        """Partitions of a topic.

        Raises
        ------
        BrokerError
            It is not there (``TOPIC_MISSING``).
        """
        if topic not in self._n_partitions:
            try:
                numbers = self._producer.partitions_for(topic)
            except KafkaError as error:
                raise BrokerError(
                    f"{self._where}: topic {topic!r} is not there; create the topics with `streamwarden topics apply`",
                    code="TOPIC_MISSING",
                ) from error
            self._n_partitions[topic] = len(numbers)
        return self._n_partitions[topic]

    def write(self, topic: str, record: HistoryRecord) -> None:
        """Hand one record over.

        Raises
        ------
        BrokerError
            The broker refused it or an earlier one.
        """
        if self._failure is not None:
            raise self._failed(self._failure) from self._failure
        partition = partition_of(record.key, self.n_partitions(topic))
        try:
            future = self._producer.send(
                topic, value=record.value, key=record.key, partition=partition, timestamp_ms=record.timestamp_ms
            )
        except KafkaError as error:
            raise self._failed(error) from error
        self.n_sent += 1
        future.add_callback(self._acknowledge)
        future.add_errback(self._fail)

    def flush(self) -> None:
        """Wait until the broker has acknowledged everything.

        Raises
        ------
        BrokerError
            It has not.
        """
        try:
            self._producer.flush(timeout=60)
        except KafkaError as error:
            raise self._failed(error) from error
        if self._failure is not None:
            raise self._failed(self._failure) from self._failure

    def close(self) -> None:
        """Let go of the connection; what is on its way gets a moment to arrive."""
        self._producer.close(timeout=5)

    def _acknowledge(self, _: object) -> None:
        self.n_acknowledged += 1

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error

    def _failed(self, error: Exception) -> BrokerError:
        return BrokerError(
            f"{self._where}: {str(error) or type(error).__name__}; {self.n_acknowledged} of {self.n_sent} records were "
            "acknowledged; check the broker, then replay again (into an empty topic when every record must be there once)",
            code="BROKER_WRITE",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
