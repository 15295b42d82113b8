"""One step of an incident's life: taking in a message, letting event time pass, ending.

A `Transition` holds the state on its way from one value to the next; states themselves are never changed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pipeline.alerts.emission import build_event, rank_series
from pipeline.alerts.episode import AlertSeries
from pipeline.alerts.event import AlertEvent, AlertType
from pipeline.alerts.grouping import REGION_LABEL, incident_id
from pipeline.alerts.policy import AlertPolicy
from pipeline.alerts.reason import REASONS, Reason
from pipeline.alerts.repeat import is_late_verdict
from pipeline.alerts.severity import adjust, demands_breadth, grade, most_severe
from pipeline.alerts.state import MAX_TRAIL, IncidentState, TrackedEpisode
from pipeline.alerts.tracking import count_anomaly, forget_episodes, make_room, put_episode
from pipeline.clock import NS_PER_SEC
from pipeline.crosscheck.base import CheckedAnomaly
from pipeline.engine.anomaly import Anomaly

__all__ = ["Transition", "secs_to_ns"]

MAX_HELD = 20
_MOMENTARY_KINDS = frozenset({"new_template"})
"""Kinds that happen rather than last: over as soon as they are seen."""


def secs_to_ns(secs: float) -> int:
    """Seconds as whole ns."""
    return round(secs * NS_PER_SEC)


class Transition:
    """A state on its way to the next.

    Parameters
    ----------
    state : IncidentState
        Where it starts; not changed.
    policy : AlertPolicy
        Settings.

    Attributes
    ----------
    state : IncidentState
        Where it is now.
    events : list of AlertEvent
        What is to be told, in order.
    """

    def __init__(self, state: IncidentState, policy: AlertPolicy) -> None:
        self.state = state
        self.events: list[AlertEvent] = []
        self._policy = policy
        self._limits = policy.alerts.incident
        self._news: list[tuple[str, str]] = []
        self._is_urgent = False
        self._is_new = False

    def change(self, **fields: Any) -> None:
        """Go on to a state that differs in these fields."""
        self.state = replace(self.state, **fields)

    # -- event time passes ------------------------------------------------------------------------------------------------

    def settle(self, until_ns: int) -> None:
        """Do what is due up to this event time, at the times it was due: updates that waited, the resolution."""
        while self.state.status == "firing":
            state = self.state
            update_due_ns = state.last_event_ns + secs_to_ns(self._limits.update_min_secs) if state.held else None
            resolve_due_ns = (
                None if state.quiet_since_ns is None else state.quiet_since_ns + secs_to_ns(self._limits.resolve_after_secs)
            )
            due_ns = min((due for due in (update_due_ns, resolve_due_ns) if due is not None), default=None)
            if due_ns is None or due_ns > until_ns:
                return
            if due_ns == resolve_due_ns:
                self._end("resolved", due_ns)
            else:
                self._record("update_due", f"{len(state.held)} changes")
                self._emit_update(due_ns, ())

    def expire(self) -> None:
        """End whatever is open: nothing was heard of it for too long."""
        due_ns = self.state.watermark_ns + secs_to_ns(self._limits.stale_after_secs)
        if self.state.status == "firing":
            self._end("stale", due_ns)
        else:
            self._record("stale", REASONS["stale"])
        self._forget(self.state.episodes)
        self.change(status="resolved")

    # -- a message comes ----------------------------------------------------------------------------------------------------

    def recognise(self, checked: CheckedAnomaly, code: str) -> None:
        """Leave the reason why a message was no news."""
        self._record(code, REASONS[code], checked.anomaly)
        if code == "late_verdict":
            closed = tuple(
                replace(one, is_final=True) if one.id == checked.anomaly.episode_id else one for one in self.state.closed
            )
            self.change(closed=closed)

    def take(self, checked: CheckedAnomaly) -> None:
        """Take in a message that is news."""
        anomaly = checked.anomaly
        n_open = self.state.n_open
        self.change(watermark_ns=max(self.state.watermark_ns, anomaly.event_time_ns), config_hash=anomaly.config_hash)
        episode = self.state.find(anomaly.episode_id)
        if episode is None:
            self._join(checked)
        elif is_late_verdict(episode, checked):
            self._put(replace(episode, is_final=True, facts=replace(episode.facts, verdict=checked.verdict)))
            self._tell_verdict(checked)
        elif anomaly.phase == "cleared":
            self._clear(episode, anomaly)
        else:
            self._continue(episode, anomaly)
        self._weigh_mutes(checked)
        self._regrade(anomaly.episode_id, n_open)
        self._conclude(anomaly)

    def _join(self, checked: CheckedAnomaly) -> None:
        anomaly = checked.anomaly
        if self.state.status == "resolved":
            self._begin(anomaly)
        is_rejoin = self.state.quiet_since_ns is not None
        facts = AlertSeries.from_anomaly(anomaly, checked.verdict, "P3", None)
        if anomaly.kind in _MOMENTARY_KINDS:
            facts = replace(facts, ended_ns=anomaly.event_time_ns)
        if sum(bool(one.facts.context_time_ns) for one in self.state.episodes) >= self._limits.max_series:
            facts = facts.without_context()
        verdict_is_due = anomaly.phase == "opened" and not checked.is_final
        episode = TrackedEpisode(
            facts=facts,
            incident_id=self.state.incident_id,
            partition=anomaly.partition,
            offset=anomaly.offset,
            position=anomaly.position,
            base_severity="P3",
            is_final=not verdict_is_due,
            is_muted=False,
        )
        self.state, has_room = make_room(count_anomaly(self.state, anomaly.id, n_episodes=1), episode, self._limits.max_series)
        if not has_room:
            self._forget((episode,))
            self._tell("untracked", f"{anomaly.series}: {REASONS['untracked']}", anomaly)
        else:
            self.change(episodes=(*self.state.episodes, episode))
            code = "rejoined" if is_rejoin else "joined" if self.state.sequence else "opened"
            self._tell(code, f"{anomaly.series} ({anomaly.detector})", anomaly)
        self._is_new = True
        self._tell_verdict(checked)

    def _continue(self, episode: TrackedEpisode, anomaly: Anomaly) -> None:
        seen = episode.facts
        facts = AlertSeries.from_anomaly(anomaly, seen.verdict, seen.severity, seen.rule)
        peaks = [tail for tail in (seen.peak_tail_probability, facts.peak_tail_probability) if tail is not None]
        facts = replace(
            facts,
            started_ns=min(seen.started_ns, facts.started_ns),
            last_ns=max(seen.last_ns, facts.last_ns),
            peak_tail_probability=min(peaks, default=None),
        )
        if not seen.context_time_ns:
            facts = facts.without_context()
        if anomaly.kind in _MOMENTARY_KINDS:
            facts = replace(facts, ended_ns=anomaly.event_time_ns)
        self._put(replace(episode, facts=facts, offset=anomaly.offset, position=anomaly.position))
        self.state = count_anomaly(self.state, anomaly.id)
        self._tell("continued", f"{anomaly.series}: {anomaly.n_anomalous} anomalous samples", anomaly, is_muted=episode.is_muted)

    def _clear(self, episode: TrackedEpisode, anomaly: Anomaly) -> None:
        ended_ns = max(anomaly.event_time_ns, episode.facts.started_ns)
        facts = replace(episode.facts, ended_ns=ended_ns, last_ns=max(episode.facts.last_ns, ended_ns))
        facts = replace(facts, n_anomalous=max(facts.n_anomalous, anomaly.n_anomalous))
        ended = replace(episode, facts=facts, offset=anomaly.offset, position=anomaly.position)
        if not episode.facts.is_open:
            self._put(replace(ended, facts=episode.facts))
            return
        self._put(ended)
        self._tell("cleared", f"{anomaly.series} ({anomaly.detector})", anomaly, is_muted=episode.is_muted)
        if episode.is_muted:
            self._forget((ended,))

    # -- what it means --------------------------------------------------------------------------------------------------------

    def _weigh_mutes(self, checked: CheckedAnomaly) -> None:
        """Mute a refuted suspicion, unless others of the group outvote the refutation; then unmute those muted before."""
        if self._policy.crosscheck.on_refuted != "mute":
            return
        state, anomaly = self.state, checked.anomaly
        is_confirmed = any(
            episode.is_active and episode.facts.verdict is not None and episode.facts.verdict.outcome == "confirmed"
            for episode in state.episodes
        )
        n_all = len({episode.facts.series for episode in state.episodes if episode.facts.is_open})
        rules = self._policy.alerts.severity
        is_wide = any(demands_breadth(one.facts.facts(n_all), rules) for one in state.episodes if one.facts.is_open)
        if is_confirmed or is_wide:
            code = "unmuted_confirmed" if is_confirmed else "unmuted_widened"
            for episode in state.episodes:
                if episode.is_muted:
                    self._unmute(episode, code, anomaly)
            return
        refuted = state.find(anomaly.episode_id)
        if refuted is None or refuted.is_muted or checked.verdict is None or checked.verdict.outcome != "refuted":
            return
        muted = replace(refuted, is_muted=True)
        if self._is_new:
            self._news.clear()
        self._record("refuted_muted", f"{anomaly.series}: {checked.verdict.detail or REASONS['refuted_muted']}", anomaly)
        if muted.facts.is_open:
            self._put(muted)
        elif any(one.id != muted.id for one in state.members):
            self._forget((muted,))
        else:
            self._put(muted)

    def _unmute(self, episode: TrackedEpisode, code: str, anomaly: Anomaly) -> None:
        if self.state.status == "resolved":
            self._begin(anomaly)
        if episode.incident_id != self.state.incident_id:
            self.state = count_anomaly(self.state, episode.id, n_episodes=1)
            self.change(verdicts=self.state.verdicts | {"refuted": self.state.verdicts["refuted"] + 1})
        self._put(replace(episode, is_muted=False, incident_id=self.state.incident_id))
        self._tell(code, f"{episode.facts.series}: {REASONS[code]}", anomaly, is_urgent=True)

    def _regrade(self, episode_id: str, n_open_before: int) -> None:
        """Grade the episode that changed, and all active ones when a rule's breadth was reached."""
        n_open, rules, crosscheck = self.state.n_open, self._policy.alerts.severity, self._policy.crosscheck
        is_wider = any(n_open_before < rule.min_series <= n_open for rule in rules)
        for episode in self.state.episodes:
            if episode.id != episode_id and not (is_wider and episode.is_active):
                continue
            # Severity only rises with the facts (P0 sorts first): what a refutation takes away is taken from the highest grade.
            found = grade(episode.facts.facts(max(n_open, 1)), rules)
            is_first = episode.facts.rule is None and episode.base_severity == "P3"
            is_higher = found.severity < episode.base_severity
            base = found.severity if is_higher else episode.base_severity
            rule = found.rule if is_higher or is_first else episode.facts.rule
            severity = adjust(base, episode.facts.verdict, crosscheck)
            self._put(replace(episode, base_severity=base, facts=replace(episode.facts, severity=severity, rule=rule)))

    def _conclude(self, anomaly: Anomaly) -> None:
        """Open, update or withdraw the incident, by the episodes that count."""
        members = self.state.members
        if not members:
            if self.state.status == "firing" and any(one.incident_id == self.state.incident_id for one in self.state.episodes):
                self._end("withdrawn", self.state.watermark_ns)
                self._forget(tuple(one for one in self.state.episodes if not one.facts.is_open))
            elif self.state.status == "pending" and all(not one.facts.is_open for one in self.state.episodes):
                self._forget(self.state.episodes)
                self.change(status="resolved")
            return
        if self.state.status == "resolved":
            self._begin(anomaly)
        self._weigh_severity(anomaly)
        started_ns = min(episode.facts.started_ns for episode in members)
        quiet_since_ns = self.state.quiet_since_ns
        if any(episode.is_active for episode in members):
            quiet_since_ns = None
        elif quiet_since_ns is None:
            quiet_since_ns = self.state.watermark_ns
        is_first = self.state.sequence == 0
        self.change(started_ns=started_ns if is_first else min(started_ns, self.state.started_ns), quiet_since_ns=quiet_since_ns)
        self._announce(anomaly, is_first=is_first)

    def _weigh_severity(self, anomaly: Anomaly) -> None:
        state = self.state
        worst = rank_series(state.members)[0]
        severity = most_severe([worst.severity, *([] if state.floor is None else [state.floor])])
        rule = worst.rule if severity == worst.severity else state.rule
        if state.sequence and severity != state.severity:
            code = "severity_raised" if severity < state.severity else "severity_lowered"
            self._tell(code, f"{state.severity} to {severity}" + (f" by rule {rule}" if rule else ""), anomaly, is_urgent=True)
        self.change(severity=severity, rule=rule)

    def _announce(self, anomaly: Anomaly, *, is_first: bool) -> None:
        """Tell the news now, or hold it while the last event is too young."""
        state, now_ns = self.state, max(self.state.watermark_ns, self.state.last_event_ns)
        if is_first:
            self.change(status="firing")
            self._emit("firing", max(state.watermark_ns, state.started_ns), self._news)
        elif not self._news:
            return
        elif self._is_urgent or now_ns - state.last_event_ns >= secs_to_ns(self._limits.update_min_secs):
            self._emit_update(now_ns, tuple(self._news))
        else:
            self.change(held=(*state.held, *self._news)[-MAX_HELD:])
            self._record("throttled", ", ".join(code for code, _ in self._news), anomaly)

    # -- bookkeeping ------------------------------------------------------------------------------------------------------------

    def _begin(self, anomaly: Anomaly) -> None:
        """Begin an incident of which nothing has been told yet."""
        labels = self.state.labels
        self.change(
            status="pending",
            incident_id=incident_id(self.state.group, anomaly.id),
            region=labels.get(REGION_LABEL) or anomaly.series.get(REGION_LABEL) or self._policy.region,
            sequence=0,
            told_severity=None,
            floor=None,
            rule=None,
            started_ns=anomaly.started_ns,
            quiet_since_ns=None,
            held=(),
            n_anomalies=0,
            n_episodes=0,
            anomaly_ids=(),
            verdicts=dict.fromkeys(self.state.verdicts, 0),
        )

    def _put(self, episode: TrackedEpisode) -> None:
        self.state = put_episode(self.state, episode)

    def _forget(self, episodes: tuple[TrackedEpisode, ...]) -> None:
        self.state = forget_episodes(self.state, episodes)

    def _end(self, code: str, due_ns: int) -> None:
        state = self.state
        told = state.members or tuple(one for one in state.episodes if one.incident_id == state.incident_id)
        ends_ns = max(one.facts.last_ns if one.facts.ended_ns is None else one.facts.ended_ns for one in told)
        self._record(code, REASONS[code])
        time_ns = max(due_ns, state.last_event_ns)
        reasons = [*state.held, (code, REASONS[code])]
        self._emit("resolved", time_ns, reasons, ends_ns=max(ends_ns, state.started_ns), end=code)
        self._forget(state.members)
        self.change(status="resolved", quiet_since_ns=None)

    def _emit_update(self, time_ns: int, news: tuple[tuple[str, str], ...]) -> None:
        self._emit("updated", time_ns, [*self.state.held, *news])

    def _emit(
        self, event_type: AlertType, time_ns: int, reasons: list[tuple[str, str]], *, ends_ns: int | None = None, end: str = ""
    ) -> None:
        event = build_event(self.state, event_type, time_ns, reasons, self._policy, ends_ns=ends_ns, end=end)
        self.events.append(event)
        self.change(sequence=self.state.sequence + 1, told_severity=self.state.severity, last_event_ns=time_ns, held=())

    def _tell_verdict(self, checked: CheckedAnomaly) -> None:
        if checked.verdict is None:
            return
        verdict = checked.verdict
        counts = self.state.verdicts
        self.change(verdicts=counts | {verdict.outcome: counts[verdict.outcome] + 1})
        detail = f"{checked.anomaly.series}: {verdict.provider}, {verdict.reason}: {verdict.detail}"
        # A verdict that comes with its suspicion changes nothing that was told; one that comes later does.
        self._tell(f"verdict_{verdict.outcome}", detail, checked.anomaly, is_urgent=not self._is_new)

    def _tell(self, code: str, detail: str, anomaly: Anomaly, *, is_urgent: bool = False, is_muted: bool = False) -> None:
        """Record a decision that the next event tells of (unless it is about a muted suspicion)."""
        self._record(code, detail, anomaly)
        if not is_muted:
            self._news.append((code, detail))
            self._is_urgent = self._is_urgent or is_urgent

    def _record(self, code: str, detail: str, anomaly: Anomaly | None = None) -> None:
        reason = Reason(
            code,
            self.state.watermark_ns if anomaly is None else anomaly.event_time_ns,
            self.state.incident_id,
            "" if anomaly is None else anomaly.id,
            "" if anomaly is None else anomaly.episode_id,
            detail,
        )
        self.change(trail=(*self.state.trail, reason)[-MAX_TRAIL:])
