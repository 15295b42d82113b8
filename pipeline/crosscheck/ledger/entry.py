"""What stands on the topic ``verdicts``: verdicts of providers, and judgements of operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from pipeline.crosscheck.base import Outcome, Verdict
from pipeline.engine.anomaly import Anomaly
from pipeline.samples.labels import LabelSet

__all__ = ["Judgement", "LedgerEntry", "list_entries", "parse_record"]


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One verdict of one provider about one anomaly.

    Attributes
    ----------
    id : str
        Anomaly, a dot, the provider; for a member of an ensemble the ensemble comes between: the same for the same verdict, always.
    anomaly_id, episode_id : str
        What it is about.
    series : LabelSet
        The series.
    detector, category, kind : str
        Of the anomaly.
    event_time_ns : int
        Of the anomaly, ns UTC.
    provider, outcome, reason, detail, tail_probability, reference
        Of the verdict.
    member_of : str or None
        The ensemble that asked.
    latency_secs : float
        From the arrival of the anomaly to the verdict.
    cost_usd : float
        Its share of what the calls cost, by list prices.
    decided_ns : int
        Wall clock, ns UTC.
    config_hash : str
        Of the worker that saw the anomaly.
    """

    id: str
    anomaly_id: str
    episode_id: str
    series: LabelSet
    detector: str
    category: str
    kind: str
    event_time_ns: int
    provider: str
    outcome: Outcome
    reason: str
    detail: str
    tail_probability: float | None
    reference: str | None
    member_of: str | None
    latency_secs: float
    cost_usd: float
    decided_ns: int
    config_hash: str

    @property
    def verdict(self) -> Verdict:
        """The verdict as it is published with the anomaly."""
        return Verdict(
            self.provider, self.outcome, self.reason, self.detail, self.tail_probability, self.reference, self.id, self.cost_usd
        )

    def to_json(self) -> bytes:
        """The bytes on the topic."""
        return orjson.dumps(
            {
                "record": "verdict",
                "id": self.id,
                "anomaly_id": self.anomaly_id,
                "episode_id": self.episode_id,
                "series": self.series.to_dict(),
                "detector": self.detector,
                "category": self.category,
                "kind": self.kind,
                "event_time_ns": self.event_time_ns,
                "provider": self.provider,
                "outcome": self.outcome,
                "reason": self.reason,
                "detail": self.detail,
                "tail_probability": self.tail_probability,
                "reference": self.reference,
                "member_of": self.member_of,
                "latency_secs": self.latency_secs,
                "cost_usd": self.cost_usd,
                "decided_ns": self.decided_ns,
                "config_hash": self.config_hash,
            }
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LedgerEntry:
        """Inverse of `to_json`, after parsing.

        Raises
        ------
        KeyError, TypeError, SampleError
            The mapping is no verdict.
        """
        fields = {name: data[name] for name in cls.__dataclass_fields__ if name != "series"}
        return cls(series=LabelSet(data["series"]), **fields)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an operator says of an anomaly.

    Attributes
    ----------
    anomaly_id : str
        What it is about.
    is_right : bool
        True = the suspicion was right: something was wrong indeed.
    by, note : str
        Who says so, and why.
    judged_ns : int
        Wall clock, ns UTC; of several the latest counts.
    """

    anomaly_id: str
    is_right: bool
    by: str
    note: str
    judged_ns: int

    def to_json(self) -> bytes:
        """The bytes on the topic."""
        return orjson.dumps(
            {
                "record": "judgement",
                "anomaly_id": self.anomaly_id,
                "is_right": self.is_right,
                "by": self.by,
                "note": self.note,
                "judged_ns": self.judged_ns,
            }
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Judgement:
        """Inverse of `to_json`, after parsing.

        Raises
        ------
        KeyError, TypeError
            The mapping is no judgement.
        """
        return cls(**{name: data[name] for name in cls.__dataclass_fields__})


def list_entries(anomaly: Anomaly, verdict: Verdict, latency_secs: float, decided_ns: int) -> list[LedgerEntry]:
    """Entries of a verdict: its own, then those of an ensemble's members.

    Parameters
    ----------
    anomaly : Anomaly
        What it is about.
    verdict : Verdict
        As the provider gave it.
    latency_secs : float
        From the arrival of the anomaly to the verdict.
    decided_ns : int
        Wall clock, ns UTC.
    """

    def entry(one: Verdict, member_of: str | None) -> LedgerEntry:
        way = one.provider if member_of is None else f"{member_of}.{one.provider}"
        return LedgerEntry(
            id=f"{anomaly.id}.{way}",
            anomaly_id=anomaly.id,
            episode_id=anomaly.episode_id,
            series=anomaly.series,
            detector=anomaly.detector,
            category=anomaly.category,
            kind=anomaly.kind,
            event_time_ns=anomaly.event_time_ns,
            provider=one.provider,
            outcome=one.outcome,
            reason=one.reason,
            detail=one.detail,
            tail_probability=one.tail_probability,
            reference=one.reference,
            member_of=member_of,
            latency_secs=round(latency_secs, 6),
            cost_usd=one.cost_usd,
            decided_ns=decided_ns,
            config_hash=anomaly.config_hash,
        )

    return [entry(verdict, None), *(entry(member, verdict.provider) for member in verdict.members)]


def parse_record(value: bytes) -> LedgerEntry | Judgement:
    """A record of the topic.

    Raises
    ------
    KeyError, TypeError, ValueError, SampleError
        It is none.

    Examples
    --------
    >>> judgement = Judgement("a" * 32, False, "kim", "a deploy", 7)
    >>> parse_record(judgement.to_json()) == judgement
    True
    """
    data = orjson.loads(value)
    if data["record"] == "judgement":
        return Judgement.from_dict(data)
    if data["record"] == "verdict":
        return LedgerEntry.from_dict(data)
    raise ValueError(f"record {data['record']!r}: expected verdict or judgement")
