"""One series' part in an incident: the facts of an episode, as alert events and incident states carry them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeline.alerts.severity import Facts, Severity
from pipeline.crosscheck.base import Verdict
from pipeline.engine.anomaly import Anomaly, AnomalyKind
from pipeline.samples.labels import LabelSet

__all__ = ["SPARKLINE_SAMPLES", "AlertSeries"]

SPARKLINE_SAMPLES = 32
"""Most samples of context that are kept per series."""


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class AlertSeries:
    """One episode of one series under one detector.

    Attributes
    ----------
    episode_id : str
        Id of the anomaly that opened the episode.
    series : LabelSet
        The series.
    topic, detector, category, model : str
        Where the sample came from and who suspects it.
    kind : {"point", "absence", "new_template"}
        Kind of the anomaly.
    started_ns, last_ns : int
        Event time of the first anomalous sample and of the newest one reported, ns UTC.
    ended_ns : int or None
        Event time at which the episode was over; None = it is open.
    value, expected, lower, upper, score, tail_probability : float or None
        Of the newest sample reported; None = no such notion.
    peak_tail_probability : float or None
        The smallest of the episode.
    n_anomalous : int
        Anomalous samples so far.
    severity : {"P0", "P1", "P2", "P3"}
        Its own severity, after the verdict.
    rule : str or None
        Rule that graded it; None = none fitted.
    verdict : Verdict or None
        Of the cross-check; None = awaited or switched off.
    context_time_ns, context_value : tuple
        The series' samples up to the newest one reported, oldest first, at most `SPARKLINE_SAMPLES`; empty for series
        beyond `max_series`.
    explanation, example : str
        The detector's sentence; for logs the line.
    runbook : str or None
        Link from the detector's configuration.
    """

    episode_id: str
    series: LabelSet
    topic: str
    detector: str
    category: str
    model: str
    kind: AnomalyKind
    started_ns: int
    last_ns: int
    ended_ns: int | None
    value: float | None
    expected: float | None
    lower: float | None
    upper: float | None
    score: float | None
    tail_probability: float | None
    peak_tail_probability: float | None
    n_anomalous: int
    severity: Severity
    rule: str | None
    verdict: Verdict | None
    context_time_ns: tuple[int, ...]
    context_value: tuple[float | None, ...]
    explanation: str
    example: str
    runbook: str | None

    @classmethod
    def from_anomaly(cls, anomaly: Anomaly, verdict: Verdict | None, severity: Severity, rule: str | None) -> AlertSeries:
        """The episode as one anomaly shows it."""
        return cls(
            episode_id=anomaly.episode_id,
            series=anomaly.series,
            topic=anomaly.topic,
            detector=anomaly.detector,
            category=anomaly.category,
            model=anomaly.model,
            kind=anomaly.kind,
            started_ns=anomaly.started_ns,
            last_ns=anomaly.event_time_ns,
            ended_ns=None,
            value=_finite(anomaly.value),
            expected=_finite(anomaly.expected),
            lower=_finite(anomaly.lower),
            upper=_finite(anomaly.upper),
            score=_finite(anomaly.score),
            tail_probability=_finite(anomaly.tail_probability),
            peak_tail_probability=_finite(anomaly.peak_tail_probability),
            n_anomalous=anomaly.n_anomalous,
            severity=severity,
            rule=rule,
            verdict=verdict,
            context_time_ns=tuple(anomaly.context_time_ns[-SPARKLINE_SAMPLES:]),
            context_value=tuple(_finite(value) for value in anomaly.context_value[-SPARKLINE_SAMPLES:]),
            explanation=anomaly.explanation,
            example=anomaly.example,
            runbook=anomaly.runbook,
        )

    @property
    def is_open(self) -> bool:
        """Whether the episode goes on."""
        return self.ended_ns is None

    def facts(self, n_series: int) -> Facts:
        """What severity rules look at, with this many series open in the incident."""
        tail = math.nan if self.peak_tail_probability is None else self.peak_tail_probability
        return Facts(self.topic, self.detector, self.category, self.kind, self.series, tail, n_series)

    def without_context(self) -> AlertSeries:
        """The same without its samples."""
        return replace(self, context_time_ns=(), context_value=())

    def to_dict(self) -> dict[str, Any]:
        """Plain values in a fixed order."""
        return {
            "episode_id": self.episode_id,
            "fingerprint": self.series.hex,
            "labels": self.series.to_dict(),
            "topic": self.topic,
            "detector": self.detector,
            "category": self.category,
            "model": self.model,
            "kind": self.kind,
            "started_ns": self.started_ns,
            "last_ns": self.last_ns,
            "ended_ns": self.ended_ns,
            "value": self.value,
            "expected": self.expected,
            "lower": self.lower,
            "upper": self.upper,
            "score": self.score,
            "tail_probability": self.tail_probability,
            "peak_tail_probability": self.peak_tail_probability,
            "n_anomalous": self.n_anomalous,
            "severity": self.severity,
            "rule": self.rule,
            "verdict": None if self.verdict is None else self.verdict.to_dict(),
            "context": {"event_time_ns": list(self.context_time_ns), "value": list(self.context_value)},
            "explanation": self.explanation,
            "example": self.example,
            "runbook": self.runbook,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> AlertSeries:
        """Inverse of `to_dict`.

        Raises
        ------
        KeyError, TypeError, ValueError, SampleError
            The mapping is not an episode.
        """
        verdict = data["verdict"]
        return cls(
            episode_id=data["episode_id"],
            series=LabelSet(data["labels"]),
            topic=data["topic"],
            detector=data["detector"],
            category=data["category"],
            model=data["model"],
            kind=data["kind"],
            started_ns=data["started_ns"],
            last_ns=data["last_ns"],
            ended_ns=data["ended_ns"],
            value=data["value"],
            expected=data["expected"],
            lower=data["lower"],
            upper=data["upper"],
            score=data["score"],
            tail_probability=data["tail_probability"],
            peak_tail_probability=data["peak_tail_probability"],
            n_anomalous=data["n_anomalous"],
            severity=data["severity"],
            rule=data["rule"],
            verdict=None if verdict is None else Verdict.from_dict(verdict),
            context_time_ns=tuple(data["context"]["event_time_ns"]),
            context_value=tuple(data["context"]["value"]),
            explanation=data["explanation"],
            example=data["example"],
            runbook=data["runbook"],
        )
