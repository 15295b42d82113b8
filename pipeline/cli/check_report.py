"""The summary of a configuration on a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.cli.check_summary import Summary

__all__ = ["make_console", "print_summary"]

_PLAIN_WIDTH = 160
_COLOUR_BY_SEVERITY = {"P0": "bold red", "P1": "red", "P2": "yellow", "P3": "cyan"}


def make_console() -> Console:
    """A console that does not cut tables short where nobody has told its width."""
    # No markup: what people write between brackets is theirs.
    console = Console(markup=False, highlight=False)
    return console if console.is_terminal else Console(markup=False, highlight=False, width=_PLAIN_WIDTH)


def print_summary(summary: Summary, console: Console) -> None:
    """Print what a configuration comes to."""
    console.print(
        Text.assemble(
            ("✓ ", "bold green"), (summary.file, "bold"), " is fine.  config hash ", (summary.config_hash, "bold"),
            ", broker ", summary.broker,
        ),
        soft_wrap=True,
    )  # fmt: skip
    for heading, table in (
        ("Topics read", _topics(summary.topics)),
        ("Topics written", _outputs(summary.outputs)),
        ("Detectors, a series goes to the first that fits", _detectors(summary)),
        ("Severity, the first rule that fits grades", _severity(summary)),
    ):
        # Not as titles of the tables: those are wrapped to the width of their table.
        console.print(Text(heading, "bold"))
        console.print(table)
    console.print(
        "B a series: model state, of one that grows after 300 samples.  cost: CPU time a sample beside the default detector's, roughly."
    )
    for heading, text in (("Cross-check", summary.crosscheck), ("Incidents", summary.incidents)):
        console.print(Text.assemble((f"{heading}: ", "bold"), text))
    for note in summary.notes:
        console.print(Text.assemble(("Note: ", "bold yellow"), note))


def _table(columns: Iterable[tuple[str, str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading, justify in columns:
        table.add_column(heading, justify="right" if justify == "right" else "left", overflow="fold")
    return table


def _topics(topics: Iterable[dict[str, Any]]) -> Table:
    table = _table(
        [("topic", ""), ("format", ""), ("partitions", "right"), ("copies", "right"), ("kept", "right"), ("late after", "right")],
    )
    for topic in topics:
        kept = "broker's default" if topic["retention_hours"] is None else f"{topic['retention_hours']:g} h"
        row = (topic["partitions"], topic["replication_factor"], kept, f"{topic['lateness_secs']:g} s")
        table.add_row(topic["name"], topic["format"], *map(str, row))
    return table


def _outputs(outputs: Iterable[dict[str, Any]]) -> Table:
    table = _table([("topic", ""), ("holds", ""), ("partitions", "right"), ("copies", "right"), ("settings", "")])
    for topic in outputs:
        settings = ", ".join(f"{name}={value}" for name, value in topic["config"].items())
        holds = topic["role"].replace("_", " ")
        table.add_row(topic["name"], holds, str(topic["partitions"]), str(topic["replication_factor"]), settings)
    return table


def _detectors(summary: Summary) -> Table:
    table = _table([("detector", ""), ("series", ""), ("model", ""), ("anomalous", "")])
    for one in summary.detectors:
        weight = Text(f"\n{one.nbytes_per_series:,} B a series, cost {one.relative_cost:g}x", "dim")
        if not one.is_accelerated:
            weight.append(", unaccelerated", "bold yellow")
        where = Text(f"\non {', '.join(one.topics)}", "dim") if one.topics else Text("\non no topic", "bold yellow")
        side = "" if one.direction == "both" else f", {one.direction}"
        table.add_row(
            Text.assemble((one.name, "bold"), (f"\n{one.category}", "dim")),
            Text.assemble(one.match, where),
            Text.assemble(one.model, weight),
            Text.assemble(one.threshold + side, (f"\n{one.episode}", "dim")),
        )
    return table


def _severity(summary: Summary) -> Table:
    table = _table([("", ""), ("rule", ""), ("fits", "")])
    for severity, name, condition in summary.severity:
        table.add_row(Text(severity, _COLOUR_BY_SEVERITY[severity]), name, condition)
    table.add_row(Text("P3", _COLOUR_BY_SEVERITY["P3"]), "(none)", "everything else")
    return table
