"""One source partition: bytes to anomalies through a lane, published before the offset counts as done."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from aiokafka.errors import KafkaError

from pipeline.codecs.record import RecordBatch
from pipeline.config.schema import Config, SourceTopic
from pipeline.engine.anomaly import Anomaly
from pipeline.engine.dead_letter import DeadLetter
from pipeline.engine.lane import Coverage, Lane, LaneOutput
from pipeline.errors import PoisonError, StateError
from pipeline.failpoint import reach
from pipeline.service.lane_gauges import LaneGauges
from pipeline.service.partition_reader import PartitionReader
from pipeline.service.publisher import Message, Publisher
from pipeline.service.record_columns import to_columns
from pipeline.telemetry.events import Telemetry

__all__ = ["Restart", "SourceFlow", "find_restart"]

_MS_PER_SEC = 1_000
_RETRY_SECS = 0.5


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
        self._hash = config_hash
        self._lane = Lane(config, source, partition, config_hash=config_hash)
        self._poison: dict[int, PoisonError] = {}
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
        try:
            output = self._feed(batch)
        except Exception as error:  # noqa: BLE001 - the edge of the batch: one record must not cost the others
            await self._isolate(batch, error)
        else:
            await self._publish(output)
        if not self._is_restored and batch.next_offset >= self._emit_from:
            self._is_restored = True
            self._telemetry.emit("relearn_finished", topic=self._source.name, partition=self._partition, offset=self._emit_from)

    def _feed(self, batch: RecordBatch) -> LaneOutput:
        """Hand a batch to the lane, but not the records that are known to be poison."""
        started_secs, started_cpu_secs = time.perf_counter(), time.thread_time()
        anomalies: list[Anomaly] = []
        letters: list[DeadLetter] = []
        start = 0
        poisoned = [row for row, offset in enumerate(batch.offset.tolist()) if offset in self._poison] if self._poison else []
        for row in [*poisoned, len(batch)]:
            if start < row:
                output = self._lane.process(batch.between(start, row), self._emit_from)
                anomalies += output.anomalies
                letters += output.dead_letters
            if row < len(batch):
                error = self._poison[int(batch.offset[row])]
                letters += self._lane.refuse(batch.between(row, row + 1), error, self._emit_from).dead_letters
            start = row + 1
        self._gauges.observe(self._lane, secs=time.perf_counter() - started_secs, cpu_secs=time.thread_time() - started_cpu_secs)
        return LaneOutput(anomalies, letters)

    async def _isolate(self, batch: RecordBatch, error: Exception) -> None:
        """Find the records on which a stage raises, by halves, and go on as if they had never been there.

        What a lane has learned when a stage raised in it is uncertain, so each attempt begins with a lane that was built anew up to
        where the attempt begins.

        Raises
        ------
        StateError
            A record fails although no stage looks at it.
        """
        place = {"topic": self._source.name, "partition": self._partition}
        self._telemetry.emit(
            "batch_failed", code=type(error).__name__, error=error, **place, offset=int(batch.offset[0]), n_records=len(batch)
        )
        pieces = [batch]
        await self._rebuild(int(batch.offset[0]))
        while pieces:
            piece = pieces.pop()
            first = int(piece.offset[0])
            try:
                output = self._feed(piece)
            except Exception as caught:
                if len(piece) > 1:
                    half = len(piece) // 2
                    pieces += [piece.from_row(half), piece.between(0, half)]
                elif first in self._poison:
                    raise StateError(
                        f"{self._source.name}/{self._partition}: the record at offset {first} fails although no stage looks at it: "
                        f"{type(caught).__name__}: {caught}; keep the log and report it",
                        code="POISON_STAYS",
                    ) from caught
                else:
                    self._poison[first] = PoisonError(
                        f"a stage failed on this record: {type(caught).__name__}: {caught}; it was left out; report it with the record"
                    )
                    pieces.append(piece)
                await self._rebuild(first)
            else:
                await self._publish(output)

    async def _rebuild(self, until: int) -> None:
        """A new lane, which has learned what the old one had before offset `until`."""
        emit_from, self._emit_from = self._emit_from, until
        try:
            while True:
                try:
                    await self._learn_again(until)
                    return
                except KafkaError as error:
                    self._telemetry.emit("broker_unavailable", code=type(error).__name__, error=error)
                    await asyncio.sleep(_RETRY_SECS)
        finally:
            self._emit_from = emit_from

    async def _learn_again(self, until: int) -> None:
        topic, partition = self._source.name, self._partition
        self._lane = Lane(self._config, self._source, partition, config_hash=self._hash)
        self._gauges.restart()
        async with PartitionReader(self._config.broker, self._config.worker.isolation) as reader:
            restart = await find_restart(reader, self._config, topic, partition, until)
            async for records in reader.read_range(topic, partition, restart.read_from, until):
                self._feed(to_columns(topic, partition, records, records[-1].offset + 1))

    def observe_coverage(self) -> Coverage:
        """How much of what is sent is watched; takes evictions over into the counters.  Costs a pass over the series."""
        coverage = self._lane.coverage
        self._gauges.observe_evicted(coverage.n_evicted_total)
        return coverage

    def close(self) -> None:
        """Stop exporting what was exported of this partition."""
        self._gauges.close()

    async def _publish(self, output: LaneOutput) -> None:
        anomalies, letters = output
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
