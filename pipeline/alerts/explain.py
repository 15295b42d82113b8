"""Why an anomaly alerted, or why it did not: the trace behind ``streamwarden explain ID``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.alerts.event import AlertEvent, format_rfc3339
from pipeline.alerts.reason import REASONS, Reason
from pipeline.alerts.state import IncidentState
from pipeline.alerts.title import describe_probability
from pipeline.crosscheck.base import CheckedAnomaly
from pipeline.engine.anomaly import Anomaly
from pipeline.errors import ConfigError, StreamwardenError

__all__ = ["MIN_ID_CHARACTERS", "Trace", "check_id", "explain"]

MIN_ID_CHARACTERS = 8
_QUIET_CODES = ("refuted_muted", "replayed", "untracked", "late_verdict")
"""Reasons for which a suspicion is not told, the most telling first."""


@dataclass(frozen=True, slots=True)
class Trace:
    """The way of a suspicion, for reading.

    Attributes
    ----------
    id : str
        The whole id.
    kind : str
        ``anomaly``, ``episode`` or ``incident``.
    conclusion : str
        One sentence: alerted or not, and why.
    steps : tuple of (int, str)
        Event time in ns UTC and sentence, in order.
    """

    id: str
    kind: str
    conclusion: str
    steps: tuple[tuple[int, str], ...]

    def render(self) -> str:
        """Several lines of plain text."""
        head = f"{self.kind} {self.id}"
        return "\n".join([head, self.conclusion, *(f"  {format_rfc3339(time_ns)}  {text}" for time_ns, text in self.steps)])


def check_id(any_id: str) -> None:
    """See that enough of an id is given to look for it.

    Raises
    ------
    ConfigError
        Fewer than `MIN_ID_CHARACTERS` characters.
    """
    if len(any_id) < MIN_ID_CHARACTERS:
        raise ConfigError(
            f"id {any_id!r} is too short: found {len(any_id)} characters, expected at least {MIN_ID_CHARACTERS}; copy more of it",
            code="ID_SHORT",
        )


def _resolve(any_id: str, known: Iterable[str]) -> str:
    check_id(any_id)
    found = sorted({one for one in known if one.startswith(any_id)})
    if not found:
        raise StreamwardenError(
            f"id {any_id!r}: no anomaly, episode or incident of this id in what was read; read further back, or check the id "
            "with `streamwarden tail`",
            code="ID_NOT_FOUND",
        )
    if len(found) > 1:
        some = ", ".join(found[:5])
        raise ConfigError(f"id {any_id!r} fits {len(found)} ids ({some}); give more of it", code="ID_AMBIGUOUS")
    return found[0]


def explain(
    any_id: str,
    *,
    anomalies: Iterable[Anomaly] = (),
    checked: Iterable[CheckedAnomaly] = (),
    alerts: Iterable[AlertEvent] = (),
    incidents: Iterable[IncidentState] = (),
) -> Trace:
    """Trace one anomaly, episode or incident through what the topics hold.

    Parameters
    ----------
    any_id : str
        Whole id, or its first `MIN_ID_CHARACTERS` characters or more.
    anomalies, checked, alerts, incidents : iterables
        Contents of the topics of these names, in their order; each may be partial.

    Returns
    -------
    Trace
        With a conclusion that says which of them it could not find.

    Raises
    ------
    ConfigError
        The id is too short (``ID_SHORT``) or fits several (``ID_AMBIGUOUS``).
    StreamwardenError
        Nothing of this id was found (``ID_NOT_FOUND``).
    """
    checks, told, states = list(checked), list(alerts), list(incidents)
    seen = {anomaly.id: anomaly for anomaly in (*anomalies, *(check.anomaly for check in checks))}
    episode_by_anomaly = {anomaly.id: anomaly.episode_id for anomaly in seen.values()}
    trail = [reason for state in states for reason in state.trail]
    incident_ids = {event.incident_id for event in told} | {state.incident_id for state in states}
    incident_ids |= {reason.incident_id for reason in trail}
    known = {*seen, *episode_by_anomaly.values(), *incident_ids}
    known |= {one for event in told for one in event.anomaly_ids}
    known |= {one for reason in trail for one in (reason.anomaly_id, reason.episode_id)}
    whole = _resolve(any_id, known - {""})

    if whole in incident_ids:
        kind, incidents_in = "incident", {whole}
        episodes = {one.episode_id for event in told if event.incident_id == whole for one in event.series}
        episodes |= {reason.episode_id for reason in trail if reason.incident_id == whole and reason.episode_id}
        ids = {one for event in told if event.incident_id == whole for one in event.anomaly_ids}
        episodes |= {episode_by_anomaly[one] for one in ids if one in episode_by_anomaly}
    else:
        episodes = {episode_by_anomaly.get(whole, whole)}
        kind = "episode" if whole in episodes else "anomaly"
        incidents_in = {reason.incident_id for reason in trail if reason.episode_id in episodes and reason.incident_id}
        incidents_in |= {
            event.incident_id
            for event in told
            if whole in event.anomaly_ids or any(one.episode_id in episodes for one in event.series)
        }
    mine = [anomaly for anomaly in seen.values() if anomaly.episode_id in episodes]
    my_checks = [check for check in checks if check.anomaly.episode_id in episodes]
    my_events = [event for event in told if event.incident_id in incidents_in]
    if kind == "incident":
        my_reasons = [reason for reason in trail if reason.incident_id == whole]
    else:
        my_reasons = [
            reason
            for reason in trail
            if reason.episode_id in episodes or (not reason.episode_id and reason.incident_id in incidents_in)
        ]
    steps = [*_tell_anomalies(mine), *_tell_checks(my_checks), *_tell_reasons(my_reasons), *_tell_events(my_events)]
    ordered = sorted(dict.fromkeys(steps), key=lambda step: step[:2])
    conclusion = _conclude(mine, my_checks, my_reasons, my_events, episodes)
    return Trace(whole, kind, conclusion, tuple((time_ns, text) for time_ns, _, text in ordered))


_Step = tuple[int, int, str]


def _tell_anomalies(anomalies: list[Anomaly]) -> Iterable[_Step]:
    n_told: dict[str, int] = {}
    for anomaly in sorted(anomalies, key=lambda one: (one.offset, one.position)):
        folded = anomaly.n_anomalous - n_told.get(anomaly.episode_id, 0) - (anomaly.phase != "cleared")
        n_told[anomaly.episode_id] = anomaly.n_anomalous
        text = f"{anomaly.kind} {anomaly.phase} by detector {anomaly.detector}: {anomaly.series}"
        if anomaly.phase != "cleared":
            text += f", {anomaly.explanation}" if anomaly.explanation else ""
            if anomaly.tail_probability == anomaly.tail_probability:
                text += f" ({describe_probability(anomaly.tail_probability)})"
        text += f"; place {anomaly.topic}/{anomaly.partition}@{anomaly.offset}"
        if folded > 0:
            text += f"; {folded} anomalous samples before it were folded into the episode"
        yield anomaly.event_time_ns, 0, text


def _tell_checks(checks: list[CheckedAnomaly]) -> Iterable[_Step]:
    provisional = {check.anomaly.id for check in checks if not check.is_final}
    for check in checks:
        anomaly, verdict = check.anomaly, check.verdict
        if not check.is_final:
            yield anomaly.event_time_ns, 1, "passed on at once, before the cross-check (policy emit_then_update)"
        elif verdict is not None:
            way = "" if anomaly.id in provisional else "; it was held until then (policy hold)"
            detail = f"cross-check {verdict.provider}: {verdict.outcome} ({verdict.reason}): {verdict.detail}{way}"
            yield anomaly.event_time_ns, 2, detail
        elif anomaly.phase == "opened":
            yield anomaly.event_time_ns, 2, "passed on without a cross-check (it is switched off)"


def _tell_reasons(reasons: list[Reason]) -> Iterable[_Step]:
    for reason in reasons:
        sentence = REASONS.get(reason.code, "")
        detail = f" {reason.detail}" if reason.detail and reason.detail != sentence else ""
        place = f" [incident {reason.incident_id}]" if reason.incident_id else ""
        yield reason.event_time_ns, 3, f"{reason.code}: {sentence}{detail}{place}"


def _tell_events(events: list[AlertEvent]) -> Iterable[_Step]:
    for event in events:
        codes = ", ".join(code for code, _ in event.reasons)
        yield event.time_ns, 4, f"ALERT {event.type} {event.id}: {event.title} ({codes})"


def _conclude(
    anomalies: list[Anomaly], checks: list[CheckedAnomaly], reasons: list[Reason], events: list[AlertEvent], episodes: set[str]
) -> str:
    codes = {reason.code for reason in reasons if reason.episode_id in episodes}
    quiet = next((code for code in _QUIET_CODES if code in codes), None)
    if codes & {"unmuted_confirmed", "unmuted_widened"}:
        quiet = None
    is_named = any(one.episode_id in episodes for event in events for one in event.series)
    is_counted = any(one.id in event.anomaly_ids for event in events for one in anomalies)
    if events and (is_named or (is_counted and quiet is None and "throttled" not in codes)):
        last = max(events, key=lambda event: (event.time_ns, event.sequence))
        text = f"It alerted: {_name_incidents(events)}, {len(events)} events, the last {last.type} {last.severity}."
        if {"verdict_refuted", "severity_lowered"} <= codes:
            text += " A refutation lowered its severity."
        if "refuted_muted" in codes and quiet is not None:
            text += " A refutation muted a suspicion of it."
        if "throttled" in codes:
            text += " Some changes waited for update_min_secs."
        return text
    of_others = f" (Others of its group alerted: {_name_incidents(events)}.)" if events else ""
    if quiet is not None:
        return f"It did not alert ({quiet}): {REASONS[quiet]}{of_others}"
    if events:
        why = f"no event has named it yet (throttled): {REASONS['throttled']}"
        return f"It joined {_name_incidents(events)}, which has alerted; {why}"
    if checks:
        return "It has not alerted: it was cross-checked, but neither an incident nor an alert of it is in what was read."
    if anomalies:
        return "It has not alerted: it was published, but the cross-check has not passed it on in what was read."
    return "It is known by its id only: its anomaly and its alerts are not in what was read."


def _name_incidents(events: list[AlertEvent]) -> str:
    ids = sorted({event.incident_id for event in events})
    return f"incident {ids[0]}" if len(ids) == 1 else f"incidents {', '.join(ids)}"
