"""Grading: from the facts of a suspicion and the configured rules to P0-P3, and the steps a verdict takes it up or down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.config.matching import fits_glob, matches
from pipeline.config.schema import CrosscheckSettings, SeverityRule
from pipeline.config.severity import Severity
from pipeline.crosscheck.base import Verdict
from pipeline.engine.anomaly import Anomaly, AnomalyKind
from pipeline.samples.labels import LabelSet

__all__ = [
    "SEVERITIES",
    "Facts",
    "Grade",
    "Severity",
    "adjust",
    "demands_breadth",
    "grade",
    "grade_anomaly",
    "lower",
    "most_severe",
    "raise_",
]

SEVERITIES: tuple[Severity, ...] = ("P0", "P1", "P2", "P3")
"""Most severe first; as text, the smaller is the more severe."""

DEFAULT_SEVERITY: Severity = "P3"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a severity rule may look at.

    Attributes
    ----------
    topic, detector, category : str
        Source topic, name of the detector, its category.
    kind : {"point", "absence", "new_template"}
        Kind of the anomaly.
    series : LabelSet
        The series.
    tail_probability : float
        The smallest of the episode so far; NaN = the detector has none.
    n_series : int
        Series of the incident that are open at once.
    """

    topic: str
    detector: str
    category: str
    kind: AnomalyKind
    series: LabelSet
    tail_probability: float
    n_series: int = 1


@dataclass(frozen=True, slots=True)
class Grade:
    """A severity and the rule that gave it (None: no rule fitted)."""

    severity: Severity
    rule: str | None


def _fits(rule: SeverityRule, facts: Facts) -> bool:
    return (
        facts.n_series >= rule.min_series
        and (rule.category is None or rule.category == facts.category)
        and (rule.kind is None or rule.kind == facts.kind)
        # Written so that a NaN tail never fits: a rule about likelihood says nothing about detectors without one.
        and (rule.max_tail_probability is None or facts.tail_probability <= rule.max_tail_probability)
        and fits_glob(rule.detector, facts.detector)
        and matches(rule.match, facts.topic, facts.series.to_dict())
    )


def grade(facts: Facts, rules: Sequence[SeverityRule]) -> Grade:
    """Severity of the first rule that fits; P3 where none does.

    Examples
    --------
    >>> from pipeline.config.schema import Match
    >>> rules = [SeverityRule(name="peers", min_series=3, severity="P0"),
    ...          SeverityRule(name="dag", match=Match(name="dag_*"), severity="P1")]
    >>> one = Facts("metrics", "d", "application", "point", LabelSet({"__name__": "dag_tps"}), 1e-6, n_series=1)
    >>> grade(one, rules)
    Grade(severity='P1', rule='dag')
    >>> import dataclasses
    >>> grade(dataclasses.replace(one, n_series=3), rules).severity, grade(one, []).severity
    ('P0', 'P3')
    """
    for rule in rules:
        if _fits(rule, facts):
            return Grade(rule.severity, rule.name)
    return Grade(DEFAULT_SEVERITY, None)


def grade_anomaly(anomaly: Anomaly, rules: Sequence[SeverityRule], n_series: int = 1) -> Grade:
    """`grade` of one anomaly taken by itself: the provisional severity the cross-check policy goes by."""
    return grade(
        Facts(
            anomaly.topic,
            anomaly.detector,
            anomaly.category,
            anomaly.kind,
            anomaly.series,
            anomaly.peak_tail_probability,
            n_series,
        ),
        rules,
    )


def demands_breadth(facts: Facts, rules: Sequence[SeverityRule]) -> str | None:
    """Name of the first fitting rule that asks for several series at once (`min_series` of 2 or more); None without one."""
    return next((rule.name for rule in rules if rule.min_series > 1 and _fits(rule, facts)), None)


def raise_(severity: Severity) -> Severity:
    """One step more severe; P0 stays.

    Examples
    --------
    >>> raise_("P2"), raise_("P0")
    ('P1', 'P0')
    """
    return SEVERITIES[max(SEVERITIES.index(severity) - 1, 0)]


def lower(severity: Severity) -> Severity:
    """One step less severe; P3 stays.

    Examples
    --------
    >>> lower("P0"), lower("P3")
    ('P1', 'P3')
    """
    return SEVERITIES[min(SEVERITIES.index(severity) + 1, len(SEVERITIES) - 1)]


def most_severe(severities: Sequence[Severity]) -> Severity:
    """The most severe of them.

    Raises
    ------
    ValueError
        The sequence is empty.
    """
    return min(severities)


def adjust(severity: Severity, verdict: Verdict | None, settings: CrosscheckSettings) -> Severity:
    """Severity after a verdict: what the policy makes of a confirmation or a refutation.

    An unknown verdict, or none, changes nothing.  A refutation that the policy would mute but that was outvoted lowers by one.

    Examples
    --------
    >>> refuted = Verdict("local", "refuted", "usual", "", 0.5)
    >>> adjust("P1", refuted, CrosscheckSettings()), adjust("P1", refuted, CrosscheckSettings(on_refuted="keep"))
    ('P2', 'P1')
    """
    if verdict is None or verdict.outcome == "unknown":
        return severity
    if verdict.outcome == "confirmed":
        return raise_(severity) if settings.on_confirmed == "raise" else severity
    return severity if settings.on_refuted == "keep" else lower(severity)
