"""One source partition: bytes to anomalies through a lane, published before the offset counts as done."""

from __future__ import annotations

import time
from typing import Any

from pipeline.codecs.record import RecordBatch
from pipeline.config.schema import Config, SourceTopic
from pipeline.engine.anomaly import Anomaly
from pipeline.engine.dead_letter import DeadLetter
from pipeline.engine.lane_output import Coverage, LaneOutput
from pipeline.errors import PoisonError, StateError
from pipeline.failpoint import reach
from pipeline.service.durable_lane import DurableLane
from pipeline.service.lane_gauges import LaneGauges
from pipeline.service.publisher import Message, Publisher
from pipeline.telemetry.events import Telemetry

__all__ = ["SourceFlow"]


class SourceFlow:
    """A lane, fed and emptied.

    Parameters
    ----------
    config : Config
        The whole configuration.
    source : SourceTopic
        The topic.
    partition : int
        Its partition.
    durable : DurableLane
        The lane and what keeps its state.
    publisher : Publisher
        For anomalies and dead letters.
    telemetry : Telemetry
        Events and metrics.
    """

    def __init__(
        self,
        config: Config,
        source: SourceTopic,
        partition: int,
        durable: DurableLane,
        publisher: Publisher,
        telemetry: Telemetry,
    ) -> None:
        self._config = config
        self._source = source
        self._partition = partition
        self._durable = durable
        self._publisher = publisher
        self._telemetry = telemetry
        self._gauges = LaneGauges(telemetry.metrics, source.name, partition)
        self._place: dict[str, Any] = {"topic": source.name, "partition": partition}
        self._poison: dict[int, PoisonError] = {}
        self._emit_from = 0
        self._restored_at = 0
        self._is_restored = False
        self._is_relearning = False
        self._newest_ms = -1
        self._told_faults: set[tuple[str, str]] = set()

    @property
    def newest_ms(self) -> int:
        """Broker timestamp of the last record taken in, ms UTC; -1 = none yet."""
        return self._newest_ms

    @property
    def is_restored(self) -> bool:
        """Whether it is at the offset the group had committed."""
        return self._is_restored

    @property
    def may_commit(self) -> bool:
        """Whether there is a checkpoint."""
        return self._durable.may_commit

    async def restore(self, committed: int | None) -> int:
        """Take over the newest checkpoint, or find out where to begin.

        Raises
        ------
        KafkaError
            The broker refused or is away.
        StateError
            The state cannot be restored.
        """
        restart = await self._durable.restore(committed)
        lane = self._durable.lane
        self._gauges.begin(lane.accounting, lane.coverage.n_evicted_total)
        self._emit_from = restart.emit_from
        self._restored_at = max(restart.emit_from, committed or 0)
        self._is_restored = restart.read_from >= self._restored_at
        self._is_relearning = restart.read_from < restart.emit_from
        if committed is not None and restart.emit_from > committed:
            self._telemetry.emit("offset_out_of_range", **self._place, committed=committed, resumed_at=restart.emit_from)
        if self._is_relearning:
            self._telemetry.emit(
                "relearn_started",
                **self._place,
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
        self._newest_ms = int(batch.timestamp_ms[-1])
        if batch.next_offset >= self._restored_at:
            self._is_restored = True
        if self._is_relearning and batch.next_offset >= self._emit_from:
            self._is_relearning = False
            self._telemetry.emit("relearn_finished", **self._place, offset=self._emit_from)
        await self.tick()

    async def tick(self) -> None:
        """Between two batches: begin a checkpoint when it is due."""
        # What is being learned again has been told before: a checkpoint in the midst of it would be told from.
        if not self._is_relearning:
            self._durable.checkpoint_if_due()

    async def settle(self, *, is_last: bool) -> None:
        """Write what is not in a checkpoint yet, before a rebalance only where the next owner would lose more time without it.

        Raises
        ------
        BrokerError
            The broker refuses for good.
        """
        if not self._is_relearning:
            await self._durable.settle(is_last=is_last)

    def observe_coverage(self) -> Coverage:
        """How much of what is sent is watched; takes evictions over into the counters.  Costs a pass over the series."""
        coverage = self._durable.lane.coverage
        self._gauges.observe_evicted(coverage.n_evicted_total)
        return coverage

    def close(self) -> None:
        """Stop exporting what was exported of this partition."""
        self._durable.close()
        self._gauges.close()

    def _feed(self, batch: RecordBatch) -> LaneOutput:
        """Take a batch into the lane and count it."""
        started_secs, started_cpu_secs = time.perf_counter(), time.thread_time()
        output = self._take_in(batch)
        self._gauges.observe(
            self._durable.lane.accounting,
            secs=time.perf_counter() - started_secs,
            cpu_secs=time.thread_time() - started_cpu_secs,
        )
        self._tell_faults()
        return output

    def _tell_faults(self) -> None:
        """Count the faults of models, and tell of the first of each kind."""
        for detector, series, fault in self._durable.lane.take_faults():
            self._telemetry.metrics.count("model_faults_total", fault.n_samples, detector=detector, code=fault.code)
            if (detector, fault.code) not in self._told_faults:
                self._told_faults.add((detector, fault.code))
                self._telemetry.emit(
                    "model_failed", code=fault.code, **self._place, detector=detector, series=series, reason=fault.message[:300]
                )

    def _take_in(self, batch: RecordBatch) -> LaneOutput:
        """Hand a batch to the lane, but not the records that are known to be poison."""
        lane = self._durable.lane
        anomalies: list[Anomaly] = []
        letters: list[DeadLetter] = []
        start = 0
        poisoned = [row for row, offset in enumerate(batch.offset.tolist()) if offset in self._poison] if self._poison else []
        for row in [*poisoned, len(batch)]:
            if start < row:
                output = lane.process(batch.between(start, row), self._emit_from)
                anomalies += output.anomalies
                letters += output.dead_letters
            if row < len(batch):
                error = self._poison[int(batch.offset[row])]
                letters += lane.refuse(batch.between(row, row + 1), error, self._emit_from).dead_letters
            start = row + 1
        return LaneOutput(anomalies, letters)

    async def _isolate(self, batch: RecordBatch, error: Exception) -> None:
        """Find the records on which a stage raises, by halves, and go on as if they had never been there.

        What a lane has learned when a stage raised in it is uncertain, so it is built anew up to the batch from its checkpoint and the
        log, and each attempt begins from there.

        Raises
        ------
        StateError
            A record fails although no stage looks at it.
        """
        self._telemetry.emit(
            "batch_failed",
            code=type(error).__name__,
            error=error,
            **self._place,
            offset=int(batch.offset[0]),
            n_records=len(batch),
        )
        await self._durable.rebuild(int(batch.offset[0]), self._take_in)
        start = self._durable.lane.snapshot()
        done: list[RecordBatch] = []
        pieces = [batch]
        self._rewind(start, done)
        while pieces:
            piece = pieces.pop()
            try:
                output = self._feed(piece)
            except Exception as caught:  # noqa: BLE001 - whatever it is, the record that causes it is looked for
                pieces += self._suspect(piece, caught)
                self._rewind(start, done)
            else:
                await self._publish(output)
                done.append(piece)

    def _suspect(self, piece: RecordBatch, error: Exception) -> list[RecordBatch]:
        """What is to be tried after a piece failed, the first last: its halves, or the record that is poison."""
        if len(piece) > 1:
            half = len(piece) // 2
            return [piece.from_row(half), piece.between(0, half)]
        offset = int(piece.offset[0])
        if offset in self._poison:
            raise StateError(
                f"{self._source.name}/{self._partition}: the record at offset {offset} fails although no stage looks at it: "
                f"{type(error).__name__}: {error}; keep the log and report it",
                code="POISON_STAYS",
            ) from error
        self._poison[offset] = PoisonError(
            f"a stage failed on this record: {type(error).__name__}: {error}; it was left out; report it with the record"
        )
        return [piece]

    def _rewind(self, start: dict[str, Any], done: list[RecordBatch]) -> None:
        """A lane as it was after what is done, whose output is out."""
        self._durable.rewind(start)
        for piece in done:
            self._take_in(piece)
        lane = self._durable.lane
        self._gauges.begin(lane.accounting, lane.coverage.n_evicted_total)

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
                **self._place,
                n_records=len(letters),
                first_offset=first.offset,
                reason=first.message[:300],
            )
