"""One partition of ``anomalies``: a second opinion about each, on to ``anomalies-checked``."""

from __future__ import annotations

from pipeline.alerts.grouping import incident_group
from pipeline.alerts.severity import Severity, grade_anomaly
from pipeline.codecs.record import RecordBatch
from pipeline.config.schema import Config
from pipeline.crosscheck.base import CheckedAnomaly
from pipeline.crosscheck.stage import CrosscheckStage
from pipeline.engine.anomaly import Anomaly
from pipeline.errors import StreamwardenError
from pipeline.failpoint import reach
from pipeline.service.partition_reader import PartitionReader
from pipeline.service.publisher import Message, Publisher
from pipeline.telemetry.events import Telemetry

__all__ = ["CrosscheckFlow", "resume_offset"]


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
        For checked anomalies.
    telemetry : Telemetry
        Told of messages that cannot be read.
    """

    is_restored = True

    def __init__(
        self, config: Config, partition: int, stage: CrosscheckStage, publisher: Publisher, telemetry: Telemetry
    ) -> None:
        self._config = config
        self._partition = partition
        self._stage = stage
        self._publisher = publisher
        self._telemetry = telemetry

    async def restore(self, committed: int | None) -> int:
        """There is no state; messages come at least once and repeats change nothing downstream.

        Raises
        ------
        KafkaError
            The broker refused or is away.
        """
        return await resume_offset(self._config, self._config.outputs.anomalies.name, self._partition, committed)

    async def process(self, batch: RecordBatch) -> None:
        """Check a batch; returns when every anomaly of it has been passed on finally.

        Raises
        ------
        BrokerError
            The broker refuses for good.
        """
        anomalies: list[Anomaly] = []
        for row, value in enumerate(batch.values()):
            try:
                anomalies.append(Anomaly.from_json(value or b""))
            except (KeyError, TypeError, ValueError, StreamwardenError) as error:
                self._telemetry.emit(
                    "message_skipped",
                    code="ANOMALY",
                    error=error,
                    topic=batch.topic,
                    partition=batch.partition,
                    offset=int(batch.offset[row]),
                )
        await self._stage.check(anomalies, self._severity_of, self._pass_on)
        reach("checked")

    def close(self) -> None:
        """Nothing is held."""

    def _severity_of(self, anomaly: Anomaly) -> Severity:
        return grade_anomaly(anomaly, self._config.alerts.severity).severity

    async def _pass_on(self, checked: CheckedAnomaly) -> None:
        group = incident_group(checked.anomaly, self._config.alerts.incident, self._config.worker.region)
        await self._publisher.publish([Message(self._config.outputs.checked.name, group.encode(), checked.to_json())])
