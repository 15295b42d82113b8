"""``streamwarden score``: history through the engine, without Kafka."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.engine.anomaly import Anomaly
    from pipeline.history import History
    from pipeline.history.scoring import HistoryScorer, ScoredChunk

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("score")(score)


def score(
    files: Files,
    config: Annotated[Path, typer.Option(help="The configuration.")] = Path("topics.yaml"),
    topic: Annotated[
        str | None, typer.Option(help="Source topic they would be replayed into; the first of their format when absent.")
    ] = None,
    partitions: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Partitions of that topic; those of the configuration when absent.")
    ] = None,
    as_table: Annotated[
        bool | None, typer.Option("--table/--json", help="A table, or JSON lines; a table on a terminal when absent.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Records scored at a time; changes speed, never the result.")] = 10_000,
    time_column: TimeColumn = None,
    time_format: TimeFormat = None,
    timezone: Timezone = "UTC",
    name: Name = None,
    value_columns: ValueColumns = None,
    label_columns: LabelColumns = None,
    labels: Labels = None,
) -> None:
    """Score files of history with the worker's own engine, without Kafka.

    Prints the anomalies a worker would publish if the files were replayed into an empty topic; JSON lines are the same bytes.
    """
    from pipeline.cli.choose_topic import choose_topic
    from pipeline.config.load import config_hash, load_config
    from pipeline.history import open_history

    options = read_options(
        time_column=time_column,
        time_format=time_format,
        timezone=timezone,
        name=name,
        value_columns=value_columns,
        label_columns=label_columns,
        labels=labels,
    )
    loaded = load_config(config)
    history = open_history(files, options)
    source = choose_topic(loaded, history.format, topic)
    # Only now: it brings the models along, and what is wrong with the command line is told at once.
    from pipeline.history.scoring import HistoryScorer

    scorer = HistoryScorer(
        loaded,
        source,
        n_partitions=partitions or source.partitions,
        batch_size=batch_size,
        config_hash=config_hash(loaded),
    )
    is_table = sys.stdout.isatty() if as_table is None else as_table
    totals = _Totals()
    anomalies = _score(history, scorer, totals)
    if is_table:
        _print_table(anomalies)
    else:
        for anomaly in anomalies:
            sys.stdout.buffer.write(anomaly.to_json() + b"\n")
        sys.stdout.buffer.flush()
    sys.stderr.write(totals.sentence(source.name) + "\n")
    for detector, series, fault in scorer.take_faults():
        sys.stderr.write(
            f"detector {detector}: its model could not be used at {fault.n_samples:,} samples, first of {series}: {fault.code}: "
            f"{fault.message}; streamwarden check tries it\n"
        )


class _Totals:
    """What a scoring run came to."""

    def __init__(self) -> None:
        self.n_records = 0
        self.n_anomalies = 0
        self.n_by_code: dict[str, int] = {}

    def add(self, chunk: ScoredChunk) -> None:
        self.n_records += chunk.n_records
        self.n_anomalies += len(chunk.anomalies)
        for letter in chunk.dead_letters:
            self.n_by_code[letter.code] = self.n_by_code.get(letter.code, 0) + 1

    def sentence(self, topic: str) -> str:
        text = f"{self.n_records:,} records as on {topic}, {self.n_anomalies:,} anomalies"
        if self.n_by_code:
            codes = ", ".join(f"{n:,} {code}" for code, n in sorted(self.n_by_code.items()))
            text += f", {sum(self.n_by_code.values()):,} records unusable ({codes})"
        if self.n_records and not self.n_anomalies and not self.n_by_code:
            text += (
                "; nothing is beyond the cut of its detector (detectors[].threshold; a tail probability of 1e-05 where nothing is "
                "said), or every series is too short: with the default model the 200th sample is the first that counts"
            )
        return text


def _score(history: History, scorer: HistoryScorer, totals: _Totals) -> Iterator[Anomaly]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("scoring"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[records]} records"),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=history.position.n_total_bytes, records="0")
        for chunk in scorer.score(history.entries()):
            totals.add(chunk)
            progress.update(task, completed=history.position.n_read_bytes, records=f"{totals.n_records:,}")
            yield from chunk.anomalies


def _print_table(anomalies: Iterator[Anomaly]) -> None:
    import math

    from rich.console import Console
    from rich.table import Table

    from pipeline.client.show import format_number, format_time
    from pipeline.client.sparkline import draw_sparkline

    table = Table(title="Anomalies", title_justify="left")
    for heading in ("event time (UTC)", "series", "detector", "what", "value", "expected", "recent"):
        table.add_column(heading, justify="right" if heading in ("value", "expected") else "left", overflow="fold")
    for anomaly in anomalies:
        has_band = not (math.isnan(anomaly.lower) and math.isnan(anomaly.upper))
        table.add_row(
            format_time(anomaly.event_time_ns),
            str(anomaly.series),
            anomaly.detector,
            f"{anomaly.kind} {anomaly.phase}",
            format_number(anomaly.value),
            f"{format_number(anomaly.lower)}..{format_number(anomaly.upper)}" if has_band else format_number(anomaly.expected),
            draw_sparkline(anomaly.context_value, lower=anomaly.lower, upper=anomaly.upper),
        )
    if table.row_count:
        Console().print(table)
