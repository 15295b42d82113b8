"""What a cross-check provider is, and what it answers.

Providers may be remote, slow and failing: they are asked in batches, asynchronously, never on the hot path; a provider
that raises or is late gives ``unknown``, and an unknown verdict never silences an alert.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import orjson

from pipeline.engine.anomaly import Anomaly

__all__ = ["CheckedAnomaly", "Outcome", "Provider", "Verdict"]

Outcome = Literal["confirmed", "refuted", "unknown"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A provider's answer about one anomaly.

    Attributes
    ----------
    provider : str
        Name of the provider.
    outcome : {"confirmed", "refuted", "unknown"}
        What it says.
    reason : str
        Stable code, e.g. ``tail``, ``too_little_context``, ``deadline``, ``error``.
    detail : str
        One sentence for a human.
    tail_probability : float or None
        Its own estimate, where it has one.
    reference : str or None
        What it goes by at a remote provider, e.g. an anomaly group there; feedback is sent to it.
    ledger_id : str or None
        Entry of the ledger (topic ``verdicts``) that keeps it, once it is kept.
    cost_usd : float
        Its share of what the calls cost, by list prices.  For the ledger: not published with the anomaly, not compared.
    members : tuple of Verdict
        Of an ensemble: what each member said.  For the ledger, like the cost.
    """

    provider: str
    outcome: Outcome
    reason: str
    detail: str
    tail_probability: float | None = None
    reference: str | None = None
    ledger_id: str | None = None
    cost_usd: float = field(default=0.0, compare=False)
    members: tuple[Verdict, ...] = field(default=(), compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values in a fixed order."""
        return {
            "provider": self.provider,
            "outcome": self.outcome,
            "reason": self.reason,
            "detail": self.detail,
            "tail_probability": self.tail_probability,
            "reference": self.reference,
            "ledger_id": self.ledger_id,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Verdict:
        """Inverse of `to_dict`."""
        return cls(
            data["provider"],
            data["outcome"],
            data["reason"],
            data["detail"],
            data["tail_probability"],
            # Messages written before there was a ledger lack these.
            data.get("reference"),
            data.get("ledger_id"),
        )


class Provider(Protocol):
    """Judges anomalies.  One call may hold many, so that a remote service can be asked once for all."""

    name: str

    async def judge(self, anomalies: Sequence[Anomaly], deadline_secs: float) -> Sequence[Verdict]:
        """One verdict per anomaly, in order.

        Parameters
        ----------
        anomalies : sequence of Anomaly
            Openings, at least one, in no particular order, of any series.
        deadline_secs : float
            Seconds from now after which the answer is of no use and the call is cancelled.  A remote provider sets its timeouts
            by it, and answers shortly before with what it knows and ``unknown`` for the rest, rather than lose all.

        Raises
        ------
        ProviderError
            The whole call failed; every anomaly of it gets ``unknown``.
        """

    async def close(self) -> None:
        """Release connections; called once."""


@dataclass(frozen=True, slots=True)
class CheckedAnomaly:
    """What the cross-check stage hands to the incidents.

    Attributes
    ----------
    anomaly : Anomaly
        As the detector gave it.
    verdict : Verdict or None
        None while the answer is awaited (policy ``emit_then_update``), and for phases that are not checked.
    is_final : bool
        False when a second message with the verdict follows.
    """

    anomaly: Anomaly
    verdict: Verdict | None
    is_final: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values in a fixed order."""
        return {
            "anomaly": self.anomaly.to_dict(),
            "verdict": None if self.verdict is None else self.verdict.to_dict(),
            "is_final": self.is_final,
        }

    def to_json(self) -> bytes:
        """The bytes published on ``anomalies-checked``: the same for the same content, always."""
        return orjson.dumps(self.to_dict())

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> CheckedAnomaly:
        """Inverse of `to_dict`.

        Raises
        ------
        KeyError, TypeError, ValueError
            The mapping is not a checked anomaly.
        """
        verdict = data["verdict"]
        return cls(
            Anomaly.from_dict(data["anomaly"]),
            None if verdict is None else Verdict.from_dict(verdict),
            bool(data["is_final"]),
        )

    @classmethod
    def from_json(cls, raw: bytes) -> CheckedAnomaly:
        """Inverse of `to_json`."""
        return cls.from_dict(orjson.loads(raw))
