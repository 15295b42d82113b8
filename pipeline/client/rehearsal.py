"""Rehearsals: trials of a configuration played through the worker's own engine, cross-check and incidents, without Kafka."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.alerts.event import AlertEvent
from pipeline.alerts.grouping import incident_group
from pipeline.alerts.incident import apply, tick
from pipeline.alerts.policy import AlertPolicy
from pipeline.alerts.severity import grade_anomaly
from pipeline.alerts.state import IncidentState
from pipeline.clock import NS_PER_SEC
from pipeline.config.load import config_hash
from pipeline.config.matching import fits_glob
from pipeline.config.providers import LocalProvider as LocalSettings
from pipeline.config.schema import Config
from pipeline.config.trial import ExpectedIncident, Trial, TrialLines, TrialSeries
from pipeline.crosscheck.base import CheckedAnomaly, Verdict
from pipeline.crosscheck.local import LocalProvider
from pipeline.engine.anomaly import Anomaly
from pipeline.history.entry import Entry, LineEntry, LineSource, SampleEntry, SeriesText
from pipeline.history.scoring import HistoryScorer
from pipeline.samples.labels import NAME_LABEL, LabelSet

__all__ = ["FoundIncident", "Rehearsal", "rehearse"]

_BEGIN_NS = 1_767_592_800 * NS_PER_SEC
"""Event time at which every trial begins, ns UTC: a Monday morning."""


@dataclass(frozen=True, slots=True)
class FoundIncident:
    """An incident a trial came to.

    Attributes
    ----------
    severity, category, region : str
        Severity of its most severe event.
    told_secs : float
        When its first event was told, event time from the beginning of the trial.
    series : tuple of str
        Metric names it showed.
    title : str
        Of its most severe event.
    """

    severity: str
    category: str
    region: str
    told_secs: float
    series: tuple[str, ...]
    title: str

    def fits(self, expected: ExpectedIncident) -> bool:
        """Whether it is what was expected."""
        return (
            expected.severity in (None, self.severity)
            and expected.category in (None, self.category)
            and expected.region in (None, self.region)
            and (expected.series is None or any(fits_glob(expected.series, name) for name in self.series))
            and expected.after_secs <= self.told_secs
            and (expected.before_secs is None or self.told_secs < expected.before_secs)
        )


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What became of a trial.

    Attributes
    ----------
    name : str
        Of the trial.
    n_records, n_anomalies : int
        Records played; anomalies found in them.
    found : tuple of FoundIncident
        In the order they were told.
    missing : tuple of ExpectedIncident
        Expected, and not met by an incident of their own.
    unexpected : tuple of FoundIncident
        Not expected.
    """

    name: str
    n_records: int
    n_anomalies: int
    found: tuple[FoundIncident, ...]
    missing: tuple[ExpectedIncident, ...]
    unexpected: tuple[FoundIncident, ...]

    @property
    def has_passed(self) -> bool:
        """Whether it came to what was expected and to nothing else."""
        return not self.missing and not self.unexpected


def rehearse(config: Config, trial: Trial) -> Rehearsal:
    """Play one trial.

    Every topic is played in order of event time, on one partition each.  The cross-check is asked where its provider is ``local``; a
    remote one is not asked, and its verdicts are unknown.

    Examples
    --------
    >>> from pipeline.config.schema import DetectorSettings, SourceTopic, TailThreshold
    >>> topic = SourceTopic(name="m", kind="metrics", format="metric_json")
    >>> detector = DetectorSettings(name="all", threshold=TailThreshold(probability=0.001))
    >>> config = Config(version=1, topics=[topic], detectors=[detector])
    >>> parts = [{"samples": 400, "value": 10.0, "spread": 1.0}, {"samples": 20, "value": 90.0, "spread": 1.0}]
    >>> trial = Trial.model_validate({"name": "jump", "series": [{"name": "x", "parts": parts}], "incidents": [{"severity": "P3"}]})
    >>> outcome = rehearse(config, trial)
    >>> outcome.has_passed, outcome.n_records, outcome.found[0].told_secs
    (True, 420, 6000.0)
    """
    by_topic: dict[str, list[Entry]] = {}
    for i, series in enumerate(trial.series):
        topic = series.topic or next(one.name for one in config.topics if one.kind == "metrics")
        by_topic.setdefault(topic, []).extend(_samples(series, random.Random(f"{trial.seed} {i}")))  # noqa: S311 - noise, no secret
    for i, lines in enumerate(trial.lines):
        topic = lines.topic or next(one.name for one in config.topics if one.format == "log_json")
        by_topic.setdefault(topic, []).extend(_lines(lines, random.Random(f"{trial.seed} lines {i}")))  # noqa: S311 - noise, no secret
    hashed = config_hash(config)
    anomalies: list[Anomaly] = []
    for source in config.topics:
        entries = sorted(by_topic.get(source.name, []), key=lambda entry: entry.event_time_ns)
        scorer = HistoryScorer(config, source, n_partitions=1, config_hash=hashed)
        for chunk in scorer.score(entries):
            anomalies += chunk.anomalies
    anomalies.sort(key=lambda anomaly: anomaly.event_time_ns)
    found = _tell(_alert(config, anomalies))
    missing, unexpected = _pair(trial.incidents, found)
    n_records = sum(len(entries) for entries in by_topic.values())
    return Rehearsal(trial.name, n_records, len(anomalies), tuple(found), tuple(missing), tuple(unexpected))


def _samples(series: TrialSeries, rng: random.Random) -> Iterator[Entry]:
    text = SeriesText(LabelSet({NAME_LABEL: series.name, **series.labels}))
    step = 0
    for part in series.parts:
        for i in range(part.samples):
            share = 0.0 if part.to is None else (i + 1) / part.samples
            value = part.value + share * ((part.to or 0.0) - part.value) + rng.gauss(0.0, 1.0) * part.spread
            if not part.silent:
                yield SampleEntry(_BEGIN_NS + round(step * series.interval_secs * 1_000) * 1_000_000, text, value)
            step += 1


def _lines(lines: TrialLines, rng: random.Random) -> Iterator[Entry]:
    source = LineSource(lines.labels)
    gap_secs = 60.0 / lines.lines_per_minute
    n = 0
    while (at_secs := lines.from_secs + n * gap_secs) < lines.to_secs:
        message = lines.message.replace("{n}", str(rng.randrange(1, 10_000)))
        yield LineEntry(_BEGIN_NS + round(at_secs * 1_000) * 1_000_000, source, message, lines.level)
        n += 1


def _alert(config: Config, anomalies: Sequence[Anomaly]) -> list[AlertEvent]:
    """Cross-check and incidents, as the agents of the worker would have it that keep up with their topics."""
    policy = AlertPolicy.from_config(config)
    states: dict[str, IncidentState] = {}
    n_taken: dict[str, int] = {}
    events: list[AlertEvent] = []

    def take(checked: CheckedAnomaly) -> None:
        anomaly = checked.anomaly
        group = incident_group(anomaly, config.alerts.incident, config.worker.region)
        offset = n_taken[group] = n_taken.get(group, -1) + 1
        states[group], told = apply(states.get(group), checked, now_ns=anomaly.event_time_ns, offset=offset, policy=policy)
        events.extend(told)

    for anomaly in anomalies:
        for group, state in states.items():
            if state.status == "firing":
                states[group], told = tick(state, anomaly.event_time_ns, policy)
                events.extend(told)
        if anomaly.phase != "opened" or config.crosscheck.provider is None:
            take(CheckedAnomaly(anomaly, None, True))
            continue
        severity = grade_anomaly(anomaly, config.alerts.severity).severity
        if config.crosscheck.policy[severity] == "emit_then_update":
            take(CheckedAnomaly(anomaly, None, False))
        take(CheckedAnomaly(anomaly, _judge(config, anomaly), True))
    return events


def _judge(config: Config, anomaly: Anomaly) -> Verdict:
    provider = config.crosscheck.provider
    if isinstance(provider, LocalSettings):
        return asyncio.run(LocalProvider(provider).judge([anomaly], config.crosscheck.deadline_secs))[0]
    return Verdict("none", "unknown", "rehearsal", "remote providers are not asked in a rehearsal")


def _tell(events: Sequence[AlertEvent]) -> list[FoundIncident]:
    about: dict[str, list[AlertEvent]] = {}
    for event in events:
        if event.type in ("firing", "updated"):
            about.setdefault(event.incident_id, []).append(event)
    found = []
    for told in about.values():
        worst = min(told, key=lambda event: event.severity)
        names = tuple(dict.fromkeys(shown.series.name for event in told for shown in event.series))
        told_secs = (told[0].time_ns - _BEGIN_NS) / NS_PER_SEC
        found.append(FoundIncident(worst.severity, worst.category, worst.region, told_secs, names, worst.title))
    return sorted(found, key=lambda one: one.told_secs)


def _pair(
    expected: Sequence[ExpectedIncident], found: Sequence[FoundIncident]
) -> tuple[list[ExpectedIncident], list[FoundIncident]]:
    """What is left of either when as many as possible are paired (augmenting paths: a greedy choice may be a wrong one)."""
    owner: dict[int, int] = {}

    def place(i: int, tried: set[int]) -> bool:
        for j, one in enumerate(found):
            if j in tried or not one.fits(expected[i]):
                continue
            tried.add(j)
            if j not in owner or place(owner[j], tried):
                owner[j] = i
                return True
        return False

    missing = [expected[i] for i in range(len(expected)) if not place(i, set())]
    return missing, [one for j, one in enumerate(found) if j not in owner]
