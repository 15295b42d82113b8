"""Words for humans: the title and the explanation of an alert event."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pipeline.alerts.episode import AlertSeries
from pipeline.alerts.severity import Severity
from pipeline.clock import NS_PER_SEC
from pipeline.logs.mined_lines import LOG_RATE_NAME
from pipeline.samples.labels import LabelSet

__all__ = ["describe_probability", "explain_incident", "format_duration", "title_incident"]

MAX_TITLE = 300
MAX_TEMPLATE = 80
_NEW = "never seen before"
_SCALES = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"), (1e3, "thousand"))


def format_duration(duration_ns: int) -> str:
    """A duration in its largest fitting unit.

    Parameters
    ----------
    duration_ns : int
        ns, 0 or more.

    Examples
    --------
    >>> [format_duration(secs * 10**9) for secs in (0, 59, 150, 7300, 200_000)]
    ['0 s', '59 s', '2 min', '2 h', '2 d']
    """
    secs = duration_ns // NS_PER_SEC
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if secs >= size:
            return f"{secs // size} {unit}"
    return f"{secs} s"


def describe_probability(probability: float) -> str:
    """A small probability as one in so many, one significant digit.

    Parameters
    ----------
    probability : float
        Above 0 and at most 1; 0 and subnormal values count as the smallest there is.

    Examples
    --------
    >>> [describe_probability(p) for p in (0.5, 0.013, 1e-7, 3.1e-10, 1e-40, 0.0)]
    ['1 in 2', '1 in 80', '1 in 10 million', '1 in 3 billion', 'less than 1 in a trillion', 'less than 1 in a trillion']
    """
    if not probability > 1e-12:
        return "less than 1 in a trillion"
    odds = 1.0 / probability
    digit = 10.0 ** math.floor(math.log10(odds))
    odds = round(odds / digit) * digit
    for size, unit in _SCALES:
        if odds >= size:
            return f"1 in {odds / size:,.0f} {unit}"
    return f"1 in {odds:.0f}"


def _condition(series: AlertSeries) -> str:
    if series.kind == "absence":
        return "silent"
    if series.kind == "new_template":
        return _NEW
    if series.value is not None and series.upper is not None and series.value > series.upper:
        return "above band"
    if series.value is not None and series.lower is not None and series.value < series.lower:
        return "below band"
    return "anomalous"


def _join_conditions(conditions: Sequence[str]) -> str:
    distinct = sorted(set(conditions))
    if len(distinct) == 1:
        return distinct[0]
    return "outside band" if set(distinct) <= {"above band", "below band"} else "anomalous"


def _name(series: LabelSet) -> str:
    """The metric's name; of the rate of a kind of log line, the line."""
    template = series.get("template") if series.name == LOG_RATE_NAME else ""
    if not template:
        return series.name
    return f'log line "{template if len(template) <= MAX_TEMPLATE else template[: MAX_TEMPLATE - 1] + "…"}"'


def _join_names(series: Sequence[LabelSet]) -> str:
    distinct = list(dict.fromkeys(_name(one) for one in series))
    if len(distinct) <= 2:
        return ", ".join(distinct)
    of = "metrics" if all(one.name != LOG_RATE_NAME for one in series) else ""
    return f"{distinct[0]} and {len(distinct) - 1} more {of}".rstrip()


def title_incident(
    severity: Severity, category: str, region: str, series: Sequence[AlertSeries], n_series: int, duration_ns: int, end: str = ""
) -> str:
    """One line: how bad, where, what, since when, how unlikely.

    Parameters
    ----------
    severity, category, region : str
        Of the incident.
    series : sequence of AlertSeries
        At least one; the most severe first.
    n_series : int
        Series to speak of (more than `series` names, where some are only counted).
    duration_ns : int
        From the first anomalous sample to the newest word, ns.
    end : str
        For an incident that is over: how, e.g. ``resolved``; else "".
    """
    what = _join_names([one.series for one in series])
    many = f" {n_series} series" if n_series > 1 else ""
    peaks = [one.peak_tail_probability for one in series if one.peak_tail_probability is not None and one.kind == "point"]
    peak = f" (peak {describe_probability(min(peaks))})" if peaks else ""
    state = _join_conditions([_condition(one) for one in series])
    place = f"{severity} {category} {region}".rstrip()
    if end:
        state = "new" if state == _NEW else state
        return f"{place}: {what}{many} {end}: was {state} for {format_duration(duration_ns)}{peak}"[:MAX_TITLE]
    if not any(one.is_open or one.kind == "new_template" for one in series):  # not over yet: it may come back
        state = f"quiet now, was {state}"
    since = f" for {format_duration(duration_ns)}" if duration_ns >= NS_PER_SEC else ""
    return f"{place}: {what}{many} {state}{since}{peak}"[:MAX_TITLE]


def explain_incident(
    series: Sequence[AlertSeries], n_open: int, n_episodes: int, verdicts: dict[str, int], rule: str | None
) -> str:
    """A few sentences: the worst series, how wide it is, what the second opinion says, who graded it.

    Parameters
    ----------
    series : sequence of AlertSeries
        At least one; the most severe first.
    n_open, n_episodes : int
        Series open now; episodes so far.
    verdicts : dict of str to int
        Number of verdicts by outcome, and ``awaited``.
    rule : str or None
        The severity rule.
    """
    worst = series[0]
    told_of, told = str(worst.series), worst.explanation or _condition(worst)
    sentences = [(told if told_of in told else f"{told_of}: {told}").rstrip(".")]
    if n_episodes > 1:
        sentences.append(f"{n_open} series open now, {n_episodes} episodes so far")
    if worst.verdict is not None:
        sentences.append(f"Cross-check ({worst.verdict.provider}): {worst.verdict.outcome}, {worst.verdict.detail}".rstrip(". "))
    counts = [f"{count} {outcome}" for outcome, count in verdicts.items() if count]
    if sum(verdicts.values()) > 1:
        sentences.append("Cross-checks so far: " + ", ".join(counts))
    sentences.append(f"Graded by rule {rule!r}" if rule is not None else "Graded P3 by default: no severity rule fits")
    return ". ".join(sentences) + "."
