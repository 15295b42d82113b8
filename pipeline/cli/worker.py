"""``streamwarden worker``: the process that scores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["register"]

_HELP = """Read the topics of the configuration, score every sample, publish anomalies and alerts, until told to stop.

\b
What it does, in this order:
  1. compiles its kernels (a minute the first time, a second from then on);
  2. joins the consumer group `worker.group`; start as many workers as you
     like, up to one per partition;
  3. restores the state of the partitions it gets from their checkpoints;
     without one that can be used it says why and stops (exit code 4),
     unless told to begin anew (--fresh);
  4. per batch: decode, score, publish (acknowledged by all replicas), then
     note the offset.

The topics must be there: `streamwarden topics apply` makes them.

\b
It logs one JSON object a line on stderr, and answers on
`worker.web_host`:`worker.web_port`:
  /metrics   Prometheus: records by outcome, lag, series, anomalies
  /healthz   200 while it is alive
  /readyz    200 once its partitions are restored

\b
SIGTERM or Ctrl-C: finishes the batches in flight, writes checkpoints,
commits, leaves the group, exit code 0.  Twice: at once; what was not
committed is read again by the next owner of the partition, and ids that do
not change make that invisible.

\b
Exit codes:
  0  stopped as asked
  1  anything else
  2  the configuration is wrong
  3  the broker refused or cannot be reached
  4  state is uncertain: do not restart blindly, the log says what to do

\b
Examples:
  streamwarden worker --config topics.yaml
  streamwarden worker --broker kafka-1:9092,kafka-2:9092
  STREAMWARDEN_BROKER=kafka:9092 streamwarden worker --log-level debug
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("worker", help=_HELP)(worker)


def worker(
    config: Annotated[Path, typer.Option(help="The configuration.")] = Path("topics.yaml"),
    broker: Annotated[str | None, typer.Option(help="host:port list; goes before the configuration's broker.bootstrap.")] = None,
    group: Annotated[str | None, typer.Option(help="Consumer group; goes before worker.group.")] = None,
    web_port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port of /metrics; goes before worker.web_port; 0 takes a free one.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Pass over checkpoints and learn again from worker.restart_horizon_secs, silently.")
    ] = False,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Run the worker."""
    from pipeline.config.load import load_config
    from pipeline.telemetry.logs import configure_logging

    try:
        configure_logging(log_level)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--log-level") from error
    overrides = {"broker.bootstrap": broker, "worker.group": group, "worker.web_port": web_port}
    loaded = load_config(config, overrides=overrides)
    # Only now: it brings Faust and the models along, and what is wrong with the configuration is told at once.
    from pipeline.service.worker import run_worker

    run_worker(loaded, is_fresh=fresh)
