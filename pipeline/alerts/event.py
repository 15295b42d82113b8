"""The alert event: what leaves on the ``alerts`` topic, a CloudEvents 1.0 event in Kafka binary mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import orjson

from pipeline.alerts.episode import AlertSeries
from pipeline.alerts.severity import Severity
from pipeline.clock import NS_PER_SEC

__all__ = ["CE_TYPE_PREFIX", "SCHEMA_URI", "AlertEvent", "AlertType", "format_rfc3339"]

AlertType = Literal["firing", "updated", "acknowledged", "escalated", "resolved"]
CE_TYPE_PREFIX = "io.streamwarden.alert."
SCHEMA_URI = "urn:streamwarden:schema:alert-event:1"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def format_rfc3339(event_time_ns: int) -> str:
    """Time as RFC 3339 with nine decimals, UTC.

    Parameters
    ----------
    event_time_ns : int
        ns since 1970-01-01 UTC.

    Examples
    --------
    >>> format_rfc3339(1_700_000_000_000_000_001)
    '2023-11-14T22:13:20.000000001Z'
    """
    secs, ns = divmod(event_time_ns, NS_PER_SEC)
    return f"{(_EPOCH + timedelta(seconds=secs)).replace(tzinfo=None).isoformat()}.{ns:09d}Z"


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One change of one incident that is worth telling.

    Its bytes depend on the log and the configuration alone, never on when they were computed.

    Attributes
    ----------
    type : {"firing", "updated", "acknowledged", "escalated", "resolved"}
        What happened; ``acknowledged`` and ``escalated`` are reserved.
    source : str
        CloudEvents source, from the configuration.
    incident_id : str
        32 hex digits; the Kafka key.
    sequence : int
        0, 1, 2, ... within the incident, without a gap.
    time_ns : int
        Event time of the change, ns UTC; never goes back within an incident.
    severity, previous_severity : {"P0", "P1", "P2", "P3"}
        Now, and in the event before; the latter None in the first.
    category, region, group : str
        Of the incident group; `group` is its key.
    labels : dict of str to str
        The labels the group is made of.
    title, explanation : str
        One line; a few sentences.
    starts_ns : int
        Event time of the first anomalous sample, ns UTC.
    ends_ns : int or None
        Event time at which the last episode was over; None while the incident is open.
    series : tuple of AlertSeries
        The most severe first, at most `max_series`.
    n_series_open : int
        Series open now.
    n_episodes : int
        Episodes that have joined so far.
    n_anomalies : int
        Anomalies taken in so far.
    anomaly_ids : tuple of str
        The first of them (bounded).
    verdicts : dict of str to int
        Number of ``confirmed``, ``refuted``, ``unknown`` verdicts so far and of ``awaited`` ones.
    rule : str or None
        Severity rule that graded it; None = none fitted.
    runbook : str or None
        Link of the most severe series that has one.
    reasons : tuple of (str, str)
        Code and sentence of what changed since the event before.
    config_hash : str
        Of the worker that saw the newest anomaly.
    """

    type: AlertType
    source: str
    incident_id: str
    sequence: int
    time_ns: int
    severity: Severity
    previous_severity: Severity | None
    category: str
    region: str
    group: str
    labels: dict[str, str]
    title: str
    explanation: str
    starts_ns: int
    ends_ns: int | None
    series: tuple[AlertSeries, ...]
    n_series_open: int
    n_episodes: int
    n_anomalies: int
    anomaly_ids: tuple[str, ...]
    verdicts: dict[str, int]
    rule: str | None
    runbook: str | None
    reasons: tuple[tuple[str, str], ...]
    config_hash: str

    @property
    def id(self) -> str:
        """Unique id of the event: incident id and sequence."""
        return f"{self.incident_id}-{self.sequence}"

    def headers(self) -> list[tuple[str, bytes]]:
        """CloudEvents attributes as Kafka headers (binary content mode).

        References
        ----------
        CloudEvents 1.0.2, Kafka protocol binding, section 3.2.
        """
        texts = (
            ("ce_specversion", "1.0"),
            ("ce_id", self.id),
            ("ce_source", self.source),
            ("ce_type", CE_TYPE_PREFIX + self.type),
            ("ce_time", format_rfc3339(self.time_ns)),
            ("ce_subject", self.incident_id),
            ("ce_dataschema", SCHEMA_URI),
            ("content-type", "application/json"),
        )
        return [(name, text.encode()) for name, text in texts]

    def to_dict(self) -> dict[str, Any]:
        """Plain values in a fixed order: the event's data."""
        return {
            "id": self.id,
            "type": CE_TYPE_PREFIX + self.type,
            "source": self.source,
            "incident_id": self.incident_id,
            "sequence": self.sequence,
            "time_ns": self.time_ns,
            "time": format_rfc3339(self.time_ns),
            "severity": self.severity,
            "previous_severity": self.previous_severity,
            "category": self.category,
            "region": self.region,
            "group": self.group,
            "labels": self.labels,
            "title": self.title,
            "explanation": self.explanation,
            "starts_ns": self.starts_ns,
            "starts_at": format_rfc3339(self.starts_ns),
            "ends_ns": self.ends_ns,
            "ends_at": None if self.ends_ns is None else format_rfc3339(self.ends_ns),
            "series": [series.to_dict() for series in self.series],
            "n_series_open": self.n_series_open,
            "n_episodes": self.n_episodes,
            "n_anomalies": self.n_anomalies,
            "anomaly_ids": list(self.anomaly_ids),
            "verdicts": self.verdicts,
            "rule": self.rule,
            "runbook": self.runbook,
            "reasons": [{"code": code, "detail": detail} for code, detail in self.reasons],
            "config_hash": self.config_hash,
        }

    def to_json(self) -> bytes:
        """The bytes of the Kafka value."""
        return orjson.dumps(self.to_dict())

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> AlertEvent:
        """Inverse of `to_dict`.

        Raises
        ------
        KeyError, TypeError, ValueError, SampleError
            The mapping is not an alert event.
        """
        return cls(
            type=data["type"].removeprefix(CE_TYPE_PREFIX),
            source=data["source"],
            incident_id=data["incident_id"],
            sequence=data["sequence"],
            time_ns=data["time_ns"],
            severity=data["severity"],
            previous_severity=data["previous_severity"],
            category=data["category"],
            region=data["region"],
            group=data["group"],
            labels=dict(data["labels"]),
            title=data["title"],
            explanation=data["explanation"],
            starts_ns=data["starts_ns"],
            ends_ns=data["ends_ns"],
            series=tuple(AlertSeries.from_dict(series) for series in data["series"]),
            n_series_open=data["n_series_open"],
            n_episodes=data["n_episodes"],
            n_anomalies=data["n_anomalies"],
            anomaly_ids=tuple(data["anomaly_ids"]),
            verdicts=dict(data["verdicts"]),
            rule=data["rule"],
            runbook=data["runbook"],
            reasons=tuple((reason["code"], reason["detail"]) for reason in data["reasons"]),
            config_hash=data["config_hash"],
        )

    @classmethod
    def from_json(cls, raw: bytes) -> AlertEvent:
        """Inverse of `to_json`."""
        return cls.from_dict(orjson.loads(raw))
