"""``streamwarden tail``: what the output topics say."""

from __future__ import annotations

import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

if TYPE_CHECKING:
    from rich.text import Text

    from pipeline.client import TopicRecord
    from pipeline.config.schema import Config

__all__ = ["Output", "register"]


class Output(StrEnum):
    """An output topic by its role."""

    ALERTS = "alerts"
    ANOMALIES = "anomalies"
    CHECKED = "checked"
    DEAD_LETTERS = "dead-letters"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("tail")(tail)


def tail(
    output: Annotated[Output, typer.Argument(help="Which output topic.")],
    config: Annotated[Path, typer.Option(help="The configuration.")] = Path("topics.yaml"),
    broker: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Kafka, in place of the configuration's.")] = None,
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="Begin with the oldest record there is.")] = False,
    since: Annotated[
        float | None, typer.Option(metavar="MINUTES", min=0, help="Begin this many minutes back, by broker timestamp.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Records as JSON lines, as they are on the topic.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after this many records.")] = None,
    follow: Annotated[
        bool | None,
        typer.Option("--follow/--no-follow", help="Wait for more, or stop at the end; follows unless a beginning is named."),
    ] = None,
) -> None:
    """Print alerts, anomalies, cross-checked anomalies or dead letters, and follow what arrives."""
    from pipeline.client import ReadStart, TopicReader
    from pipeline.client.connection import connection_settings
    from pipeline.config.load import load_config
    from pipeline.errors import ConfigError

    if from_beginning and since is not None:
        raise ConfigError("--from-beginning and --since: found both, expected one of them; leave one out")
    loaded = load_config(config, overrides={"broker.bootstrap": broker})
    has_beginning = from_beginning or since is not None
    follows = (not has_beginning) if follow is None else follow
    timestamp_ms: int | None = 0
    if since is not None:
        timestamp_ms = max(int((time.time() - since * 60.0) * 1_000), 1)
    elif not from_beginning and follows:
        timestamp_ms = None
    n_printed = 0
    with TopicReader(connection_settings(loaded.broker), [_topic(loaded, output)], ReadStart(timestamp_ms)) as reader:
        try:
            while True:
                records = reader.poll() if follows else reader.read_existing()
                for record in records:
                    _print(record, output, as_json=as_json)
                    n_printed += 1
                    if limit is not None and n_printed >= limit:
                        return
                if not follows:
                    return
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


def _topic(config: Config, output: Output) -> str:
    outputs = config.outputs
    return {
        Output.ALERTS: outputs.alerts,
        Output.ANOMALIES: outputs.anomalies,
        Output.CHECKED: outputs.checked,
        Output.DEAD_LETTERS: outputs.dead_letters,
    }[output].name


def _print(record: TopicRecord, output: Output, *, as_json: bool) -> None:
    if not as_json:
        from rich.console import Console

        Console().print(_show(record, output), soft_wrap=True)
        return
    if output is Output.DEAD_LETTERS:
        # The bytes of a dead letter need not be JSON: they are given as text where they are UTF-8, else in base 64.
        sys.stdout.buffer.write(orjson.dumps(_dead_letter_fields(record)) + b"\n")
    elif record.value is not None:
        sys.stdout.buffer.write(record.value + b"\n")
    sys.stdout.buffer.flush()


def _dead_letter_fields(record: TopicRecord) -> dict[str, object]:
    import base64

    fields: dict[str, object] = {
        "partition": record.partition,
        "offset": record.offset,
        "timestamp_ms": record.timestamp_ms,
        "headers": {name: (value or b"").decode(errors="replace") for name, value in record.headers},
    }
    for part, content in (("key", record.key), ("value", record.value)):
        if content is None:
            fields[part] = None
            continue
        try:
            fields[part] = content.decode()
        except UnicodeDecodeError:
            fields[f"{part}_base64"] = base64.b64encode(content).decode()
    return fields


def _show(record: TopicRecord, output: Output) -> Text:
    from pipeline.alerts.event import AlertEvent
    from pipeline.client.show import show_alert, show_anomaly, show_checked, show_dead_letter
    from pipeline.crosscheck.base import CheckedAnomaly
    from pipeline.engine.anomaly import Anomaly

    value = record.value or b""
    if output is Output.DEAD_LETTERS:
        return show_dead_letter(record)
    if output is Output.ALERTS:
        return show_alert(AlertEvent.from_dict(orjson.loads(value)))
    if output is Output.ANOMALIES:
        return show_anomaly(Anomaly.from_json(value))
    return show_checked(CheckedAnomaly.from_json(value))
