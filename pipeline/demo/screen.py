"""The live view of a run."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from pipeline.client.show import SEVERITY_STYLES, format_number, format_series, format_time
from pipeline.client.sparkline import draw_sparkline
from pipeline.demo.feed import FeedPhase
from pipeline.demo.judgement import Outcome
from pipeline.demo.snapshot import RunSnapshot

__all__ = ["describe_outcome", "draw_line", "draw_screen"]

_SEVERITIES = ("P0", "P1", "P2", "P3")
_N_ANOMALIES = 12
_N_INCIDENTS = 12


def describe_outcome(outcome: Outcome, event_time_ns: int, phase: FeedPhase) -> tuple[Text, Text, Text, Text, Text]:
    """One line about one scheduled incident, which is to come, going on, caught or missed: mark, title, delay, severity, region."""
    expectation = outcome.expectation
    title, region, none = expectation.title, Text(expectation.region, style="dim"), Text()
    if outcome.delay_secs is not None:
        severity = outcome.worst_severity or "P3"
        after = Text(f"{outcome.delay_secs:.0f} s", style="green")
        return Text("✓", style="bold green"), Text(title), after, Text(severity, style=SEVERITY_STYLES.get(severity, "")), region
    if phase in (FeedPhase.HISTORY, FeedPhase.WAITING) or event_time_ns < expectation.start_ns:
        return Text("·", style="dim"), Text(title, style="dim"), none, none, region
    if event_time_ns <= expectation.end_ns:
        return Text("●", style="bold yellow"), Text(title, style="yellow"), none, none, region
    return Text("✗", style="bold red"), Text(title), Text("missed", style="red"), none, region


def _draw_worker(snapshot: RunSnapshot) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    worker = snapshot.worker
    table.add_row("written", f"{snapshot.n_written:,}")
    if worker is None:
        table.add_row("worker", Text("starting", style="yellow"))
        return table
    table.add_row("worker", Text("ready", style="green") if worker.is_ready else Text("warming up", style="yellow"))
    table.add_row("read", f"{worker.n_records:,}")
    table.add_row("a second", f"{snapshot.records_per_sec:,.0f}")
    table.add_row("lag", f"{worker.lag_records:,}")
    for outcome, n in worker.n_by_outcome.items():
        table.add_row(outcome.replace("_", " "), f"{n:,}")
    for state, n in worker.n_series_by_state.items():
        table.add_row(f"series {state}", f"{n:,}")
    table.add_row("anomalies", f"{snapshot.n_anomalies:,}")
    table.add_row("alert events", f"{snapshot.n_alerts:,}")
    return table


def _draw_incidents(snapshot: RunSnapshot) -> RenderableType:
    head = Text()
    for severity in _SEVERITIES:
        n = sum(event.severity == severity for event in snapshot.open_incidents)
        head.append(f" {severity} {n} ", style=SEVERITY_STYLES[severity] if n else "dim").append(" ")
    lines: list[Text] = [head]
    for event in snapshot.open_incidents[:_N_INCIDENTS]:
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(event.severity, style=SEVERITY_STYLES.get(event.severity, "")).append(
            event.title.removeprefix(event.severity)
        )
        lines.append(line)
    if not snapshot.open_incidents:
        lines.append(Text("none open", style="dim"))
    return Group(*lines)


def _draw_script(snapshot: RunSnapshot) -> RenderableType:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column(no_wrap=True, justify="right")
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    for outcome in snapshot.outcomes:
        table.add_row(*describe_outcome(outcome, snapshot.event_time_ns, snapshot.phase))
    return table


def _draw_anomalies(snapshot: RunSnapshot) -> RenderableType:
    table = Table(box=None, pad_edge=False, expand=True, header_style="dim")
    table.add_column("time", no_wrap=True, width=8)
    table.add_column("series", no_wrap=True, overflow="ellipsis", ratio=3)
    table.add_column("recent", no_wrap=True, width=24)
    table.add_column("value", justify="right", no_wrap=True, width=10)
    table.add_column("band", no_wrap=True, width=22)
    table.add_column("what", no_wrap=True, overflow="ellipsis", ratio=1)
    for anomaly in snapshot.newest[:_N_ANOMALIES]:
        band = f"{format_number(anomaly.lower)} .. {format_number(anomaly.upper)}"
        table.add_row(
            format_time(anomaly.event_time_ns)[-8:],
            format_series(anomaly.series),
            draw_sparkline(anomaly.context_value, lower=anomaly.lower, upper=anomaly.upper),
            format_number(anomaly.value),
            "" if anomaly.kind != "point" else band,
            anomaly.detector if anomaly.kind == "point" else anomaly.kind.replace("_", " "),
        )
    return table


def draw_screen(snapshot: RunSnapshot) -> RenderableType:
    """The whole view; it fills the terminal."""
    head = Text(no_wrap=True, overflow="ellipsis")
    head.append(" Streamwarden ", style="bold white on blue").append(f"  {snapshot.doing}", style="bold")
    head.append(
        f"   event time {format_time(snapshot.event_time_ns)} UTC, {snapshot.speed:g} times as fast"
        f"   {snapshot.elapsed_secs:.0f} s   Kafka at {snapshot.broker}",
        style="dim",
    )
    layout = Layout()
    layout.split_column(Layout(head, name="head", size=1), Layout(name="middle", ratio=1), Layout(name="bottom", ratio=1))
    layout["middle"].split_row(
        Layout(Panel(_draw_worker(snapshot), title="worker", border_style="dim"), size=26),
        Layout(Panel(_draw_script(snapshot), title="what is made to go wrong", border_style="dim"), ratio=6),
        Layout(Panel(_draw_incidents(snapshot), title="open incidents", border_style="dim"), ratio=5),
    )
    layout["bottom"].update(Panel(_draw_anomalies(snapshot), title="newest anomalies", border_style="dim"))
    return layout


def draw_line(snapshot: RunSnapshot) -> str:
    """The moment in one plain line, for where there is no terminal.

    Examples
    --------
    >>> snapshot = RunSnapshot("b:1", "sending", 3.0, FeedPhase.LIVE, 0, 60.0, 10, 0.0, None, 0, 0, 0, (), (), ())
    >>> draw_line(snapshot)
    '   3 s  sending: 10 written, worker starting, 0 anomalies, 0 alert events, 0 incidents open, 0 of 0 caught'
    """
    worker = snapshot.worker
    state = "worker starting" if worker is None else f"{worker.n_records:,} read, lag {worker.lag_records:,}"
    n_caught = sum(outcome.caught_ns is not None for outcome in snapshot.outcomes)
    return (
        f"{snapshot.elapsed_secs:4.0f} s  {snapshot.doing}: {snapshot.n_written:,} written, {state}, "
        f"{snapshot.n_anomalies:,} anomalies, {snapshot.n_alerts:,} alert events, "
        f"{len(snapshot.open_incidents):,} incidents open, {n_caught} of {len(snapshot.outcomes)} caught"
    )
