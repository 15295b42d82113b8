"""From an incident's state to the alert event that tells it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from pipeline.alerts.episode import AlertSeries
from pipeline.alerts.event import AlertEvent, AlertType
from pipeline.alerts.policy import AlertPolicy
from pipeline.alerts.state import IncidentState, TrackedEpisode
from pipeline.alerts.title import explain_incident, title_incident

__all__ = ["build_event", "rank_series"]


def rank_series(episodes: Iterable[TrackedEpisode]) -> list[AlertSeries]:
    """Facts of episodes: the most severe first, then open before ended, the least likely, the earliest, by id."""

    def key(facts: AlertSeries) -> tuple[str, bool, float, int, str]:
        tail = facts.peak_tail_probability
        return (facts.severity, not facts.is_open, math.inf if tail is None else tail, facts.started_ns, facts.episode_id)

    return sorted((episode.facts for episode in episodes), key=key)


def build_event(
    state: IncidentState,
    event_type: AlertType,
    time_ns: int,
    reasons: Sequence[tuple[str, str]],
    policy: AlertPolicy,
    *,
    ends_ns: int | None = None,
    end: str = "",
) -> AlertEvent:
    """The event that tells the state as it is.

    Parameters
    ----------
    state : IncidentState
        With the sequence this event gets.
    event_type : str
        What happened.
    time_ns : int
        Event time of the change, ns UTC.
    reasons : sequence of (str, str)
        Code and sentence of what changed; at least one.
    policy : AlertPolicy
        Source, number of series named.
    ends_ns : int, optional
        Event time the incident was over, ns UTC; with `event_type` ``resolved`` only.
    end : str
        How it was over, in the title.

    Raises
    ------
    ValueError
        The incident has no episode to speak of.
    """
    # An incident that is withdrawn has no members left: it is told by the suspicions that were muted.
    episodes = state.members or tuple(episode for episode in state.episodes if episode.incident_id == state.incident_id)
    if not episodes:
        raise ValueError(f"incident {state.incident_id}: no episode to tell of")
    ranked = rank_series(episodes)
    open_ones = [facts for facts in ranked if facts.is_open] if end == "" else []
    told = open_ones or ranked
    n_open = 0 if end else state.n_open
    verdicts = state.verdicts | {"awaited": 0 if end else sum(not episode.is_final for episode in state.members)}
    return AlertEvent(
        type=event_type,
        source=policy.alerts.source,
        incident_id=state.incident_id,
        sequence=state.sequence,
        time_ns=time_ns,
        severity=state.severity,
        previous_severity=state.told_severity,
        category=state.category,
        region=state.region,
        group=state.group,
        labels=state.labels,
        title=title_incident(
            state.severity,
            state.category,
            state.region,
            told,
            n_open or len({facts.series for facts in ranked}),
            max((time_ns if ends_ns is None else ends_ns) - state.started_ns, 0),
            end,
        ),
        explanation=explain_incident(told, n_open, state.n_episodes, verdicts, state.rule),
        starts_ns=state.started_ns,
        ends_ns=ends_ns,
        series=tuple(ranked[: policy.alerts.incident.max_series]),
        n_series_open=n_open,
        n_episodes=state.n_episodes,
        n_anomalies=state.n_anomalies,
        anomaly_ids=state.anomaly_ids,
        verdicts=verdicts,
        rule=state.rule,
        runbook=next((facts.runbook for facts in told if facts.runbook is not None), None),
        reasons=tuple(reasons),
        config_hash=state.config_hash,
    )
