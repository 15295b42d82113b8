"""Publishing: every message acknowledged by all replicas, in order per partition, however long it takes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnknownError,
)

from pipeline.codecs.record import HeaderList
from pipeline.config.schema import BrokerSettings
from pipeline.errors import BrokerError
from pipeline.service.kafka_settings import connection_arguments
from pipeline.telemetry.events import Telemetry

__all__ = ["Message", "Publisher"]

_FIRST_BACKOFF_SECS = 0.1
_LAST_BACKOFF_SECS = 5.0
_MAX_REQUEST_BYTES = 64 * 1024 * 1024
_REQUEST_TIMEOUT_MS = 20_000
_DENIED = (TopicAuthorizationFailedError, SaslAuthenticationFailed, InvalidTopicError)


@dataclass(frozen=True, slots=True)
class Message:
    """One message on its way out.

    Attributes
    ----------
    topic : str
        Where to.
    key, value : bytes or None
        As published.
    headers : sequence of (str, bytes or None)
        As published.
    partition : int or None
        None: chosen by the hash of the key, as Kafka's default partitioner does.
    timestamp_ms : int or None
        None: now.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: HeaderList = ()
    partition: int | None = None
    timestamp_ms: int | None = None


class Publisher:
    """An idempotent producer (where the broker gives out ids for that) that gives up only when told to.

    What holds: when `publish` returns, the broker has acknowledged every message; messages of one call that go to one partition
    stand there in their order (some of them may stand there twice when a connection broke: readers tell by id).

    Parameters
    ----------
    broker : BrokerSettings
        The cluster.
    telemetry : Telemetry
        Told of refusals.
    client_id : str
        Name in the broker's logs.
    compression : str or None
        How batches are packed; gzip is what every client can read without further packages.
    """

    def __init__(
        self,
        broker: BrokerSettings,
        telemetry: Telemetry,
        *,
        client_id: str = "streamwarden-worker",
        compression: str | None = "gzip",
    ) -> None:
        self._arguments: dict[str, Any] = {
            **connection_arguments(broker),
            "client_id": client_id,
            "acks": "all",
            "enable_idempotence": True,
            "compression_type": compression,
            "linger_ms": 2,
            "max_batch_size": 256 * 1024,
            "max_request_size": _MAX_REQUEST_BYTES,
            "request_timeout_ms": _REQUEST_TIMEOUT_MS,
        }
        self._telemetry = telemetry
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Connect.

        Raises
        ------
        KafkaError
            The cluster cannot be reached.
        """
        await self._connected()

    async def publish(self, messages: Sequence[Message]) -> None:
        """Publish and wait for the acknowledgements; tries for ever while the broker is away.

        Parameters
        ----------
        messages : sequence of Message
            In the order in which they are to stand in their partitions.

        Raises
        ------
        BrokerError
            The broker refuses for good: access is denied, a message is too large.
        asyncio.CancelledError
            The caller gave up: some of the messages may have been published.
        """
        pending = list(messages)
        backoff_secs = _FIRST_BACKOFF_SECS
        while pending:
            n_done, error = await self._attempt(pending)
            pending = pending[n_done:]
            if error is None:
                continue
            self._refuse(error, pending[0])
            if n_done:
                backoff_secs = _FIRST_BACKOFF_SECS
            self._telemetry.emit(
                "broker_unavailable", code=type(error).__name__, error=error, topic=pending[0].topic, n_waiting=len(pending)
            )
            await asyncio.sleep(backoff_secs)
            backoff_secs = min(backoff_secs * 2, _LAST_BACKOFF_SECS)

    async def close(self, timeout_secs: float = 3.0) -> None:
        """Let go of the connection; what is on its way gets a moment to arrive."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(KafkaError, TimeoutError):
                await asyncio.wait_for(producer.stop(), timeout_secs)

    async def _attempt(self, messages: Sequence[Message]) -> tuple[int, KafkaError | None]:
        """How many messages, from the first on, are acknowledged, and what stopped the next."""
        error: KafkaError | None = None
        futures: list[asyncio.Future[Any]] = []
        try:
            producer = await self._connected()
            for message in messages:
                future = await producer.send(
                    message.topic,
                    message.value,
                    key=message.key,
                    partition=message.partition,
                    timestamp_ms=message.timestamp_ms,
                    headers=list(message.headers),
                )
                futures.append(future)
        except KafkaError as caught:
            error = caught
        results = await asyncio.gather(*futures, return_exceptions=True)
        for n_done, result in enumerate(results):
            if isinstance(result, KafkaError):
                if not result.retriable:
                    # An idempotent producer that lost its sequence refuses everything from then on.
                    await self.close(timeout_secs=1.0)
                return n_done, result
            if isinstance(result, BaseException):
                raise result
        if error is not None and not error.retriable and not isinstance(error, MessageSizeTooLargeError):
            await self.close(timeout_secs=1.0)
        return len(results), error

    async def _connected(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                try:
                    self._producer = await self._started(self._arguments)
                except UnknownError as error:
                    # The embedded broker does not understand how aiokafka asks for a producer id.  Without one, order holds as well
                    # (one request at a time); a message whose acknowledgement got lost may stand twice, which readers tell by id.
                    self._telemetry.emit("producer_id_refused", code=type(error).__name__, error=error)
                    self._producer = await self._started({**self._arguments, "enable_idempotence": False})
            return self._producer

    @staticmethod
    async def _started(arguments: dict[str, Any]) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(**arguments)
        try:
            await producer.start()
        except BaseException:
            with contextlib.suppress(KafkaError):
                await producer.stop()
            raise
        return producer

    @staticmethod
    def _refuse(error: KafkaError, message: Message) -> None:
        if isinstance(error, _DENIED):
            raise BrokerError(
                f"topic {message.topic}: {error}; expected to be allowed to write there; grant it to the worker's user",
                code="BROKER_DENIED",
            ) from error
        if isinstance(error, MessageSizeTooLargeError):
            n_bytes = len(message.key or b"") + len(message.value or b"")
            raise BrokerError(
                f"topic {message.topic} refused a message of {n_bytes} bytes; set its max.message.bytes higher",
                code="MESSAGE_TOO_LARGE",
            ) from error
