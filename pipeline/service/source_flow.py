"""One source partition: bytes to anomalies through a lane, published before the offset counts as done."""

from __future__ import annotations

import time
from dataclasses import dataclass

from pipeline.codecs.record import RecordBatch
from pipeline.config.schema import Config, SourceTopic
from pipeline.engine.anomaly import Anomaly
from pipeline.engine.dead_letter import DeadLetter
from pipeline.engine.lane import Coverage, Lane
from pipeline.failpoint import reach
from pipeline.service.lane_gauges import LaneGauges
from pipeline.service.partition_reader import PartitionReader
from pipeline.service.publisher import Message, Publisher
from pipeline.telemetry.events import Telemetry

__all__ = ["Restart", "SourceFlow", "find_restart"]

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


class SourceFlow:
    """A lane, fed and emptied.

    Parameters
    ----------
    config : Config
        The whole configuration.
    config_hash : str
        Written into anomalies.
    source : SourceTopic
        The topic.
    partition : int
        Its partition.
    publisher : Publisher
        For anomalies and dead letters.
    telemetry : Telemetry
        Events and metrics.
    """

    def __init__(
        self,
        config: Config,
        config_hash: str,
        source: SourceTopic,
        partition: int,
        publisher: Publisher,
        telemetry: Telemetry,
    ) -> None:
        self._config = config
        self._source = source
        self._partition = partition
        self._publisher = publisher
        self._telemetry = telemetry
        self._lane = Lane(config, source, partition, config_hash=config_hash)
        self._gauges = LaneGauges(telemetry.metrics, source.name, partition)
        self._emit_from = 0
        self._is_restored = False

    @property
    def is_restored(self) -> bool:
        """Whether it has learned what it is to learn again."""
        return self._is_restored

    async def restore(self, committed: int | None) -> int:
        """Find out where to begin; a lane without durable state learns again from the restart horizon.

        Raises
        ------
        KafkaError
            The broker refused or is away.
        """
        topic, partition = self._source.name, self._partition
        async with PartitionReader(self._config.broker, self._config.worker.isolation) as reader:
            restart = await find_restart(reader, self._config, topic, partition, committed)
        if committed is not None and restart.emit_from != committed:
            self._telemetry.emit(
                "offset_out_of_range", topic=topic, partition=partition, committed=committed, resumed_at=restart.emit_from
            )
        self._emit_from = restart.emit_from
        self._is_restored = restart.read_from >= restart.emit_from
        if not self._is_restored:
            self._telemetry.emit(
                "relearn_started",
                topic=topic,
                partition=partition,
                from_offset=restart.read_from,
                emit_from_offset=restart.emit_from,
                horizon_secs=self._config.worker.restart_horizon_secs,
            )
        return restart.read_from

    async def process(self, batch: RecordBatch) -> None:
        """Score a batch and publish what comes of it.

        Raises
        ------
        StateError
            The lane's state is uncertain.
        BrokerError
            The broker refuses for good.
        """
        started_secs, started_cpu_secs = time.perf_counter(), time.thread_time()
        output = self._lane.process(batch, emit_from_offset=self._emit_from)
        self._gauges.observe(self._lane, secs=time.perf_counter() - started_secs, cpu_secs=time.thread_time() - started_cpu_secs)
        await self._publish(output.anomalies, output.dead_letters)
        if not self._is_restored and batch.next_offset >= self._emit_from:
            self._is_restored = True
            self._telemetry.emit("relearn_finished", topic=self._source.name, partition=self._partition, offset=self._emit_from)

    def observe_coverage(self) -> Coverage:
        """How much of what is sent is watched; takes evictions over into the counters.  Costs a pass over the series."""
        coverage = self._lane.coverage
        self._gauges.observe_evicted(coverage.n_evicted_total)
        return coverage

    def close(self) -> None:
        """Stop exporting what was exported of this partition."""
        self._gauges.close()

    async def _publish(self, anomalies: list[Anomaly], letters: list[DeadLetter]) -> None:
        outputs, metrics = self._config.outputs, self._telemetry.metrics
        messages = [Message(outputs.anomalies.name, anomaly.series.hex.encode(), anomaly.to_json()) for anomaly in anomalies]
        messages += [Message(outputs.dead_letters.name, letter.key, letter.value, letter.to_headers()) for letter in letters]
        if not messages:
            return
        reach("before_publish")
        await self._publisher.publish(messages)
        reach("after_publish")
        for anomaly in anomalies:
            metrics.count("anomalies_total", detector=anomaly.detector, kind=anomaly.kind, phase=anomaly.phase)
        for letter in letters:
            metrics.count("dead_letters_total", topic=letter.topic, stage=letter.stage, code=letter.code)
        if letters:
            first = letters[0]
            self._telemetry.emit(
                "records_dead_lettered",
                code=first.code,
                topic=first.topic,
                partition=first.partition,
                n_records=len(letters),
                first_offset=first.offset,
                reason=first.message[:300],
            )
