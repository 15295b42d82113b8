"""``streamwarden crosscheck``: the ledger of second opinions, operators' judgements, and the way into providers."""

from __future__ import annotations

import getpass
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

if TYPE_CHECKING:
    from pipeline.config.schema import Config

__all__ = ["Grouping", "Truth", "register"]

ConfigOption = Annotated[Path, typer.Option(help="The configuration.")]
BrokerOption = Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Kafka, in place of the configuration's.")]
IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="Anomaly, episode, incident or ledger entry; its first 8 characters will do.")
]


class Grouping(StrEnum):
    """What a row of the report is for."""

    PROVIDER = "provider"
    DETECTOR = "detector"
    METRIC = "metric"


class Truth(StrEnum):
    """What an operator says of an alert."""

    RIGHT = "right"
    WRONG = "wrong"


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(no_args_is_help=True, help="Second opinions: who was asked, who was right, and setting providers up.")
    for command in (report, verdict, show, setup, feed):
        group.command(command.__name__)(command)
    app.add_typer(group, name="crosscheck")


def _load(path: Path, broker: str | None) -> Config:
    from pipeline.config.load import load_config

    return load_config(path, overrides={"broker.bootstrap": broker})


def report(
    by: Annotated[Grouping, typer.Option(help="One row for each of these.")] = Grouping.PROVIDER,
    since: Annotated[float | None, typer.Option(metavar="HOURS", min=0, help="Only the last hours, by broker timestamp.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object in place of a table.")] = False,
    config: ConfigOption = Path("topics.yaml"),
    broker: BrokerOption = None,
) -> None:
    """Print agreement, latency, cost and who turned out right, from the ledger."""
    import time

    from pipeline.client.connection import connection_settings
    from pipeline.client.ledger import read_ledger
    from pipeline.crosscheck.ledger.report import build_report

    loaded = _load(config, broker)
    since_ms = 0 if since is None else max(int((time.time() - since * 3_600.0) * 1_000), 1)
    state, n_bad = read_ledger(connection_settings(loaded.broker), loaded.outputs, since_ms=since_ms)
    document = build_report(state, by.value)
    if n_bad:
        print(f"{n_bad} records of {loaded.outputs.verdicts.name} could not be read and are left out", file=sys.stderr)  # noqa: T201
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(document) + b"\n")
    else:
        _print_report(document)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


def _secs(secs: float | None) -> str:
    return "-" if secs is None else f"{secs:.2f} s"


def _print_report(document: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(box=None, pad_edge=False)
    names = [name for name in ("provider", "detector", "metric") if document["rows"] and name in document["rows"][0]]
    for name in names or ["provider"]:
        table.add_column(name)
    for title in ("verdicts", "confirmed", "refuted", "unknown", "agrees", "p50", "p95", "cost", "right", "wrong", "accuracy"):
        table.add_column(title, justify="right")
    for row in document["rows"]:
        table.add_row(
            *(row[name] for name in names),
            f"{row['n_verdicts']:,}",
            f"{row['n_confirmed']:,}",
            f"{row['n_refuted']:,}",
            f"{row['n_unknown']:,}",
            _percent(row["agreement"]),
            _secs(row["latency_p50_secs"]),
            _secs(row["latency_p95_secs"]),
            f"${row['cost_usd']:.4f}",
            f"{row['n_right']:,}",
            f"{row['n_wrong']:,}",
            _percent(row["accuracy"]),
        )
    console.print(table if document["rows"] else "No verdicts yet.")
    for row in document["rows"]:
        if row["unknown_reasons"]:
            reasons = ", ".join(f"{reason} {n:,}" for reason, n in list(row["unknown_reasons"].items())[:5])
            console.print(f"unknown, {' / '.join(row[name] for name in names)}: {reasons}", style="dim")
    for pair in document["pairs"]:
        one, other = pair["providers"]
        console.print(f"{one} and {other} agree on {_percent(pair['agreement'])} of {pair['n_both']:,}")
    console.print(
        f"{document['n_anomalies_judged']:,} anomalies judged by operators; "
        "right and wrong count the opinions about those (`streamwarden crosscheck verdict ID right|wrong`)",
        style="dim",
    )


def verdict(
    any_id: IdArgument,
    truth: Annotated[Truth, typer.Argument(help="right = something was wrong indeed; wrong = a false alarm.")],
    by: Annotated[str | None, typer.Option(help="Who says so; the user of this machine when left out.")] = None,
    note: Annotated[str, typer.Option(help="Why.")] = "",
    feedback: Annotated[bool, typer.Option(help="Also tell providers that learn from it (Lookout for Metrics).")] = True,
    config: ConfigOption = Path("topics.yaml"),
    broker: BrokerOption = None,
) -> None:
    """Say whether an alert was right; the ledger then knows which provider was."""
    import asyncio

    from pipeline.client.connection import connection_settings
    from pipeline.client.ledger import find_judged, read_ledger, write_judgements
    from pipeline.clock import SystemClock
    from pipeline.crosscheck.feedback import send_feedback
    from pipeline.crosscheck.ledger.entry import Judgement

    loaded, clock = _load(config, broker), SystemClock()
    settings = connection_settings(loaded.broker)
    state, _ = read_ledger(settings, loaded.outputs)
    found = find_judged(settings, loaded.outputs, state, any_id)
    is_right, who = truth is Truth.RIGHT, by or getpass.getuser()
    now_ns = clock.now_ns()
    judged = [(entry, Judgement(anomaly_id, is_right, who, note, now_ns)) for anomaly_id, entry in found.items()]
    write_judgements(settings, loaded.outputs, judged)
    for entry, judgement in judged:
        before = state.judgement_of(entry.anomaly_id)
        again = "" if before is None else f" (before: {'right' if before.is_right else 'wrong'}, by {before.by})"
        typer.echo(f"{entry.anomaly_id} {entry.series}: {truth.value}, by {judgement.by}{again}")
    if not feedback:
        return
    entries = [entry for entry in state.entries() if entry.anomaly_id in found]
    for entry, error in asyncio.run(send_feedback(loaded.crosscheck, entries, is_right, clock)):
        told = "feedback sent" if error is None else f"feedback not sent: {error.code}: {error}"
        typer.echo(f"{entry.provider}: {told}", err=error is not None)


def show(
    any_id: IdArgument,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines, as they are in the ledger.")] = False,
    config: ConfigOption = Path("topics.yaml"),
    broker: BrokerOption = None,
) -> None:
    """Print what the ledger has about an anomaly, an episode or an incident."""
    from pipeline.client.connection import connection_settings
    from pipeline.client.ledger import find_judged, read_ledger

    loaded = _load(config, broker)
    settings = connection_settings(loaded.broker)
    state, _ = read_ledger(settings, loaded.outputs)
    found = find_judged(settings, loaded.outputs, state, any_id)
    for entry in state.entries():
        if entry.anomaly_id not in found:
            continue
        if as_json:
            sys.stdout.buffer.write(entry.to_json() + b"\n")
            continue
        typer.echo(f"{entry.id}\n    {entry.series} under {entry.detector}")
        typer.echo(
            f"    {entry.outcome} ({entry.reason}) after {entry.latency_secs:.2f} s for ${entry.cost_usd:.6f}: {entry.detail}"
        )
        if entry.reference:
            typer.echo(f"    goes by {entry.reference}")
    for anomaly_id in found:
        judgement = state.judgement_of(anomaly_id)
        if judgement is not None and as_json:
            sys.stdout.buffer.write(judgement.to_json() + b"\n")
        elif judgement is not None:
            said = "right" if judgement.is_right else "wrong"
            typer.echo(f"{anomaly_id} was {said}, says {judgement.by}" + (f": {judgement.note}" if judgement.note else ""))


def setup(
    activate: Annotated[
        bool, typer.Option("--activate", help="Also start Lookout detectors: they cost money from then on.")
    ] = False,
    backtest: Annotated[
        bool, typer.Option("--backtest", help="Have Lookout detectors that are not started run once over what `feed` wrote.")
    ] = False,
    config: ConfigOption = Path("topics.yaml"),
) -> None:
    """Make what a provider needs on its side: detectors, metric sets, alerts. What is there already is left as it is."""
    from pipeline.config.load import load_config
    from pipeline.crosscheck.set_up import set_up_providers

    if activate and backtest:
        raise typer.BadParameter(
            "--activate and --backtest: found both, expected one; a detector that runs cannot be tested back"
        )
    n_made = set_up_providers(load_config(config).crosscheck, typer.echo, activates=activate, tests_back=backtest)
    if not n_made:
        typer.echo("nothing to set up: the configured providers read what is there")


def feed(
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Wait for more, or stop at the end of the topics.")] = True,
    config: ConfigOption = Path("topics.yaml"),
    broker: BrokerOption = None,
) -> None:
    """Write the series of the metrics topics where a provider's detectors read them: S3 for Lookout, CloudWatch metrics."""
    from pipeline.client.connection import connection_settings
    from pipeline.client.series_feed import run_feed
    from pipeline.crosscheck.feed.build import build_sinks

    loaded = _load(config, broker)
    sinks = build_sinks(loaded.crosscheck)
    n_samples = run_feed(loaded, connection_settings(loaded.broker), sinks, follows=follow, tell=typer.echo)
    typer.echo(f"{n_samples:,} samples read, {sum(sink.n_written for sink in sinks):,} entries or files written")
