"""What the output topics hold, as text for a terminal."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from rich.text import Text

from pipeline.alerts.event import AlertEvent
from pipeline.client.sparkline import draw_sparkline
from pipeline.client.topic_reader import TopicRecord
from pipeline.clock import NS_PER_SEC
from pipeline.crosscheck.base import CheckedAnomaly
from pipeline.engine.anomaly import Anomaly
from pipeline.samples.labels import NAME_LABEL, LabelSet

__all__ = [
    "SEVERITY_STYLES",
    "format_number",
    "format_series",
    "format_time",
    "show_alert",
    "show_anomaly",
    "show_checked",
    "show_dead_letter",
]

SEVERITY_STYLES = {"P0": "bold white on red", "P1": "bold red", "P2": "yellow", "P3": "cyan"}
_TYPE_STYLES = {"firing": "bold red", "updated": "yellow", "resolved": "green", "acknowledged": "blue", "escalated": "magenta"}
_OUTCOME_STYLES = {"confirmed": "red", "refuted": "green", "unknown": "yellow"}
_PREVIEW_BYTES = 120


def format_time(event_time_ns: int) -> str:
    """Event time to the second, UTC.

    Examples
    --------
    >>> format_time(1_392_388_200_000_000_000)
    '2014-02-14 14:30:00'
    """
    return f"{datetime.fromtimestamp(event_time_ns // NS_PER_SEC, UTC):%Y-%m-%d %H:%M:%S}"


def format_number(value: float | None) -> str:
    """A number in at most about eight characters; a dash for none.

    Examples
    --------
    >>> [format_number(value) for value in (0.123456, 1234567.0, 1e-9, float("nan"), None)]
    ['0.1235', '1.235e+06', '1e-09', '-', '-']
    """
    return "-" if value is None or math.isnan(value) else f"{value:.4g}"


def format_series(series: LabelSet) -> str:
    """A series in few words: a log template as it is, else the metric name; then the values of its labels, but for the service's.

    Examples
    --------
    >>> format_series(LabelSet({"__name__": "node_cpu_ratio", "region": "eu-west-1", "node": "euw1-n1", "service": "dag-node"}))
    'node_cpu_ratio euw1-n1 eu-west-1'
    """
    template = series.get("template")
    left_out = (NAME_LABEL, "service", "template", "template_id", "level")
    return " ".join(
        [f"“{template}”" if template else series.name, *(value for name, value in series.pairs if name not in left_out)]
    )


def show_anomaly(anomaly: Anomaly) -> Text:
    """One anomaly: what, where, how far out of its band, why."""
    text = Text()
    text.append(format_time(anomaly.event_time_ns), style="dim").append("  ")
    style = "green" if anomaly.phase == "cleared" else "bold yellow" if anomaly.phase == "opened" else "yellow"
    text.append(f"{anomaly.phase:<9} ", style=style).append(f"{anomaly.kind:<12} ", style="magenta")
    text.append(str(anomaly.series), style="bold")
    text.append("  ").append_text(draw_sparkline(anomaly.context_value, lower=anomaly.lower, upper=anomaly.upper))
    if not math.isnan(anomaly.value):
        text.append(f"  {format_number(anomaly.value)}", style="bold")
    if not (math.isnan(anomaly.lower) and math.isnan(anomaly.upper)):
        text.append(f" in place of {format_number(anomaly.lower)}..{format_number(anomaly.upper)}")
    text.append(f"\n    {anomaly.explanation or anomaly.example}", style="dim")
    return text.append(f"\n    id {anomaly.id}  detector {anomaly.detector}", style="dim")


def show_checked(checked: CheckedAnomaly) -> Text:
    """One anomaly with what the cross-check says of it."""
    text = show_anomaly(checked.anomaly)
    verdict = checked.verdict
    if verdict is None:
        return text.append(f"\n    {'not checked' if checked.is_final else 'verdict awaited'}", style="dim")
    text.append("\n    ").append(verdict.outcome, style=_OUTCOME_STYLES[verdict.outcome])
    return text.append(f" by {verdict.provider} ({verdict.reason}): {verdict.detail}", style="dim")


def show_alert(event: AlertEvent) -> Text:
    """One alert event: severity, what happened, title, explanation."""
    text = Text()
    text.append(format_time(event.time_ns), style="dim").append("  ")
    text.append(f" {event.severity} ", style=SEVERITY_STYLES.get(event.severity, "")).append(" ")
    text.append(f"{event.type:<9} ", style=_TYPE_STYLES.get(event.type, "")).append(f"{event.category:<14} ", style="magenta")
    text.append(event.title, style="bold")
    text.append(f"\n    {event.explanation}", style="dim")
    if event.runbook:
        text.append(f"\n    runbook {event.runbook}", style="dim")
    return text.append(f"\n    incident {event.incident_id}  event {event.sequence}", style="dim")


def show_dead_letter(record: TopicRecord) -> Text:
    """One dead letter: why, whence, and the beginning of its bytes."""
    told = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
    text = Text()
    text.append(format_time(record.timestamp_ms * 1_000_000), style="dim").append("  ")
    text.append(f"{told.get('sw-error-code', '?'):<16} ", style="bold red").append(
        f"{told.get('sw-error-stage', '?'):<8} ", style="magenta"
    )
    place = f"{told.get('sw-source-topic', '?')}/{told.get('sw-source-partition', '?')}@{told.get('sw-source-offset', '?')}"
    text.append(place, style="bold")
    text.append(f"\n    {told.get('sw-error-message', '')}", style="dim")
    preview = (record.value or b"")[:_PREVIEW_BYTES]
    n_more = len(record.value or b"") - len(preview)
    return text.append(f"\n    {preview!r}{f' and {n_more} bytes more' if n_more else ''}", style="dim")
