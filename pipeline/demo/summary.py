"""The end of a run: what was sent, what was caught, what was missed, and what alerted for nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.alerts.event import AlertEvent, format_rfc3339
from pipeline.client.show import SEVERITY_STYLES, format_series, format_time
from pipeline.demo.judgement import Judgement, Outcome
from pipeline.demo.probe import WorkerState

__all__ = ["RunSummary", "draw_summary"]

_N_FALSE_SHOWN = 8


@dataclass(frozen=True, slots=True)
class RunSummary:
    """Figures of a run that has ended.

    Attributes
    ----------
    seed : int
        Of the simulation.
    elapsed_secs : float
        Wall time.
    n_written : int
        Records written to the source topics.
    worker : WorkerState or None
        Its last state; None = it never answered.
    n_anomalies, n_dead_letters : int
        Seen on the output topics.
    events : tuple of AlertEvent
        Every alert event seen.
    simulated, recorded_metrics, recorded_logs : Judgement
        About the simulation's incidents; about the windows people marked in recorded metrics (no expectation = not marked); about
        recorded logs, in which nobody has marked anything.
    lag_secs : tuple of float
        Wall time from sending the record an alert event is dated to until the event was seen, of the live part.
    is_complete : bool
        False when the run was ended early.
    n_not_played : int
        Incidents of the script that were not begun then.
    """

    seed: int
    elapsed_secs: float
    n_written: int
    worker: WorkerState | None
    n_anomalies: int
    n_dead_letters: int
    events: tuple[AlertEvent, ...]
    simulated: Judgement
    recorded_metrics: Judgement
    recorded_logs: Judgement
    lag_secs: tuple[float, ...]
    is_complete: bool
    n_not_played: int = 0

    @property
    def adds_up(self) -> bool:
        """Whether the worker accounts for every record that was written: the accounting identity."""
        return self.worker is not None and self.worker.n_records == self.n_written

    def n_by_severity(self) -> dict[str, int]:
        """Alert incidents by their most severe event."""
        worst: dict[str, str] = {}
        for event in self.events:
            worst[event.incident_id] = min(worst.get(event.incident_id, "P9"), event.severity)
        return dict(sorted(Counter(worst.values()).items()))

    def median_delay_secs(self) -> float | None:
        """Median event time to the first alert, of the simulation's incidents that were caught."""
        delays = [outcome.delay_secs for outcome in self.simulated.outcomes if outcome.delay_secs is not None]
        return median(delays) if delays else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values in a fixed order."""
        worker = self.worker
        return {
            "seed": self.seed,
            "is_complete": self.is_complete,
            "incidents_not_played": self.n_not_played,
            "elapsed_secs": round(self.elapsed_secs, 1),
            "records_written": self.n_written,
            "records_by_outcome": {} if worker is None else worker.n_by_outcome,
            "records_add_up": self.adds_up,
            "anomalies": self.n_anomalies,
            "dead_letters": self.n_dead_letters,
            "alert_events_by_type": dict(sorted(Counter(event.type for event in self.events).items())),
            "alert_incidents_by_severity": self.n_by_severity(),
            "median_delay_secs": self.median_delay_secs(),
            "median_wall_lag_secs": round(median(self.lag_secs), 2) if self.lag_secs else None,
            "simulated": _judgement_dict(self.simulated),
            "recorded_metrics": _judgement_dict(self.recorded_metrics),
            "recorded_log_alert_incidents": self.recorded_logs.n_incidents,
        }


def _judgement_dict(judgement: Judgement) -> dict[str, Any]:
    return {
        "expected": len(judgement.outcomes),
        "caught": judgement.n_caught,
        "alert_incidents": judgement.n_incidents,
        "false_alert_incidents": len(judgement.false_alerts),
        "episodes": judgement.n_episodes,
        "false_episodes": judgement.n_false_episodes,
        "incidents": [_outcome_dict(outcome) for outcome in judgement.outcomes],
        "false_alerts": [
            {
                "incident_id": alert.incident_id,
                "severity": alert.severity,
                "title": alert.title,
                "starts_at": format_rfc3339(alert.starts_ns),
            }
            for alert in judgement.false_alerts
        ],
    }


def _outcome_dict(outcome: Outcome) -> dict[str, Any]:
    expectation = outcome.expectation
    return {
        "name": expectation.name,
        "title": expectation.title,
        "region": expectation.region,
        "category": expectation.category,
        "starts_at": format_rfc3339(expectation.start_ns),
        "ends_at": format_rfc3339(expectation.end_ns),
        "is_caught": outcome.caught_ns is not None,
        "delay_secs": outcome.delay_secs,
        "first_severity": outcome.first_severity,
        "worst_severity": outcome.worst_severity,
        "has_category": outcome.has_category,
        "event_id": outcome.event_id,
        "series": None if outcome.series is None else str(outcome.series),
    }


def _draw_outcomes(outcomes: Sequence[Outcome]) -> Table:
    table = Table(box=None, pad_edge=False, title="Incidents that were made to happen", title_justify="left", title_style="bold")
    table.add_column("")
    table.add_column("incident", header_style="dim", overflow="fold", ratio=3)
    table.add_column("region", header_style="dim", no_wrap=True)
    table.add_column("caught after", header_style="dim", justify="right", no_wrap=True)
    table.add_column("as", header_style="dim", no_wrap=True)
    table.add_column("first shown by", header_style="dim", overflow="fold", ratio=2)
    for outcome in outcomes:
        expectation = outcome.expectation
        is_caught = outcome.delay_secs is not None
        severity = outcome.worst_severity or ""
        shown = "" if outcome.series is None else format_series(outcome.series)
        if is_caught and not outcome.has_category:
            shown += f" (not told as {expectation.category})"
        table.add_row(
            Text("✓", style="bold green") if is_caught else Text("✗", style="bold red"),
            Text(expectation.title, style="" if is_caught else "red"),
            Text(expectation.region, style="dim"),
            Text("missed", style="bold red")
            if outcome.delay_secs is None
            else Text(f"{outcome.delay_secs:.0f} s", style="green"),
            Text(severity, style=SEVERITY_STYLES.get(severity, "")),
            Text(shown, style="dim"),
        )
    return table


def _draw_false(judgement: Judgement) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for alert in judgement.false_alerts[:_N_FALSE_SHOWN]:
        line = Text(f"  {format_time(alert.starts_ns)}  ", style="dim")
        lines.append(line.append(alert.title, style="yellow"))
    n_more = len(judgement.false_alerts) - _N_FALSE_SHOWN
    return [*lines, Text(f"  and {n_more} more", style="dim")] if n_more > 0 else lines


def _draw_recorded(summary: RunSummary) -> list[RenderableType]:
    metrics, logs = summary.recorded_metrics, summary.recorded_logs
    told = []
    if metrics.outcomes:
        told.append(f"{metrics.n_caught} of {len(metrics.outcomes)} windows that people marked in its metrics alerted")
        told.append(f"{len(metrics.false_alerts)} of {metrics.n_incidents} alert incidents lie outside any mark")
    elif metrics.n_incidents:
        told.append(f"{metrics.n_incidents} alert incidents in its metrics")
    if logs.n_incidents:
        told.append(f"{logs.n_incidents} in its logs, where nobody has marked anything")
    return [Text("recorded data: " + "; ".join(told))] if told else []


def draw_summary(summary: RunSummary) -> RenderableType:
    """The summary for a terminal or a plain file."""
    worker, simulated = summary.worker, summary.simulated
    parts: list[RenderableType] = [_draw_outcomes(simulated.outcomes)]
    delay_secs = summary.median_delay_secs()
    caught = f"{simulated.n_caught} of {len(simulated.outcomes)} scheduled incidents caught"
    if delay_secs is not None:
        caught += f", half of them within {delay_secs:.0f} s of event time"
    parts.append(Text(caught, style="bold"))
    severities = ", ".join(f"{n} {severity}" for severity, n in summary.n_by_severity().items()) or "none"
    parts.append(Text(f"alert incidents by worst severity: {severities}; {len(summary.events):,} alert events in all"))
    parts.append(
        Text(
            f"false alerts: {len(simulated.false_alerts)} of {simulated.n_incidents} alert incidents on simulated series are "
            f"about nothing scheduled ({simulated.n_false_episodes} of {simulated.n_episodes} episodes of single series)"
        )
    )
    parts += _draw_false(simulated)
    parts += _draw_recorded(summary)
    if summary.lag_secs:
        parts.append(
            Text(f"from sending the record to seeing its alert: {median(summary.lag_secs):.2f} s of wall time at the median")
        )
    outcomes = {} if worker is None else worker.n_by_outcome
    sums = " + ".join(f"{n:,} {outcome.replace('_', ' ')}" for outcome, n in outcomes.items() if n) or "nothing"
    verdict = "adds up" if summary.adds_up else "DOES NOT ADD UP"
    parts.append(
        Text(
            f"{summary.n_written:,} records written; the worker accounts for {sums}: {verdict}",
            style="" if summary.adds_up else "bold red",
        )
    )
    if not summary.is_complete:
        parts.append(
            Text(
                f"the run was ended early: {summary.n_not_played} further incidents of the script were not played", style="yellow"
            )
        )
    return Group(*parts)
