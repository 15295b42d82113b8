"""Whatever comes, in whatever order and however often: what leaves is valid, gapless, and the same again."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alerts.event import AlertEvent
from pipeline.alerts.incident import apply, tick
from pipeline.alerts.policy import AlertPolicy
from pipeline.alerts.schema import validate
from pipeline.alerts.severity import SEVERITIES
from pipeline.alerts.state import IncidentState
from pipeline.config.schema import AlertSettings, CrosscheckSettings
from pipeline.crosscheck.base import CheckedAnomaly
from tests.stories.timeline import at_ns, make_anomaly, make_verdict

RULES = [
    {"name": "wide", "min_series": 3, "severity": "P0"},
    {"name": "rare", "max_tail_probability": 1e-9, "severity": "P1"},
    {"name": "b", "match": {"name": "tps_b"}, "severity": "P2"},
]
SHORT = {"context_time_ns": (0, 1), "context_value": (1.0, 9.0)}


@dataclass(frozen=True)
class Step:
    """One message, or (`checked` None) a tick; wall clock in seconds of the story."""

    checked: CheckedAnomaly | None
    now_secs: float

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(self.describe())

    def describe(self) -> str:
        """One line, for failing examples."""
        if self.checked is None:
            return f"tick@{self.now_secs:g}"
        anomaly, verdict = self.checked.anomaly, self.checked.verdict
        at_secs = (anomaly.event_time_ns - at_ns(0)) / 1e9
        text = f"{anomaly.series.name}#{anomaly.offset} {anomaly.kind} {anomaly.phase} of {anomaly.episode_id[:4]} t={at_secs:g}"
        told = f" {verdict.outcome}" if verdict else ""
        return f"<{text}{told}{'' if self.checked.is_final else ' provisional'} @{self.now_secs:g}>"


@st.composite
def lifelines(draw: st.DrawFn, name: str) -> list[CheckedAnomaly]:
    """The messages of one series in order: some episodes, each opened, perhaps continued, perhaps cleared."""
    messages: list[CheckedAnomaly] = []
    at, offset = draw(st.floats(0, 200)), draw(st.integers(0, 50))
    for _ in range(draw(st.integers(1, 3))):
        offset += 1
        kind = draw(st.sampled_from(["point", "point", "absence", "new_template"]))
        tail = draw(st.sampled_from([1e-6, 1e-12, float("nan")]))
        opened = make_anomaly(name, at, offset, kind=kind, tail_probability=tail, peak_tail_probability=tail, **SHORT)
        verdict = draw(st.sampled_from([None, "confirmed", "refuted", "unknown"]))
        if draw(st.booleans()) and verdict is not None:
            messages.append(CheckedAnomaly(opened, None, False))
        messages.append(CheckedAnomaly(opened, None if verdict is None else make_verdict(verdict), True))
        for phase in draw(st.sampled_from([[], ["continued"], ["continued", "continued", "cleared"], ["cleared"]])):
            offset += 1
            at += draw(st.floats(0, 400))
            later = make_anomaly(name, at, offset, kind=kind, phase=phase, n_anomalous=3, peak_tail_probability=tail, **SHORT)
            later = replace(later, episode_id=opened.id, started_ns=opened.started_ns)
            messages.append(CheckedAnomaly(later, None, True))
        at += draw(st.floats(0, 400))
    return messages


@st.composite
def storylines(draw: st.DrawFn) -> list[Step]:
    """Lifelines of several series interleaved (each in its order), with repeats and ticks thrown in."""
    lines = [list(draw(lifelines(name))) for name in "abcd"[: draw(st.integers(1, 4))]]
    order = draw(st.permutations([i for i, line in enumerate(lines) for _ in line]))
    queue = [iter(line) for line in lines]
    sent: list[CheckedAnomaly] = []
    steps: list[Step] = []
    now_secs = 0.0
    for i in order:
        checked = next(queue[i])
        sent.append(checked)
        steps.append(Step(checked, now_secs := now_secs + draw(st.floats(0, 100))))
        if draw(st.integers(0, 3)) == 0:
            steps.append(Step(draw(st.sampled_from(sent)), now_secs))
        if draw(st.integers(0, 4)) == 0:
            steps.append(Step(None, now_secs := now_secs + draw(st.floats(0, 5_000))))
    return steps


policies = st.builds(
    lambda refuted, confirmed, update, resolve, rules, named: AlertPolicy(
        AlertSettings.model_validate(
            {
                "severity": rules,
                "incident": {"update_min_secs": update, "resolve_after_secs": resolve, "max_series": named},
            }
        ),
        CrosscheckSettings(on_refuted=refuted, on_confirmed=confirmed),
        "us-east-1",
    ),
    st.sampled_from(["lower", "mute", "keep"]),
    st.sampled_from(["raise", "keep"]),
    st.sampled_from([0.0, 60.0, 1_000.0]),
    st.sampled_from([0.0, 60.0, 300.0]),
    st.sampled_from([[], RULES]),
    st.sampled_from([1, 50]),
)


def run(steps: list[Step], policy: AlertPolicy, *, through_json: bool = False) -> tuple[IncidentState | None, list[AlertEvent]]:
    """The state and the events at the end."""
    state: IncidentState | None = None
    told: list[AlertEvent] = []
    for offset, step in enumerate(steps):
        now_ns = at_ns(step.now_secs)
        if step.checked is not None:
            state, events = apply(state, step.checked, now_ns=now_ns, offset=offset, policy=policy)
        elif state is not None:
            state, events = tick(state, now_ns, policy)
        else:
            continue
        told.extend(events)
        if through_json:
            state = IncidentState.from_json(state.to_json())
    return state, told


@settings(deadline=None, max_examples=150)
@given(storylines(), policies)
def test_events_are_valid_gapless_and_unique(steps: list[Step], policy: AlertPolicy) -> None:
    _, told = run(steps, policy)
    ids = [event.id for event in told]
    assert len(set(ids)) == len(ids)
    by_incident: dict[str, list[AlertEvent]] = defaultdict(list)
    for event in told:
        validate(orjson.loads(event.to_json()))
        by_incident[event.incident_id].append(event)
    for events in by_incident.values():
        assert [event.sequence for event in events] == list(range(len(events)))
        assert events[0].type == "firing"
        assert {event.type for event in events[1:-1]} <= {"updated"}
        for before, after in pairwise(events):
            assert after.previous_severity == before.severity
            assert after.time_ns >= before.time_ns
            assert after.starts_ns <= before.starts_ns
            if SEVERITIES.index(after.severity) > SEVERITIES.index(before.severity):
                assert {"verdict_refuted", "refuted_muted"} & {code for code, _ in after.reasons}
            if policy.crosscheck.on_refuted == "keep":
                assert after.severity <= before.severity
        for event in events:
            assert (event.type == "resolved") == (event is events[-1] and event.ends_ns is not None)
            if event.ends_ns is not None:
                assert event.starts_ns <= event.ends_ns
            assert len(event.series) <= policy.alerts.incident.max_series
    # At most one incident is open at a time: they do not interleave.
    order = [event.incident_id for event in told]
    assert sum(a != b for a, b in pairwise(order)) == max(len(by_incident) - 1, 0)


@settings(deadline=None, max_examples=80)
@given(storylines(), policies)
def test_a_state_that_went_through_json_goes_on_the_same(steps: list[Step], policy: AlertPolicy) -> None:
    plain, told = run(steps, policy)
    restored, told_again = run(steps, policy, through_json=True)
    assert plain == restored
    assert [event.to_json() for event in told] == [event.to_json() for event in told_again]


@settings(deadline=None, max_examples=150)
@given(storylines(), policies, st.data())
def test_a_replay_from_any_offset_tells_nothing_again(steps: list[Step], policy: AlertPolicy, data: st.DataObject) -> None:
    messages = [step for step in steps if step.checked is not None]
    state, _ = run(messages, policy)
    assert state is not None
    start = data.draw(st.integers(0, len(messages)))
    # The same offsets again, as after a crash; then the same messages under new offsets, as from a producer that crashed.
    for again, first in ((False, 0), (True, len(messages))):
        for i, step in enumerate(messages[start:], start):
            assert step.checked is not None
            after, events = apply(state, step.checked, now_ns=at_ns(0), offset=first + i, policy=policy)
            assert events == []
            if not again:
                assert after == state
            state = after


@settings(deadline=None, max_examples=150)
@given(storylines(), policies)
def test_repeats_thrown_in_change_nothing_that_is_told(steps: list[Step], policy: AlertPolicy) -> None:
    seen: list[CheckedAnomaly] = []
    news: list[Step] = []
    for step in steps:
        if step.checked is not None:
            if step.checked in seen:
                continue
            seen.append(step.checked)
        news.append(step)
    _, told = run(steps, policy)
    _, told_once = run(news, policy)
    assert [event.to_json() for event in told] == [event.to_json() for event in told_once]


@settings(deadline=None, max_examples=100)
@given(storylines(), policies, st.lists(st.floats(0, 3_000), max_size=5))
def test_the_wall_clock_given_with_messages_changes_no_event(steps: list[Step], policy: AlertPolicy, shifts: list[float]) -> None:
    messages = [step for step in steps if step.checked is not None]
    shifted = [replace(step, now_secs=shifts[i % len(shifts)]) for i, step in enumerate(messages)] if shifts else messages
    assert run(messages, policy)[1] == run(shifted, policy)[1]


@settings(deadline=None, max_examples=150)
@given(storylines(), policies)
def test_every_suspicion_that_counts_is_told_or_has_a_reason(steps: list[Step], policy: AlertPolicy) -> None:
    """No opening vanishes: its series is in an event, or its episode in the trail under a reason that keeps it quiet."""
    messages = [step for step in steps if step.checked is not None]
    state, told = run(messages, policy)
    assert state is not None
    in_events = {one for event in told for one in event.anomaly_ids} | {one.episode_id for event in told for one in event.series}
    muted = {reason.episode_id for reason in state.trail if reason.code == "refuted_muted"}
    waiting = {reason.anomaly_id for reason in state.trail if reason.code == "throttled"}
    for step in messages:
        anomaly = step.checked.anomaly if step.checked is not None else None
        if anomaly is not None and anomaly.phase == "opened" and len(state.trail) < 100:
            assert anomaly.id in in_events | muted | waiting


@settings(deadline=None, max_examples=150)
@given(storylines(), policies, st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_ticks_change_nothing_while_the_wall_clock_keeps_pace(
    steps: list[Step], policy: AlertPolicy, shares: list[float]
) -> None:
    """In event-time order, with the clock at event time, what is due is told the same by a tick as by the next message."""
    patient = policy.alerts.incident.model_copy(update={"stale_after_secs": 1e9})
    policy = replace(policy, alerts=policy.alerts.model_copy(update={"incident": patient}))
    checked = sorted((step.checked for step in steps if step.checked is not None), key=lambda one: one.anomaly.event_time_ns)
    plain = ticked = None
    told_plain: list[AlertEvent] = []
    told_ticked: list[AlertEvent] = []
    now_ns = checked[0].anomaly.event_time_ns
    for offset, message in enumerate(checked):
        until_ns = message.anomaly.event_time_ns
        if ticked is not None:
            between_ns = now_ns + round((until_ns - now_ns) * shares[offset % len(shares)])
            ticked, events = tick(ticked, between_ns, policy)
            told_ticked.extend(events)
        now_ns = until_ns
        plain, events = apply(plain, message, now_ns=now_ns, offset=offset, policy=policy)
        told_plain.extend(events)
        ticked, events = apply(ticked, message, now_ns=now_ns, offset=offset, policy=policy)
        told_ticked.extend(events)
    assert plain is not None
    assert ticked is not None
    far_ns = now_ns + 10**15
    told_plain.extend(tick(plain, far_ns, policy)[1])
    told_ticked.extend(tick(ticked, far_ns, policy)[1])
    assert [event.to_json() for event in told_plain] == [event.to_json() for event in told_ticked]
