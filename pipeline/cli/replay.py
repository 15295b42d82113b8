"""``streamwarden replay``: files of history onto a topic."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.history_arguments import (
    Files,
    LabelColumns,
    Labels,
    Name,
    TimeColumn,
    TimeFormat,
    Timezone,
    ValueColumns,
    read_options,
)
from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from pipeline.client import RecordWriter
    from pipeline.history import History
    from pipeline.history.reader import Span
    from pipeline.history.replay import ReplayPlan

__all__ = ["parse_speed", "register"]

_LONGEST_WAIT_SECS = 0.2


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay")(replay)


def parse_speed(text: str) -> float | None:
    """Event seconds a wall second; None for ``max``.

    Raises
    ------
    ConfigError
        Neither ``max`` nor a number above 0.

    Examples
    --------
    >>> parse_speed("60"), parse_speed("max")
    (60.0, None)
    """
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = -1.0
    if not 0.0 < speed < float("inf"):
        raise ConfigError(f"--speed: found {text!r}, expected a number above 0 or max; write e.g. --speed 60")
    return speed


def replay(
    files: Files,
    topic: Annotated[
        str | None,
        typer.Option(help="Topic to write to, which must exist; the configuration's first of their format when absent."),
    ] = None,
    config: Annotated[Path, typer.Option(help="The configuration.")] = Path("topics.yaml"),
    broker: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Kafka, in place of the configuration's.")] = None,
    speed: Annotated[
        str, typer.Option(metavar="N|max", help="Event seconds a second: 1 = as it happened, max = no waiting.")
    ] = "max",
    shift_to_now: Annotated[
        bool,
        typer.Option(
            "--shift-to-now",
            help="Move event times so that the last record carries the moment it is sent (below speed 1: the first does).",
        ),
    ] = False,
    time_column: TimeColumn = None,
    time_format: TimeFormat = None,
    timezone: Timezone = "UTC",
    name: Name = None,
    value_columns: ValueColumns = None,
    label_columns: LabelColumns = None,
    labels: Labels = None,
) -> None:
    """Write files of history to a topic, in event-time order, every record acknowledged and none twice.

    Records are keyed by series, so Kafka's default partitioner decides; JSON lines pass byte for byte unless times are shifted.
    """
    from pipeline.cli.choose_topic import choose_topic
    from pipeline.client import RecordWriter
    from pipeline.client.connection import connection_settings
    from pipeline.client.retention import find_retention_ms, warn_of_retention
    from pipeline.config.load import load_config
    from pipeline.history import open_history
    from pipeline.history.replay import plan_replay

    factor = parse_speed(speed)
    options = read_options(
        time_column=time_column,
        time_format=time_format,
        timezone=timezone,
        name=name,
        value_columns=value_columns,
        label_columns=label_columns,
        labels=labels,
    )
    loaded = load_config(config, overrides={"broker.bootstrap": broker})
    history = open_history(files, options)
    if topic is None or any(source.name == topic for source in loaded.topics):
        topic = choose_topic(loaded, history.format, topic).name
    span = history.measure_span()
    settings = connection_settings(loaded.broker)
    with RecordWriter(settings) as writer:
        writer.n_partitions(topic)
        now_ns = time.time_ns()
        plan = plan_replay(span, speed=factor, now_ns=now_ns if shift_to_now else None)
        oldest_ms = (span.first_ns + plan.shift_ns) // 1_000_000
        warning = warn_of_retention(
            topic, find_retention_ms(settings, topic), oldest_ms, now_ns // 1_000_000, is_shifted=shift_to_now
        )
        if warning is not None:
            sys.stderr.write(f"warning: {warning}\n")
        try:
            _write(history, span, plan, writer, topic)
            writer.flush()
        except KeyboardInterrupt:
            writer.flush()
            sys.stderr.write(f"interrupted: {writer.n_acknowledged:,} of {span.n_entries:,} records are on {topic}\n")
            raise typer.Exit(130) from None
        sys.stderr.write(f"{writer.n_acknowledged:,} records are on {topic}\n")


def _write(history: History, span: Span, plan: ReplayPlan, writer: RecordWriter, topic: str) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns: tuple[Any, ...] = (TextColumn(f"replaying to {topic}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=span.n_entries)
        started_secs = time.monotonic()
        for entry in history.entries():
            due_secs = started_secs + plan.due_secs(entry.event_time_ns)
            while (wait_secs := due_secs - time.monotonic()) > 0:
                progress.update(task, completed=writer.n_sent)
                time.sleep(min(wait_secs, _LONGEST_WAIT_SECS))
            writer.write(topic, entry.to_record(plan.shift_ns))
            if writer.n_sent & 1023 == 0:
                progress.update(task, completed=writer.n_sent)
