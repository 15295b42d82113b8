"""One partition of the ledger: verdicts are written to ``verdicts`` before they are used, and read back after a crash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.clock import Clock
from pipeline.config.schema import Config
from pipeline.crosscheck.base import Verdict
from pipeline.crosscheck.ledger.entry import LedgerEntry, list_entries, parse_record
from pipeline.engine.anomaly import Anomaly
from pipeline.errors import StreamwardenError
from pipeline.failpoint import reach
from pipeline.service.partition_reader import PartitionReader
from pipeline.service.publisher import Message, Publisher
from pipeline.telemetry.events import Telemetry

__all__ = ["PartitionLedger"]

MAX_KNOWN = 50_000
"""Verdicts remembered a partition, the newest."""

MARGIN_MS = 600_000
"""How far the clocks of two workers, and so the broker timestamps of anomaly and verdict, may be apart."""


class PartitionLedger:
    """Keeps the verdicts about the anomalies of one partition.

    Verdicts stand in the partition of ``verdicts`` with the number of their anomaly's, so whoever gets the partition finds them.

    Parameters
    ----------
    config : Config
        The whole configuration.
    partition : int
        Of ``anomalies`` and of ``verdicts``.
    publisher : Publisher
        For entries.
    clock : Clock
        The wall clock.
    telemetry : Telemetry
        Told of messages that cannot be read.
    """

    def __init__(self, config: Config, partition: int, publisher: Publisher, clock: Clock, telemetry: Telemetry) -> None:
        self._config = config
        self._partition = partition
        self._publisher = publisher
        self._clock = clock
        self._telemetry = telemetry
        self._known: dict[str, Verdict] = {}

    async def restore(self, reader: PartitionReader, next_offset: int) -> int:
        """Read the verdicts about anomalies from an offset on, and shortly before; how many there are.

        Those before are wanted for anomalies that come to stand on the topic a second time.

        Parameters
        ----------
        reader : PartitionReader
            Connected.
        next_offset : int
            Of the topic of anomalies: what stands below was passed on finally.

        Raises
        ------
        KafkaError
            The broker refused or is away.
        """
        self._known.clear()
        outputs = self._config.outputs
        first, _ = await reader.bounds(outputs.anomalies.name, self._partition)
        since_ms = await reader.timestamp_before(outputs.anomalies.name, self._partition, next_offset, first)
        first, end = await reader.bounds(outputs.verdicts.name, self._partition)
        start: int | None = first
        if since_ms is not None and first < end:
            start = await reader.offset_at(outputs.verdicts.name, self._partition, since_ms - MARGIN_MS)
        if start is None:
            return 0
        async for records in reader.read_range(outputs.verdicts.name, self._partition, max(start, first), end):
            for record in records:
                self._take(record.value, record.offset)
        return len(self._known)

    def recall(self, anomaly: Anomaly) -> Verdict | None:
        """The verdict given before, by this worker or the one before it.

        It may be asked for more than once: after a crash a source partition is read again from its checkpoint on, and an anomaly that
        stood on the topic already comes to stand there a second time.
        """
        return self._known.get(anomaly.id)

    def forget(self) -> None:
        """What was restored is behind us."""
        self._known.clear()

    async def keep(self, anomalies: Sequence[Anomaly], verdicts: Sequence[Verdict], latency_secs: float) -> Sequence[Verdict]:
        """Write verdicts and wait until the broker has them; each now names its entry.

        Raises
        ------
        BrokerError
            The broker refuses for good.
        """
        topic, decided_ns = self._config.outputs.verdicts.name, self._clock.now_ns()
        messages: list[Message] = []
        kept: list[Verdict] = []
        for anomaly, verdict in zip(anomalies, verdicts, strict=True):
            entries = list_entries(anomaly, verdict, latency_secs, decided_ns)
            key = anomaly.series.hex.encode()
            messages += [Message(topic, key, entry.to_json(), partition=self._partition) for entry in entries]
            kept.append(replace(verdict, ledger_id=entries[0].id))
        await self._publisher.publish(messages)
        for anomaly, verdict in zip(anomalies, kept, strict=True):
            self._remember(anomaly.id, verdict)
        reach("verdicts_kept")
        return kept

    def _take(self, value: bytes | None, offset: int) -> None:
        try:
            record = parse_record(value or b"")
        except (KeyError, TypeError, ValueError, StreamwardenError) as error:
            self._telemetry.emit(
                "message_skipped",
                code="VERDICT",
                error=error,
                topic=self._config.outputs.verdicts.name,
                partition=self._partition,
                offset=offset,
            )
            return
        if isinstance(record, LedgerEntry) and record.member_of is None:
            # The first that was written is the one that was, or would have been, passed on.
            self._remember(record.anomaly_id, record.verdict)

    def _remember(self, anomaly_id: str, verdict: Verdict) -> None:
        self._known.setdefault(anomaly_id, verdict)
        if len(self._known) > MAX_KNOWN:
            # The oldest: dicts keep the order in which keys came.
            del self._known[next(iter(self._known))]
