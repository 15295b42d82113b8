"""``streamwarden explain``: why something alerted, or why it did not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)


def explain(
    any_id: Annotated[str, typer.Argument(metavar="ID", help="Anomaly, episode or incident; its first 8 characters will do.")],
    config: Annotated[Path, typer.Option(help="The configuration.")] = Path("topics.yaml"),
    broker: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Kafka, in place of the configuration's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object in place of text.")] = False,
) -> None:
    """Trace an anomaly, an episode or an incident through every stage, with the reason of each step."""
    from pipeline.alerts.explain import check_id
    from pipeline.alerts.explain import explain as trace_id
    from pipeline.client.connection import connection_settings
    from pipeline.client.evidence import read_evidence
    from pipeline.config.load import load_config

    check_id(any_id)  # before anything is read for it
    loaded = load_config(config, overrides={"broker.bootstrap": broker})
    evidence = read_evidence(connection_settings(loaded.broker), loaded.outputs)
    trace = trace_id(
        any_id,
        anomalies=evidence.anomalies,
        checked=evidence.checked,
        alerts=evidence.alerts,
        incidents=evidence.incidents,
    )
    if as_json:
        steps = [{"event_time_ns": time_ns, "text": text} for time_ns, text in trace.steps]
        document = {"id": trace.id, "kind": trace.kind, "conclusion": trace.conclusion, "steps": steps}
        sys.stdout.buffer.write(orjson.dumps(document) + b"\n")
    else:
        sys.stdout.write(trace.render() + "\n")
