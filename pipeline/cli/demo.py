"""``streamwarden demo``: everything at once, on simulated and recorded data, judged at the end."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from pipeline.demo.picture import Picture
    from pipeline.demo.recorded import RecordedData
    from pipeline.demo.run import DemoRun
    from pipeline.demo.snapshot import RunSnapshot
    from pipeline.demo.summary import RunSummary

__all__ = ["register"]

_LINE_EVERY_SECS = 5.0
_FILE_WIDTH = 140
_SHARED_VARIABLE = "STREAMWARDEN_SHARED"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    seconds: Annotated[float, typer.Option(min=5, help="Length of the live part, after the start and the quiet history.")] = 60.0,
    broker: Annotated[
        str,
        typer.Option(
            metavar="auto|embedded|kafka|HOST:PORT",
            help="A broker of its own, or a cluster that is there: on that, topics get names of their own and are deleted again.",
        ),
    ] = "auto",
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with recorded data (NAB and loghub are known); ../shared/data is taken when it is there."),
    ] = None,
    speed: Annotated[float, typer.Option(min=1, help="Simulated seconds a second in the live part.")] = 60.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulation.")] = 7,
    config: Annotated[Path, typer.Option(help="The configuration whose detectors and alerts are shown.")] = Path("topics.yaml"),
    picture: Annotated[
        Path | None, typer.Option(help="Write the moment with the most open incidents to this file, as SVG.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as one JSON object on stdout.")] = False,
) -> None:
    """Start a broker and a worker, simulate a network in which things go wrong, and tell what was caught.

    Ends by itself.  Exit code 0 whether everything was caught or not; 1 when something broke; 130 after Ctrl-C.
    """
    from rich.console import Console

    from pipeline.config.load import load_config
    from pipeline.demo.cluster import open_cluster
    from pipeline.demo.picture import Picture
    from pipeline.demo.plan import derive_config
    from pipeline.demo.run import DemoRun, free_port
    from pipeline.demo.simulation import Simulation
    from pipeline.demo.summary import draw_summary
    from pipeline.demo.timeline import Timeline

    console = Console(stderr=True)

    def say(text: str) -> None:
        console.print(text, style="dim", highlight=False, soft_wrap=True)

    loaded = load_config(config)
    recorded = _find_data(data)
    say("no recorded data: simulation only" if recorded is None else f"recorded data: {_tell(recorded)} in {recorded.folder}")
    folder = Path(tempfile.mkdtemp(prefix="streamwarden-demo-"))
    is_done = False
    kept = Picture()
    try:
        with open_cluster(broker, loaded, say) as cluster:
            derived = derive_config(loaded, broker=cluster.broker, web_port=free_port(), prefix=cluster.prefix, speed=speed)
            cluster.provision(derived)
            simulation = Simulation(seed, Timeline(live_secs=seconds * speed))
            run = DemoRun(derived, cluster.settings, simulation, recorded, speed=speed, folder=folder)
            summary = _play(run, console, kept)
        is_done = True
    finally:
        if is_done:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            say(f"the worker's configuration and log are kept in {folder}")
    if picture is not None:
        try:
            kept.save(picture)
        except OSError as error:
            raise ConfigError(
                f"--picture {picture}: {error.strerror}; expected a file that can be written; name another"
            ) from error
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(summary.to_dict(), option=orjson.OPT_INDENT_2) + b"\n")
    else:
        plain = Console()
        # In a file or a pipe there is no width; lines that are cut at 80 would be hard to read there.
        (plain if plain.is_terminal else Console(width=_FILE_WIDTH)).print(draw_summary(summary))
    if not summary.is_complete:
        raise typer.Exit(130)
    if not summary.adds_up:
        raise typer.Exit(1)


def _find_data(data: Path | None) -> RecordedData | None:
    from pipeline.demo.recorded import find_recorded

    if data is not None:
        found = find_recorded(data)
        if found is None:
            raise ConfigError(
                f"--data: found neither CSV nor log files in {data}, expected some; name another folder or leave it out"
            )
        return found
    return find_recorded(Path(os.environ.get(_SHARED_VARIABLE, "../shared")) / "data")


def _tell(recorded: RecordedData) -> str:
    return f"{len(recorded.metric_files)} files of metrics and {len(recorded.log_files)} of logs"


def _play(run: DemoRun, console: Console, picture: Picture) -> RunSummary:
    from rich.live import Live

    from pipeline.demo.screen import draw_screen

    if not console.is_terminal:
        return run.play(_all_of(picture.look, _line_printer(console)))
    with Live(console=console, screen=True, auto_refresh=False) as live:
        return run.play(_all_of(picture.look, lambda snapshot: live.update(draw_screen(snapshot), refresh=True)))


def _all_of(*shown: Callable[[RunSnapshot], None]) -> Callable[[RunSnapshot], None]:
    def show(snapshot: RunSnapshot) -> None:
        for one in shown:
            one(snapshot)

    return show


def _line_printer(console: Console) -> Callable[[RunSnapshot], None]:
    from pipeline.demo.screen import draw_line

    next_secs = 0.0

    def show(snapshot: RunSnapshot) -> None:
        nonlocal next_secs
        if snapshot.elapsed_secs >= next_secs:
            next_secs = snapshot.elapsed_secs + _LINE_EVERY_SECS
            console.print(draw_line(snapshot), highlight=False, soft_wrap=True)

    return show
