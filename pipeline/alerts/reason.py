"""Reason codes: why an incident did, or did not, do something.  Every decision is recorded under one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["REASONS", "Reason"]

REASONS: dict[str, str] = {
    "opened": "The suspicion opened an incident.",
    "joined": "The suspicion joined the incident that was open in its group.",
    "rejoined": "A series became anomalous again before the incident was resolved.",
    "continued": "An episode of the incident goes on.",
    "cleared": "An episode of the incident is over.",
    "verdict_confirmed": "The cross-check confirmed the suspicion.",
    "verdict_refuted": "The cross-check refuted the suspicion.",
    "verdict_unknown": "The cross-check gave no answer it could stand by; the alert goes on.",
    "severity_raised": "The incident became more severe.",
    "severity_lowered": "A refutation made the incident less severe.",
    "refuted_muted": "A refutation muted the suspicion: it raises no alert.",
    "unmuted_confirmed": "A muted suspicion counts again: another series of the group was confirmed.",
    "unmuted_widened": "A muted suspicion counts again: a rule that asks for several series fits the group.",
    "throttled": "The change waits: the last event of the incident is younger than update_min_secs.",
    "update_due": "Changes that waited for update_min_secs are sent.",
    "resolved": "All episodes have been clear for resolve_after_secs.",
    "withdrawn": "Every suspicion of the incident was refuted and muted.",
    "stale": "Nothing was heard of the group for stale_after_secs.",
    "duplicate": "The message repeated what the incident had taken in already.",
    "replayed": "The message is older than what the incident can tell apart; it is taken for a replay.",
    "late_verdict": "The verdict came after the episode's incident was over.",
    "unknown_episode": "The end of an episode that the incident does not know.",
    "untracked": "The incident tracks as many episodes as it may; this one is only counted.",
}
"""Code and sentence of every reason there is."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One decision.

    Attributes
    ----------
    code : str
        A key of `REASONS`.
    event_time_ns : int
        Event time at which it was taken, ns UTC.
    incident_id : str
        The incident it was about.
    anomaly_id, episode_id : str
        What caused it; "" where time did.
    detail : str
        One sentence with the particulars.
    """

    code: str
    event_time_ns: int
    incident_id: str
    anomaly_id: str
    episode_id: str
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values in a fixed order."""
        return {
            "code": self.code,
            "event_time_ns": self.event_time_ns,
            "incident_id": self.incident_id,
            "anomaly_id": self.anomaly_id,
            "episode_id": self.episode_id,
            "detail": self.detail,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Reason:
        """Inverse of `to_dict`."""
        return cls(
            data["code"],
            data["event_time_ns"],
            data["incident_id"],
            data["anomaly_id"],
            data["episode_id"],
            data["detail"],
        )
