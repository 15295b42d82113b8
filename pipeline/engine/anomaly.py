"""The anomaly: one suspicion of one detector about one series, as published on the ``anomalies`` topic.

Its id depends on nothing but where the sample stood in the log and which detector looked at it, so a replay gives the same id.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from pipeline.samples.labels import LabelSet

__all__ = ["Anomaly", "AnomalyKind", "AnomalyPhase", "anomaly_id"]

AnomalyKind = Literal["point", "absence", "new_template"]
AnomalyPhase = Literal["opened", "continued", "cleared"]


def anomaly_id(topic: str, partition: int, offset: int, position: int, detector: str, kind: str, fingerprint: int) -> str:
    """Deterministic id: 32 hex digits over the place in the log, the detector and the series.

    Examples
    --------
    >>> anomaly_id("m", 0, 42, 0, "cpu", "point", 7) == anomaly_id("m", 0, 42, 0, "cpu", "point", 7)
    True
    """
    text = f"{topic}\x00{partition}\x00{offset}\x00{position}\x00{detector}\x00{kind}\x00{fingerprint:016x}"
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One suspicion.

    Attributes
    ----------
    id : str
        See `anomaly_id`.
    kind : {"point", "absence", "new_template"}
        A sample out of its band; a series fallen silent; a log line of a kind never seen.
    phase : {"opened", "continued", "cleared"}
        Opening of an episode, its repeat while it goes on, its end.
    episode_id : str
        Id of the anomaly that opened the episode (its own id when it is the opening).
    topic, partition, offset, position
        Place in the log of the sample (for an absence: of the record that showed the silence).
    event_time_ns : int
        Event time of the sample, ns UTC.
    started_ns : int
        Event time of the first anomalous sample of the episode.
    series : LabelSet
        The series.
    detector, category, model : str
        Who says so; registered model name.
    value, expected, lower, upper : float
        Sample, what was expected, the band; NaN = no such notion.
    score, tail_probability : float
        Of this sample.
    peak_tail_probability : float
        The smallest of the episode so far.
    n_anomalous : int
        Anomalous samples of the episode so far.
    config_hash : str
        Hash of the effective configuration.
    contributors : tuple of (str, float)
        Parts of the score, largest first.
    context_time_ns, context_value
        The series' recent samples, oldest first, the anomalous one last (for an absence: the last ones there were).
    explanation : str
        One or two sentences for a human.
    runbook : str or None
        Link from the detector's configuration.
    example : str
        For logs: the line itself (cut to 1,000 characters); else "".
    """

    id: str
    kind: AnomalyKind
    phase: AnomalyPhase
    episode_id: str
    topic: str
    partition: int
    offset: int
    position: int
    event_time_ns: int
    started_ns: int
    series: LabelSet
    detector: str
    category: str
    model: str
    value: float
    expected: float
    lower: float
    upper: float
    score: float
    tail_probability: float
    peak_tail_probability: float
    n_anomalous: int
    config_hash: str
    contributors: tuple[tuple[str, float], ...]
    context_time_ns: tuple[int, ...]
    context_value: tuple[float, ...]
    explanation: str
    runbook: str | None = None
    example: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values in a fixed order; NaN becomes null."""
        return {
            "id": self.id,
            "kind": self.kind,
            "phase": self.phase,
            "episode_id": self.episode_id,
            "source": {
                "topic": self.topic,
                "partition": self.partition,
                "offset": self.offset,
                "position": self.position,
            },
            "event_time_ns": self.event_time_ns,
            "started_ns": self.started_ns,
            "fingerprint": self.series.hex,
            "series": self.series.to_dict(),
            "detector": self.detector,
            "category": self.category,
            "model": self.model,
            "value": _finite(self.value),
            "expected": _finite(self.expected),
            "lower": _finite(self.lower),
            "upper": _finite(self.upper),
            "score": _finite(self.score),
            "tail_probability": _finite(self.tail_probability),
            "peak_tail_probability": _finite(self.peak_tail_probability),
            "n_anomalous": self.n_anomalous,
            "config_hash": self.config_hash,
            "contributors": [[name, _finite(share)] for name, share in self.contributors],
            "context": {"event_time_ns": list(self.context_time_ns), "value": [_finite(v) for v in self.context_value]},
            "explanation": self.explanation,
            "runbook": self.runbook,
            "example": self.example,
        }

    def to_json(self) -> bytes:
        """The bytes published: the same for the same anomaly, always."""
        return orjson.dumps(self.to_dict())

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Anomaly:
        """Inverse of `to_dict`; null becomes NaN.

        Raises
        ------
        KeyError, TypeError, ValueError
            The mapping is not an anomaly.
        """

        def real(value: float | None) -> float:
            return math.nan if value is None else float(value)

        source = data["source"]
        return cls(
            id=data["id"],
            kind=data["kind"],
            phase=data["phase"],
            episode_id=data["episode_id"],
            topic=source["topic"],
            partition=source["partition"],
            offset=source["offset"],
            position=source["position"],
            event_time_ns=data["event_time_ns"],
            started_ns=data["started_ns"],
            series=LabelSet(data["series"]),
            detector=data["detector"],
            category=data["category"],
            model=data["model"],
            value=real(data["value"]),
            expected=real(data["expected"]),
            lower=real(data["lower"]),
            upper=real(data["upper"]),
            score=real(data["score"]),
            tail_probability=real(data["tail_probability"]),
            peak_tail_probability=real(data["peak_tail_probability"]),
            n_anomalous=data["n_anomalous"],
            config_hash=data["config_hash"],
            contributors=tuple((name, real(share)) for name, share in data["contributors"]),
            context_time_ns=tuple(data["context"]["event_time_ns"]),
            context_value=tuple(real(v) for v in data["context"]["value"]),
            explanation=data["explanation"],
            runbook=data["runbook"],
            example=data["example"],
        )

    @classmethod
    def from_json(cls, raw: bytes) -> Anomaly:
        """Inverse of `to_json`."""
        return cls.from_dict(orjson.loads(raw))
