"""Reading all of a topic and then what comes, outside the consumer group."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import ConsumerStoppedError
from aiokafka.structs import TopicPartition

from pipeline.config.schema import BrokerSettings
from pipeline.service.cancellation import stop_client
from pipeline.service.kafka_settings import connection_arguments
from pipeline.service.standby import FollowedRecords

__all__ = ["TopicTail"]

# Whoever asks for the end waits behind a fetch.
_FETCH_WAIT_MS = 100
_POLL_MS = 1_000
_PARTITION_BYTES = 4 * 1024 * 1024


class TopicTail:
    """Every record of a topic, from its beginning on and without end, on one connection.

    Parameters
    ----------
    broker : BrokerSettings
        The cluster.
    topic : str
        The topic.
    n_partitions : int
        Its partitions.
    """

    def __init__(self, broker: BrokerSettings, topic: str, n_partitions: int) -> None:
        self._broker = broker
        self._partitions = [TopicPartition(topic, partition) for partition in range(n_partitions)]
        self._consumer: AIOKafkaConsumer | None = None

    async def follow(self) -> AsyncIterator[Mapping[int, FollowedRecords]]:
        """What comes, by partition; at the latest after a second, if only with positions.

        Raises
        ------
        KafkaError
            The broker refused or is away, or what would be next has been deleted.
        """
        consumer = AIOKafkaConsumer(
            **connection_arguments(self._broker),
            client_id="streamwarden-standby",
            group_id=None,
            enable_auto_commit=False,
            # A topic that was made anew, or deletions that overtook us: begin anew, rather than mix what was with what is.
            auto_offset_reset="none",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            max_partition_fetch_bytes=_PARTITION_BYTES,
        )
        try:
            await consumer.start()
            consumer.assign(self._partitions)
            for tp, offset in (await consumer.beginning_offsets(self._partitions)).items():
                consumer.seek(tp, offset)
            self._consumer = consumer
            while True:
                found = await consumer.getmany(timeout_ms=_POLL_MS)
                yield {tp.partition: FollowedRecords(found.get(tp, ()), await consumer.position(tp)) for tp in self._partitions}
        finally:
            self._consumer = None
            await stop_client(consumer)

    async def find_end(self, partition: int) -> int:
        """The offset after the last record of a partition.

        Raises
        ------
        KafkaError
            The broker refused or is away, or nothing is followed now.
        """
        if self._consumer is None:
            raise ConsumerStoppedError
        tp = self._partitions[partition]
        told = (await self._consumer.end_offsets([tp]))[tp]
        # The embedded broker answers with the first offset of the last batch; the last fetch tells right.
        return max(int(told), self._consumer.highwater(tp) or 0)
