"""What the alerts of a run were worth: which expected incidents were caught, how fast, and which alerts were about nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.alerts.episode import AlertSeries
from pipeline.alerts.event import AlertEvent
from pipeline.clock import NS_PER_SEC
from pipeline.demo.incidents import ScheduledIncident
from pipeline.demo.network import SeriesMatch
from pipeline.demo.timeline import Timeline
from pipeline.samples.labels import LabelSet

__all__ = ["Expectation", "FalseAlert", "Judgement", "Outcome", "expect_incidents", "judge"]


@dataclass(frozen=True, slots=True)
class Expectation:
    """Something that should alert.

    Attributes
    ----------
    name, title : str
        Short name; one line.
    region : str
        Where, for the summary.
    category : str or None
        Category its alerts should have; None = any.
    affected : tuple of SeriesMatch
        Series that show it.
    start_ns, end_ns : int
        Event time, ns UTC, as it was sent.
    """

    name: str
    title: str
    region: str
    category: str | None
    affected: tuple[SeriesMatch, ...]
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an expectation.

    Attributes
    ----------
    expectation : Expectation
        What should have alerted.
    caught_ns : int or None
        Event time of the first alert event about it; None = it was missed.
    event_id : str or None
        Id of that event.
    first_severity, worst_severity : str or None
        Severity of that event, and the most severe of all events about it.
    has_category : bool
        Whether any of them had the expected category.
    series : LabelSet or None
        The affected series that event shows, the most severe of them.
    """

    expectation: Expectation
    caught_ns: int | None = None
    event_id: str | None = None
    first_severity: str | None = None
    worst_severity: str | None = None
    has_category: bool = False
    series: LabelSet | None = None

    @property
    def delay_secs(self) -> float | None:
        """Event time from the start of the incident to the first alert about it; None = missed."""
        return None if self.caught_ns is None else max(self.caught_ns - self.expectation.start_ns, 0) / NS_PER_SEC


@dataclass(frozen=True, slots=True)
class FalseAlert:
    """An alert incident that is about nothing that was expected.

    Attributes
    ----------
    incident_id, severity, title : str
        Severity and title of its most severe event.
    starts_ns : int
        Event time of its first anomalous sample, ns UTC.
    """

    incident_id: str
    severity: str
    title: str
    starts_ns: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """The whole verdict.

    Attributes
    ----------
    outcomes : tuple of Outcome
        One an expectation, in their order.
    false_alerts : tuple of FalseAlert
        In order of start.
    n_incidents : int
        Alert incidents in all.
    n_episodes, n_false_episodes : int
        Episodes of single series that alert events showed, in all and about nothing expected: an incident that is about something
        may show some of the latter beside.
    """

    outcomes: tuple[Outcome, ...]
    false_alerts: tuple[FalseAlert, ...]
    n_incidents: int
    n_episodes: int
    n_false_episodes: int

    @property
    def n_caught(self) -> int:
        """Expectations that were met."""
        return sum(outcome.caught_ns is not None for outcome in self.outcomes)


def expect_incidents(incidents: Sequence[ScheduledIncident], timeline: Timeline, shift_ns: int) -> tuple[Expectation, ...]:
    """Expectations of a script whose event times were shifted."""
    return tuple(
        Expectation(
            incident.name,
            incident.title,
            incident.region,
            incident.category,
            incident.affected,
            incident.start_ns(timeline) + shift_ns,
            incident.end_ns(timeline) + shift_ns,
        )
        for incident in incidents
    )


def _explains(expectation: Expectation, shown: AlertSeries, slack_ns: int, grace_ns: int) -> bool:
    # An episode that began earlier does not count: its series was suspected for another reason.
    is_in_time = expectation.start_ns - slack_ns <= shown.started_ns <= expectation.end_ns + grace_ns
    return is_in_time and any(match.fits(shown.series) for match in expectation.affected)


def judge(
    expectations: Sequence[Expectation], events: Sequence[AlertEvent], *, slack_secs: float, grace_secs: float
) -> Judgement:
    """Compare alert events with what was expected.

    An expectation is caught by the first ``firing`` or ``updated`` event between its start and its end plus the grace that
    shows an affected series whose episode began in that time.  An incident none of whose episodes is about any expectation is a
    false alert.

    Parameters
    ----------
    expectations : sequence of Expectation
        What should alert.
    events : sequence of AlertEvent
        What alerted; an event that comes twice counts once.
    slack_secs : float
        How much earlier than the expectation an episode may have begun: a silence is dated from the last sample there was.
    grace_secs : float
        How much later than its end an alert still counts.
    """
    slack_ns, grace_ns = round(slack_secs * NS_PER_SEC), round(grace_secs * NS_PER_SEC)
    ordered = sorted({event.id: event for event in events}.values(), key=lambda event: (event.time_ns, event.id))
    telling = [event for event in ordered if event.type in ("firing", "updated")]
    outcomes = []
    for expectation in expectations:
        hits = [
            (event, shown)
            for event in telling
            if expectation.start_ns <= event.time_ns <= expectation.end_ns + grace_ns
            for shown in event.series
            if _explains(expectation, shown, slack_ns, grace_ns)
        ]
        outcomes.append(_outcome(expectation, hits))
    is_meant_by_episode: dict[str, bool] = {}
    told: dict[str, list[AlertEvent]] = {}
    meant: set[str] = set()
    for event in telling:
        told.setdefault(event.incident_id, []).append(event)
        for shown in event.series:
            is_meant = any(_explains(expectation, shown, slack_ns, grace_ns) for expectation in expectations)
            is_meant_by_episode[shown.episode_id] = is_meant
            if is_meant:
                meant.add(event.incident_id)
    false_alerts = []
    for incident_id, about in told.items():
        if incident_id not in meant:
            worst = min(about, key=lambda event: event.severity)
            false_alerts.append(FalseAlert(incident_id, worst.severity, worst.title, worst.starts_ns))
    false_alerts.sort(key=lambda alert: (alert.starts_ns, alert.incident_id))
    n_false_episodes = sum(not is_meant for is_meant in is_meant_by_episode.values())
    return Judgement(tuple(outcomes), tuple(false_alerts), len(told), len(is_meant_by_episode), n_false_episodes)


def _outcome(expectation: Expectation, hits: Sequence[tuple[AlertEvent, AlertSeries]]) -> Outcome:
    if not hits:
        return Outcome(expectation)
    first, shown = hits[0]
    return Outcome(
        expectation,
        caught_ns=first.time_ns,
        event_id=first.id,
        first_severity=first.severity,
        worst_severity=min(event.severity for event, _ in hits),
        has_category=any(expectation.category in (None, event.category) for event, _ in hits),
        series=shown.series,
    )
