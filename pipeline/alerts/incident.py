"""The incident: a pure state machine over the checked anomalies of one group.

::

                      refuted and muted                    a suspicion that counts
        (nothing) ───────────────────────▶ pending ───────────────────────────────┐
            │                                 │ all cleared, or stale              ▼
            └──────── any other suspicion ────┼──────────────────────────────▶ firing ──▶ firing (updated)
                                              ▼                                    │
                                          resolved ◀── clear for resolve_after_secs, stale, or every suspicion refuted and muted

Time is event time.  The state keeps the group's *watermark*, the highest event time among its messages, and the wall-clock
time at which the last one came.  What is due at a certain event time (a resolution, an update that waited) happens when a later
message shows that this time has passed, or when `tick` is told a wall-clock time by which it must have passed, if event time has
gone on at the pace of the wall clock since the last message.  Either way the event carries the time at which it was due, so it
does not matter who came first: the bytes are the same.
"""

from __future__ import annotations

from pipeline.alerts.event import AlertEvent
from pipeline.alerts.grouping import REGION_LABEL, group_labels, incident_group
from pipeline.alerts.policy import AlertPolicy
from pipeline.alerts.repeat import find_repeat
from pipeline.alerts.state import IncidentState
from pipeline.alerts.transition import Transition, secs_to_ns
from pipeline.crosscheck.base import CheckedAnomaly

__all__ = ["apply", "tick"]


def _begin(checked: CheckedAnomaly, now_ns: int, policy: AlertPolicy) -> IncidentState:
    anomaly = checked.anomaly
    labels = group_labels(anomaly, policy.alerts.incident, policy.region)
    return IncidentState(
        group=incident_group(anomaly, policy.alerts.incident, policy.region),
        offset=-1,
        heard_ns=now_ns,
        watermark_ns=anomaly.event_time_ns,
        status="resolved",
        incident_id="",
        category=anomaly.category,
        region=labels.get(REGION_LABEL) or anomaly.series.get(REGION_LABEL) or policy.region,
        labels=labels,
        sequence=0,
        severity="P3",
        told_severity=None,
        floor=None,
        rule=None,
        started_ns=anomaly.started_ns,
        quiet_since_ns=None,
        last_event_ns=anomaly.event_time_ns,
        held=(),
        n_anomalies=0,
        n_episodes=0,
        anomaly_ids=(),
        verdicts={"confirmed": 0, "refuted": 0, "unknown": 0},
        config_hash=anomaly.config_hash,
        episodes=(),
        closed=(),
        forgotten={},
        trail=(),
    )


def apply(
    state: IncidentState | None, checked: CheckedAnomaly, *, now_ns: int, offset: int, policy: AlertPolicy
) -> tuple[IncidentState, list[AlertEvent]]:
    """Take one checked anomaly into its group.

    Parameters
    ----------
    state : IncidentState or None
        Of the anomaly's group (`incident_group`); None when there is none yet.  Not changed.
    checked : CheckedAnomaly
        The message.
    now_ns : int
        Wall clock, ns UTC.  Kept for `tick`; the events do not depend on it.
    offset : int
        The message's offset in ``anomalies-checked``.
    policy : AlertPolicy
        Settings.

    Returns
    -------
    (IncidentState, list of AlertEvent)
        The new state and what to publish, in order.  A message that repeats one taken in already (its offset, or the same anomaly
        with the same finality) gives no event and changes nothing but the offset; one that cannot be told from a replay also
        leaves its reason in the trail.

    Examples
    --------
    >>> from pipeline.samples.labels import LabelSet
    >>> from pipeline.engine.anomaly import Anomaly
    >>> nan = float("nan")
    >>> anomaly = Anomaly("0" * 32, "point", "opened", "0" * 32, "metrics", 0, 7, 0, 10, 10, LabelSet({"__name__": "tps"}), "tps",
    ...     "application", "gaussian", 9.0, 1.0, 0.0, 2.0, 9.0, 1e-9, 1e-9, 1, "c", (), (10,), (9.0,), "9 is above 2")
    >>> state, events = apply(None, CheckedAnomaly(anomaly, None, True), now_ns=0, offset=0, policy=AlertPolicy())
    >>> events[0].type, events[0].title
    ('firing', 'P3 application local: tps above band (peak 1 in 1 billion)')
    >>> apply(state, CheckedAnomaly(anomaly, None, True), now_ns=0, offset=1, policy=AlertPolicy())[1]
    []
    """
    if state is not None and offset <= state.offset:
        return state, []
    if state is None:
        state = _begin(checked, now_ns, policy)
    anomaly = checked.anomaly
    transition = Transition(state, policy)
    repeat = find_repeat(state, checked)
    if repeat is None:
        transition.settle(max(state.watermark_ns, anomaly.event_time_ns))
        # The incident that the episode was part of may be over by now.
        repeat = find_repeat(transition.state, checked)
        if repeat is None:
            transition.take(checked)
            transition.settle(transition.state.watermark_ns)
        transition.change(heard_ns=max(now_ns, state.heard_ns))
    if repeat is not None and repeat != "duplicate":
        transition.recognise(checked, repeat)
    transition.change(offset=offset)
    return transition.state, transition.events


def tick(state: IncidentState, now_ns: int, policy: AlertPolicy) -> tuple[IncidentState, list[AlertEvent]]:
    """Let time pass for a group that hears nothing.

    Call it now and then for groups whose messages have all been read (a backlog holds news that time alone would get wrong).

    Parameters
    ----------
    state : IncidentState
        Not changed.
    now_ns : int
        Wall clock, ns UTC.
    policy : AlertPolicy
        Settings.

    Returns
    -------
    (IncidentState, list of AlertEvent)
        Updates that waited and are due, the resolution if it is due, or the end as ``stale`` when nothing was heard for
        `stale_after_secs` of wall-clock time.
    """
    if state.is_idle:
        return state, []
    silence_ns = max(now_ns - state.heard_ns, 0)
    transition = Transition(state, policy)
    transition.settle(state.watermark_ns + silence_ns)
    if silence_ns >= secs_to_ns(policy.alerts.incident.stale_after_secs) and not transition.state.is_idle:
        transition.expire()
    return transition.state, transition.events
