"""One partition of ``anomalies-checked``: incidents, their state in ``incidents``, their events on ``alerts``.

An incident's state is written before its alert events, and carries them along in headers (its *outbox*) until they are published;
then it is written once more without.  So an event is fixed by the state that was written, whatever happens in between: a worker that
takes over publishes what it finds in an outbox, and the worst that a crash does is an event published twice, the same to the byte.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable

from pipeline.alerts.event import AlertEvent
from pipeline.alerts.grouping import incident_group
from pipeline.alerts.incident import apply, tick
from pipeline.alerts.policy import AlertPolicy
from pipeline.alerts.state import IncidentState
from pipeline.clock import Clock
from pipeline.codecs.record import RecordBatch
from pipeline.config.schema import Config
from pipeline.crosscheck.base import CheckedAnomaly
from pipeline.errors import StreamwardenError
from pipeline.failpoint import reach
from pipeline.service.crosscheck_flow import resume_offset
from pipeline.service.partition_reader import PartitionReader
from pipeline.service.publisher import Message, Publisher
from pipeline.telemetry.events import Telemetry

__all__ = ["OUTBOX_HEADER", "IncidentFlow"]

OUTBOX_HEADER = "sw-outbox"
"""Header of a message on the topic of incidents: one alert event that is to be published still."""

_MAX_OUTBOX = 8

_NO_EVENTS: tuple[AlertEvent, ...] = ()


class IncidentFlow:
    """The incidents of one partition.

    Parameters
    ----------
    config : Config
        The whole configuration.
    partition : int
        Partition of the topics of checked anomalies and of incidents.
    publisher : Publisher
        For alert events.
    state_publisher : Publisher
        For states.
    clock : Clock
        The wall clock.
    telemetry : Telemetry
        Events and metrics.
    hold : async callable
        Returns when it is certain that the partition is still ours.
    """

    may_commit = True

    def __init__(
        self,
        config: Config,
        partition: int,
        publisher: Publisher,
        state_publisher: Publisher,
        clock: Clock,
        telemetry: Telemetry,
        hold: Callable[[], Awaitable[None]],
    ) -> None:
        self._config = config
        self._policy = AlertPolicy.from_config(config)
        self._partition = partition
        self._publisher = publisher
        self._state_publisher = state_publisher
        self._clock = clock
        self._telemetry = telemetry
        self._hold = hold
        self._states: dict[str, IncidentState] = {}
        self._is_restored = False

    @property
    def is_restored(self) -> bool:
        """Whether the states have been read."""
        return self._is_restored

    def open_by_severity(self) -> Counter[str]:
        """Firing incidents by severity."""
        return Counter(state.severity for state in self._states.values() if state.status == "firing")

    async def restore(self, committed: int | None) -> int:
        """Read the states of this partition, publish what waits in an outbox.

        Raises
        ------
        KafkaError
            The broker refused or is away.
        StateError
            A state is damaged or of another version.
        """
        self._states.clear()
        outboxes: dict[str, list[AlertEvent]] = {}
        async with PartitionReader(self._config.broker) as reader:
            async for records in reader.read_all(self._config.outputs.incidents.name, self._partition):
                for record in records:
                    group = (record.key or b"").decode()
                    outboxes.pop(group, None)
                    if record.value is None:
                        self._states.pop(group, None)
                        continue
                    state = IncidentState.from_json(record.value)
                    known = self._states.get(group)
                    if known is not None and known.offset > state.offset:
                        # Written late by a worker that had lost the partition.
                        continue
                    self._states[group] = state
                    waiting = [AlertEvent.from_json(value) for name, value in record.headers if name == OUTBOX_HEADER and value]
                    if waiting:
                        outboxes[group] = waiting
        for group, events in outboxes.items():
            await self._publish_events(events)
            await self._state_publisher.publish([self._state_message(group, _NO_EVENTS)])
        self._telemetry.emit(
            "incidents_restored", partition=self._partition, n_groups=len(self._states), n_republished=len(outboxes)
        )
        self._is_restored = True
        return await resume_offset(self._config, self._config.outputs.checked.name, self._partition, committed)

    async def process(self, batch: RecordBatch) -> None:
        """Take in a batch of checked anomalies.

        Raises
        ------
        BrokerError
            The broker refuses for good.
        """
        changed: dict[str, list[AlertEvent]] = {}
        for row, value in enumerate(batch.values()):
            offset = int(batch.offset[row])
            try:
                checked = CheckedAnomaly.from_json(value or b"")
            except (KeyError, TypeError, ValueError, StreamwardenError) as error:
                self._telemetry.emit(
                    "message_skipped",
                    code="CHECKED_ANOMALY",
                    error=error,
                    topic=batch.topic,
                    partition=batch.partition,
                    offset=offset,
                )
                continue
            group = incident_group(checked.anomaly, self._config.alerts.incident, self._config.worker.region)
            before = self._states.get(group)
            state, events = apply(before, checked, now_ns=self._clock.now_ns(), offset=offset, policy=self._policy)
            if state is not before:
                self._states[group] = state
                changed.setdefault(group, []).extend(events)
                if len(changed[group]) >= _MAX_OUTBOX:
                    # An outbox travels in the headers of one message.
                    await self._write({group: changed.pop(group)})
        await self._write(changed)

    async def tick(self) -> None:
        """Let time pass for the groups; only when every message of the partition has been taken in.

        Raises
        ------
        BrokerError
            The broker refuses for good.
        """
        changed: dict[str, list[AlertEvent]] = {}
        now_ns = self._clock.now_ns()
        for group, before in self._states.items():
            if before.is_idle:
                continue
            state, events = tick(before, now_ns, self._policy)
            if state != before:
                changed[group] = events
                self._states[group] = state
        await self._write(changed)

    async def settle(self, *, is_last: bool) -> None:
        """Nothing is held that is not in a topic already."""

    def close(self) -> None:
        """Let go of the states, stop exporting the gauge."""
        self._states.clear()
        self._is_restored = False
        topic, partition = self._config.outputs.checked.name, str(self._partition)
        self._telemetry.metrics.drop("stage_lag_records", topic=topic, partition=partition)

    async def _write(self, changed: dict[str, list[AlertEvent]]) -> None:
        if not changed:
            return
        await self._hold()
        await self._state_publisher.publish([self._state_message(group, events) for group, events in changed.items()])
        reach("incident_state_written")
        told = {group: events for group, events in changed.items() if events}
        if not told:
            return
        await self._publish_events(event for events in told.values() for event in events)
        reach("alerts_published")
        await self._state_publisher.publish([self._state_message(group, _NO_EVENTS) for group in told])

    def _state_message(self, group: str, outbox: Iterable[AlertEvent]) -> Message:
        return Message(
            self._config.outputs.incidents.name,
            group.encode(),
            self._states[group].to_json(),
            [(OUTBOX_HEADER, event.to_json()) for event in outbox],
            partition=self._partition,
        )

    async def _publish_events(self, events: Iterable[AlertEvent]) -> None:
        told = list(events)
        await self._publisher.publish(
            [
                Message(self._config.outputs.alerts.name, event.incident_id.encode(), event.to_json(), event.headers())
                for event in told
            ]
        )
        for event in told:
            self._telemetry.metrics.count("alerts_total", type=event.type, severity=event.severity)
            self._telemetry.emit(
                "alert_published",
                id=event.id,
                type=event.type,
                severity=event.severity,
                group=event.group,
                title=event.title,
            )
