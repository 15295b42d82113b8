"""``streamwarden audit``: what the workers say they did, recomputed from the topics alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pipeline.audit.accounting import Progress
    from pipeline.audit.finding import PartitionAudit

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Recompute from the topics alone what the workers say they did.")
    group.command("accounting")(accounting)
    app.add_typer(group, name="audit")


def accounting(
    config: Annotated[Path, typer.Option(help="The configuration of the workers.")] = Path("topics.yaml"),
    broker: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Kafka, in place of the configuration's.")] = None,
    group: Annotated[str | None, typer.Option(help="Consumer group of the workers, in place of the configuration's.")] = None,
    count_only: Annotated[
        bool, typer.Option("--count-only", help="Count, without putting every record through a fresh engine.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a partition, on a line.")] = False,
) -> None:
    """See that every record is accounted for, once, and that what was published is what follows from the records.

    Reads the source topics up to the newest checkpoints, the dead letters, the anomalies.

    It writes nothing, joins no group, and can run beside the workers.

    \b
    Exit codes:
      0  everything adds up
      1  something does not
      2  the configuration is wrong
      3  the broker cannot be reached
      4  a checkpoint cannot be read
    """
    from pipeline.audit.accounting import audit_accounting
    from pipeline.client.connection import connection_settings
    from pipeline.config.load import load_config

    loaded = load_config(config, overrides={"broker.bootstrap": broker, "worker.group": group})
    settings = connection_settings(loaded.broker)
    audits = list(_with_progress(lambda told: audit_accounting(settings, loaded, recompute=not count_only, progress=told)))
    if as_json:
        for audit in audits:
            sys.stdout.buffer.write(orjson.dumps(audit.to_dict()) + b"\n")
    else:
        _show(audits)
    if not all(audit.adds_up for audit in audits):
        raise typer.Exit(1)


def _with_progress(start: Callable[[Progress], Iterator[PartitionAudit]]) -> Iterator[PartitionAudit]:
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.completed:,.0f} records"),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("reading what was published", total=None)

        def told(topic: str, partition: int, n_records: int) -> None:
            progress.update(task, advance=n_records, description=f"auditing {topic}/{partition}")

        yield from start(told)


def _show(audits: Sequence[PartitionAudit]) -> None:
    from rich.console import Console
    from rich.table import Table

    outcomes = ("scored", "late", "duplicate", "filtered", "dead_lettered")
    table = Table(title="Accounting, recomputed from the topics", title_justify="left")
    table.add_column("partition", overflow="fold")
    for heading in ("offsets", "records", *(name.replace("_", " ") for name in outcomes), "anomalies", ""):
        table.add_column(heading, justify="right")
    for audit in audits:
        mark = "✗" if not audit.adds_up else "✓" if audit.is_recomputed else "·"
        table.add_row(
            f"{audit.topic}/{audit.partition}",
            f"{audit.first_offset:,}..{audit.next_offset:,}" if audit.next_offset else "none",
            f"{audit.n_records:,}",
            *(f"{audit.records.get(name, 0):,}" for name in outcomes),
            f"{audit.n_anomalies:,}",
            mark,
        )
    console = Console()
    console.print(table)
    for audit in audits:
        for text in audit.problems:
            console.print(f"✗ {audit.topic}/{audit.partition}: {text}", highlight=False, soft_wrap=True)
    for text, names in _gather_notes(audits).items():
        console.print(f"· {', '.join(names)}: {text}", highlight=False, soft_wrap=True)
    n_wrong = sum(not audit.adds_up for audit in audits)
    n_repeated = sum(audit.n_repeated_anomalies + audit.n_repeated_letters for audit in audits)
    console.print(
        f"{sum(audit.n_records for audit in audits):,} records in {len(audits)} partitions; "
        + ("everything adds up" if not n_wrong else f"{n_wrong} partitions do not add up")
        + (f"; {n_repeated:,} messages were published again, byte for byte, after a crash" if n_repeated else ""),
        highlight=False,
    )


def _gather_notes(audits: Sequence[PartitionAudit]) -> dict[str, list[str]]:
    notes: dict[str, list[str]] = {}
    for audit in audits:
        for text in audit.notes:
            notes.setdefault(text, []).append(f"{audit.topic}/{audit.partition}")
    return notes
