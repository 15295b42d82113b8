"""Where a source partition without a checkpoint is taken up again: a horizon before the committed offset."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.config.schema import Config
from pipeline.service.partition_reader import PartitionReader

__all__ = ["Restart", "find_restart"]

_MS_PER_SEC = 1_000


@dataclass(frozen=True, slots=True)
class Restart:
    """Where a source partition is taken up again.

    Attributes
    ----------
    read_from : int
        Offset to read from.
    emit_from : int
        Offset from which on anomalies and dead letters are published; before it, there is only learning.
    """

    read_from: int
    emit_from: int


async def find_restart(reader: PartitionReader, config: Config, topic: str, partition: int, committed: int | None) -> Restart:
    """Where to take up a partition whose lane has no durable state: a horizon before the committed offset.

    Parameters
    ----------
    reader : PartitionReader
        Looks into the partition.
    config : Config
        `worker.restart_horizon_secs`, `worker.start_at`.
    topic, partition
        Which.
    committed : int or None
        The group's offset.

    Raises
    ------
    KafkaError
        The broker refused or is away.
    """
    bounds = await reader.bounds(topic, partition)
    if committed is None:
        start = bounds.first if config.worker.start_at == "earliest" else bounds.end
        return Restart(start, start)
    if committed > bounds.end:
        # The topic was made anew: what is in it has not been seen.
        return Restart(bounds.first, bounds.first)
    if committed <= bounds.first:
        return Restart(bounds.first, bounds.first)
    newest_ms = await reader.timestamp_before(topic, partition, committed, bounds.first)
    if newest_ms is None:
        return Restart(committed, committed)
    horizon_ms = newest_ms - round(config.worker.restart_horizon_secs * _MS_PER_SEC)
    found = await reader.offset_at(topic, partition, horizon_ms)
    return Restart(committed if found is None else min(max(found, bounds.first), committed), committed)
