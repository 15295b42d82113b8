"""One partition of ``anomalies``: a second opinion about each, on to ``anomalies-checked``."""

from __future__ import annotations

from pipeline.alerts.grouping import incident_group
from pipeline.alerts.severity import Severity, grade_anomaly
from pipeline.clock import Clock
from pipeline.codecs.record import RecordBatch
from pipeline.config.schema import Config
from pipeline.crosscheck.base import CheckedAnomaly
from pipeline.crosscheck.pending import PendingChecks
from pipeline.crosscheck.stage import CrosscheckStage
from pipeline.engine.anomaly import Anomaly
from pipeline.errors import StreamwardenError
from pipeline.failpoint import reach
from pipeline.service.partition_reader import PartitionReader
from pipeline.service.publisher import Message, Publisher
from pipeline.service.verdict_ledger import PartitionLedger
from pipeline.telemetry.events import Telemetry

__all__ = ["CrosscheckFlow", "resume_offset"]

_MAX_SEEN = 50_000


async def resume_offset(config: Config, topic: str, partition: int, committed: int | None) -> int:
    """Where an internal topic is taken up: at the committed offset, or at its beginning where nothing usable is committed.

    Raises
    ------
    KafkaError
        The broker refused or is away.
    """
    async with PartitionReader(config.broker) as reader:
        first, end = await reader.bounds(topic, partition)
    return first if committed is None or not first <= committed <= end else committed


class CrosscheckFlow:
    """Feeds the cross-check stage, which all partitions of the worker share.

    Parameters
    ----------
    config : Config
        The whole configuration.
    partition : int
        Partition of the topic of anomalies.
    stage : CrosscheckStage
        Asks the provider.
    publisher : Publisher
        For checked anomalies and verdicts.
    clock : Clock
        The wall clock.
    telemetry : Telemetry
        Told of messages that cannot be read.
    """

    may_commit = True

    def __init__(
        self,
        config: Config,
        partition: int,
        stage: CrosscheckStage,
        publisher: Publisher,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._config = config
        self._partition = partition
        self._stage = stage
        self._publisher = publisher
        self._clock = clock
        self._telemetry = telemetry
        self._ledger = PartitionLedger(config, partition, publisher, clock, telemetry)
        self._pending = PendingChecks()
        self._seen: dict[str, None] = {}
        self._is_restored = False

    @property
    def is_restored(self) -> bool:
        """Whether the verdicts given before have been read."""
        return self._is_restored

    @property
    def n_pending(self) -> int:
        """Cross-checks under way."""
        return len(self._pending)

    async def restore(self, committed: int | None) -> int:
        """Read the verdicts that were given about what is to be read again, so that nobody is asked twice.

        Raises
        ------
        KafkaError
            The broker refused or is away.
        """
        topic = self._config.outputs.anomalies.name
        next_offset = await resume_offset(self._config, topic, self._partition, committed)
        async with PartitionReader(self._config.broker) as reader:
            n_verdicts = await self._ledger.restore(reader, next_offset)
        self._pending = PendingChecks(next_offset)
        self._telemetry.emit("verdicts_restored", partition=self._partition, n_verdicts=n_verdicts, offset=next_offset)
        self._is_restored = True
        return next_offset

    async def process(self, batch: RecordBatch) -> None:
        """Check a batch; returns when every anomaly of it has been passed on finally.

        Raises
        ------
        BrokerError
            The broker refuses for good.
        """
        anomalies: list[Anomaly] = []
        now_ns = self._clock.now_ns()
        for row, value in enumerate(batch.values()):
            try:
                anomaly = Anomaly.from_json(value or b"")
                if self._is_repeat(anomaly.id):
                    continue
                anomalies.append(anomaly)
                if anomaly.phase == "opened":
                    self._pending.take(anomaly.id, int(batch.offset[row]), now_ns)
            except (KeyError, TypeError, ValueError, StreamwardenError) as error:
                self._telemetry.emit(
                    "message_skipped",
                    code="ANOMALY",
                    error=error,
                    topic=batch.topic,
                    partition=batch.partition,
                    offset=int(batch.offset[row]),
                )
        if len(batch):
            self._pending.advance(int(batch.offset[-1]) + 1)
        await self._stage.check(anomalies, self._severity_of, self._pass_on, self._ledger)
        reach("checked")

    async def settle(self, *, is_last: bool) -> None:
        """Nothing is held that is not in a topic already."""

    def close(self) -> None:
        """Let go of what was read, stop exporting the gauges."""
        self._ledger.forget()
        metrics, partition = self._telemetry.metrics, str(self._partition)
        metrics.drop("crosscheck_pending", partition=partition)
        metrics.drop("stage_lag_records", topic=self._config.outputs.anomalies.name, partition=partition)

    def _is_repeat(self, anomaly_id: str) -> bool:
        """Whether it has been here already: after a crash a source partition is read again from its checkpoint on."""
        if anomaly_id in self._seen:
            return True
        self._seen[anomaly_id] = None
        if len(self._seen) > _MAX_SEEN:
            # The oldest: dicts keep the order in which keys came.
            del self._seen[next(iter(self._seen))]
        return False

    def _severity_of(self, anomaly: Anomaly) -> Severity:
        return grade_anomaly(anomaly, self._config.alerts.severity).severity

    async def _pass_on(self, checked: CheckedAnomaly) -> None:
        group = incident_group(checked.anomaly, self._config.alerts.incident, self._config.worker.region)
        await self._publisher.publish([Message(self._config.outputs.checked.name, group.encode(), checked.to_json())])
        if checked.is_final:
            self._pending.finish(checked.anomaly.id)
        else:
            self._pending.tell(checked.anomaly.id)
