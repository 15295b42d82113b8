"""Looking into partitions outside the consumer group: where they begin and end, what stands where, everything in them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import NamedTuple, Self

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition

from pipeline.config.schema import BrokerSettings
from pipeline.service.cancellation import stop_client
from pipeline.service.kafka_settings import connection_arguments

__all__ = ["Bounds", "PartitionReader"]

_FETCH_WAIT_MS = 100
_POLL_MS = 300
_LOOK_BACK_RECORDS = 200


class Bounds(NamedTuple):
    """First offset there is, and the one after the last."""

    first: int
    end: int


class PartitionReader:
    """Reads one partition at a time, on a connection of its own.

    Parameters
    ----------
    broker : BrokerSettings
        The cluster.
    isolation : str
        Kafka's isolation level.
    """

    def __init__(self, broker: BrokerSettings, isolation: str = "read_committed") -> None:
        self._consumer = AIOKafkaConsumer(
            **connection_arguments(broker),
            client_id="streamwarden-restore",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            max_partition_fetch_bytes=8 * 1024 * 1024,
            isolation_level=isolation,
        )

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await stop_client(self._consumer)

    async def bounds(self, topic: str, partition: int) -> Bounds:
        """Where the partition begins and ends.

        Raises
        ------
        KafkaError
            The broker refused or is away.
        """
        tp = self._assign(topic, partition)
        first = (await self._consumer.beginning_offsets([tp]))[tp]
        told = (await self._consumer.end_offsets([tp]))[tp]
        # The embedded broker answers the question for the end with the first offset of the last batch; a fetch tells right.  From
        # there on it may find nothing, and waits; from one before it mostly does not.
        self._consumer.seek(tp, max(told - 1, first))
        await self._consumer.getmany(tp, timeout_ms=_POLL_MS)
        return Bounds(first, max(told, self._consumer.highwater(tp) or 0))

    async def timestamp_before(self, topic: str, partition: int, offset: int, first: int) -> int | None:
        """Broker timestamp, ms, of the newest record among the last ones before `offset`; None when there is none.

        Raises
        ------
        KafkaError
            The broker refused or is away.
        """
        tp = self._assign(topic, partition)
        start = max(offset - _LOOK_BACK_RECORDS, first)
        newest: int | None = None
        async for records in self._read(tp, start, offset):
            for record in records:
                if record.offset < offset and (newest is None or record.timestamp > newest):
                    newest = record.timestamp
        return newest

    async def offset_at(self, topic: str, partition: int, timestamp_ms: int) -> int | None:
        """Offset of the first record at or after a broker timestamp; None when all are older.

        Raises
        ------
        KafkaError
            The broker refused or is away.
        """
        tp = TopicPartition(topic, partition)
        found = (await self._consumer.offsets_for_times({tp: max(timestamp_ms, 0)}))[tp]
        return None if found is None else int(found.offset)

    async def read_all(self, topic: str, partition: int) -> AsyncIterator[Sequence[ConsumerRecord]]:
        """Everything that stands in a partition now, oldest first.

        Raises
        ------
        KafkaError
            The broker refused or is away.
        """
        first, end = await self.bounds(topic, partition)
        async for records in self._read(TopicPartition(topic, partition), first, end):
            yield records

    async def read_range(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[Sequence[ConsumerRecord]]:
        """The records from offset `start` to `end` (not included), oldest first.

        Raises
        ------
        KafkaError
            The broker refused or is away.
        """
        async for records in self._read(self._assign(topic, partition), start, end):
            within = [record for record in records if record.offset < end]
            if within:
                yield within

    def _assign(self, topic: str, partition: int) -> TopicPartition:
        tp = TopicPartition(topic, partition)
        if tp not in self._consumer.assignment():
            self._consumer.assign([tp])
        return tp

    async def _read(self, tp: TopicPartition, start: int, end: int) -> AsyncIterator[Sequence[ConsumerRecord]]:
        self._consumer.seek(tp, start)
        # The position, not the last record, tells how far reading is: what is compacted or aborted never arrives.
        while await self._consumer.position(tp) < end:
            records = (await self._consumer.getmany(tp, timeout_ms=_POLL_MS)).get(tp, [])
            if records:
                yield records
            await asyncio.sleep(0)
