"""State of one incident group: what is stored in the compacted ``incidents`` topic, bounded in size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import orjson

from pipeline.alerts.episode import AlertSeries
from pipeline.alerts.reason import Reason
from pipeline.alerts.severity import Severity
from pipeline.errors import SampleError, StateError

__all__ = [
    "MAX_ANOMALY_IDS",
    "MAX_CLOSED",
    "MAX_TRACKED",
    "MAX_TRAIL",
    "ClosedEpisode",
    "IncidentState",
    "IncidentStatus",
    "TrackedEpisode",
]

IncidentStatus = Literal["pending", "firing", "resolved"]
STATE_VERSION = 1

MAX_TRACKED = 200
"""Episodes tracked per group (or `max_series`, if that is more); further ones are counted only."""
MAX_CLOSED = 256
"""Ended episodes remembered by id, to tell a replay from news; of older ones the place in the log is remembered."""
MAX_ANOMALY_IDS = 100
"""Anomaly ids kept per incident; all are counted."""
MAX_TRAIL = 100
"""Reasons kept per group, the newest."""


@dataclass(frozen=True, slots=True)
class TrackedEpisode:
    """An episode and where the incident stands with it.

    Attributes
    ----------
    facts : AlertSeries
        What alert events show of it.
    incident_id : str
        The incident it belongs to.
    partition, offset, position : int
        Place in the source topic of its newest anomaly.
    base_severity : {"P0", "P1", "P2", "P3"}
        The most severe grade so far, before the verdict.
    is_final : bool
        False while its verdict is awaited.
    is_muted : bool
        Refuted, and the policy mutes refuted suspicions.
    """

    facts: AlertSeries
    incident_id: str
    partition: int
    offset: int
    position: int
    base_severity: Severity
    is_final: bool
    is_muted: bool

    @property
    def id(self) -> str:
        """Episode id."""
        return self.facts.episode_id

    @property
    def is_active(self) -> bool:
        """Open and not muted: it keeps its incident alive."""
        return self.facts.is_open and not self.is_muted

    def to_dict(self) -> dict[str, Any]:
        """Plain values in a fixed order."""
        return {name: getattr(self, name) for name in _TRACKED_FIELDS} | {"facts": self.facts.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TrackedEpisode:
        """Inverse of `to_dict`."""
        return cls(AlertSeries.from_dict(data["facts"]), *(data[name] for name in _TRACKED_FIELDS[1:]))


_TRACKED_FIELDS = tuple(field.name for field in fields(TrackedEpisode))


@dataclass(frozen=True, slots=True)
class ClosedEpisode:
    """An episode that is over: enough to recognise its messages should they come again.

    Attributes
    ----------
    id : str
        Episode id.
    source : str
        ``topic/partition`` of its series.
    offset, position : int
        Place of its newest anomaly.
    event_time_ns : int
        Event time of that anomaly, ns UTC.
    is_final : bool
        False when its verdict had not come.
    """

    id: str
    source: str
    offset: int
    position: int
    event_time_ns: int
    is_final: bool

    def to_list(self) -> list[Any]:
        """Plain values in field order."""
        return [self.id, self.source, self.offset, self.position, self.event_time_ns, self.is_final]


@dataclass(frozen=True, slots=True)
class IncidentState:
    """Everything known of one incident group.

    One group has at most one incident at a time.  When it is resolved its last words stay, so that a replay changes nothing.

    Attributes
    ----------
    group : str
        Key of the group.
    offset : int
        The last message of ``anomalies-checked`` this state includes.
    heard_ns : int
        Wall clock when the last message that was news came, ns UTC.
    watermark_ns : int
        Highest event time among the messages, ns UTC.
    status : {"pending", "firing", "resolved"}
        Suspicions, but all muted; told to the world; over.
    incident_id : str
        Of the incident that is open, or was last; "" before the first.
    category, region : str
        Of the group.
    labels : dict of str to str
        Of the group.
    sequence : int
        Of the incident's next event: the number of events so far.
    severity : {"P0", "P1", "P2", "P3"}
        Now.
    told_severity : {"P0", "P1", "P2", "P3"} or None
        In the last event.
    floor : {"P0", "P1", "P2", "P3"} or None
        The most severe among episodes that are no longer tracked; severity does not fall below it.
    rule : str or None
        Rule behind the severity.
    started_ns : int
        Event time of the first anomalous sample, ns UTC.
    quiet_since_ns : int or None
        Watermark when the last active episode went; None while there is one.
    last_event_ns : int
        Event time of the last alert event, ns UTC.
    held : tuple of (str, str)
        Changes that wait for `update_min_secs`: code and sentence.
    n_anomalies, n_episodes : int
        Taken in by the incident so far, muted ones included.
    anomaly_ids : tuple of str
        The first `MAX_ANOMALY_IDS` of them.
    verdicts : dict of str to int
        Verdicts of the incident so far, by outcome.
    config_hash : str
        Of the worker that saw the newest anomaly.
    episodes : tuple of TrackedEpisode
        In the order they came: those of the open incident, ended ones too, and muted ones that go on.
    closed : tuple of ClosedEpisode
        The newest `MAX_CLOSED` that are over, oldest first.
    forgotten : dict of str to (int, int)
        By ``topic/partition``: offset and event time up to which closed episodes were forgotten.
    trail : tuple of Reason
        The newest `MAX_TRAIL` decisions, oldest first.
    """

    group: str
    offset: int
    heard_ns: int
    watermark_ns: int
    status: IncidentStatus
    incident_id: str
    category: str
    region: str
    labels: dict[str, str]
    sequence: int
    severity: Severity
    told_severity: Severity | None
    floor: Severity | None
    rule: str | None
    started_ns: int
    quiet_since_ns: int | None
    last_event_ns: int
    held: tuple[tuple[str, str], ...]
    n_anomalies: int
    n_episodes: int
    anomaly_ids: tuple[str, ...]
    verdicts: dict[str, int]
    config_hash: str
    episodes: tuple[TrackedEpisode, ...]
    closed: tuple[ClosedEpisode, ...]
    forgotten: dict[str, tuple[int, int]]
    trail: tuple[Reason, ...]

    @property
    def is_idle(self) -> bool:
        """Nothing open, nothing muted: kept only so that replays are recognised."""
        return self.status == "resolved" and not self.episodes

    @property
    def members(self) -> tuple[TrackedEpisode, ...]:
        """Episodes that count: all but the muted."""
        return tuple(episode for episode in self.episodes if not episode.is_muted)

    @property
    def n_open(self) -> int:
        """Distinct series with an active episode."""
        return len({episode.facts.series for episode in self.episodes if episode.is_active})

    def find(self, episode_id: str) -> TrackedEpisode | None:
        """The tracked episode of this id."""
        return next((episode for episode in self.episodes if episode.id == episode_id), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values in a fixed order."""
        data: dict[str, Any] = {"version": STATE_VERSION}
        data.update((field.name, getattr(self, field.name)) for field in fields(self))
        data["episodes"] = [episode.to_dict() for episode in self.episodes]
        data["closed"] = [closed.to_list() for closed in self.closed]
        data["trail"] = [reason.to_dict() for reason in self.trail]
        return data

    def to_json(self) -> bytes:
        """The value stored in the compacted topic."""
        return orjson.dumps(self.to_dict())

    @classmethod
    def from_json(cls, raw: bytes) -> IncidentState:
        """Inverse of `to_json`.

        Raises
        ------
        StateError
            Not an incident state (``INCIDENT_STATE``), or of a version this program does not know
            (``INCIDENT_STATE_VERSION``).

        Examples
        --------
        >>> IncidentState.from_json(b'{"version": 99}')
        Traceback (most recent call last):
        ...
        pipeline.errors.StateError: incident state: found version 99, expected 1; ...
        """
        try:
            data = orjson.loads(raw)
            version = data.pop("version")
            if version != STATE_VERSION:
                raise StateError(
                    f"incident state: found version {version!r}, expected {STATE_VERSION}; run the version of Streamwarden that "
                    "wrote the incidents topic, or a later one",
                    code="INCIDENT_STATE_VERSION",
                )
            data["held"] = tuple((code, detail) for code, detail in data["held"])
            data["anomaly_ids"] = tuple(data["anomaly_ids"])
            data["episodes"] = tuple(TrackedEpisode.from_dict(episode) for episode in data["episodes"])
            data["closed"] = tuple(ClosedEpisode(*closed) for closed in data["closed"])
            data["forgotten"] = {source: (offset, time_ns) for source, (offset, time_ns) in data["forgotten"].items()}
            data["trail"] = tuple(Reason.from_dict(reason) for reason in data["trail"])
            return cls(**data)
        except (KeyError, TypeError, ValueError, AttributeError, SampleError) as error:
            raise StateError(
                f"incident state of {len(raw)} bytes is damaged: {type(error).__name__}: {error}; expected what to_json wrote",
                code="INCIDENT_STATE",
            ) from error
