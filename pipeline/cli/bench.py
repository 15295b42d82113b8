"""``streamwarden bench``: the benchmarks of the repository, one command each."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import typer

from pipeline.errors import ConfigError

__all__ = ["BENCHMARKS", "register", "run_benchmark"]

BENCHMARKS: dict[str, tuple[str, str]] = {
    "pipeline": ("benchmarks.pipeline.run", "CPU a message of the worker beside its rivals, on one topic of an Apache Kafka."),
    "latency": ("benchmarks.latency", "Milliseconds from the append of a record to the alert about it, under an open-loop load."),
    "startup": ("benchmarks.startup", "From the start of the process to ready and to the first sample scored, cold and warm."),
    "recovery": ("benchmarks.recovery", "How long a worker takes to be where it was after a crash, and what its series weigh."),
    "stages": ("benchmarks.pipeline.stages", "Where the time of a message goes: bytes, scan, series, the whole lane; no broker."),
    "checkpoints": (
        "benchmarks.checkpoints",
        "What checkpoints cost: CPU a message of the worker with them and without, in turn.",
    ),
    "memory": ("benchmarks.memory", "Bytes a series by model, resident in a process of its own."),
    "scale": ("benchmarks.pipeline.scale_out", "Two workers of one group beside one: throughput and CPU a message."),
    "report": ("benchmarks.report", "A page of HTML with plots of results of these benchmarks."),
    "compare": ("benchmarks.compare", "Two results of the same benchmark: which ratios became worse; fails when one did."),
    "models": ("benchmarks.models", "Nanoseconds a sample of every model beside river, compile times, bytes a series."),
    "quality": (
        "benchmarks.quality.point_scores",
        "What the default detector finds on labelled series, beside river and floors.",
    ),
    "logs": ("benchmarks.quality.log_templates", "Grouping accuracy and cost of the log templates beside drain3 and floors."),
    "forest": ("benchmarks.quality.forest", "The random cut forest beside the rrcf package: time a point, accuracy on NAB."),
    "opinion": ("benchmarks.quality.second_opinion", "Whom the local cross-check believes, on labelled series, beside floors."),
    "calibration": ("benchmarks.quality.calibration", "Whether a tail probability of the default detector means what it says."),
}
"""Module and sentence by name.  A module has ``main(arguments) -> exit code or None``, which parses its own options."""

_ROOT = Path(__file__).resolve().parents[2]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(no_args_is_help=True, help="Benchmarks; each has options of its own, see its --help.")
    for name, (module, sentence) in BENCHMARKS.items():
        group.command(
            name,
            help=sentence,
            add_help_option=False,
            context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
        )(_make_command(module))
    app.add_typer(group, name="bench")


def _make_command(module: str) -> Callable[[typer.Context], None]:
    def command(context: typer.Context) -> None:
        raise typer.Exit(run_benchmark(module, context.args))

    return command


def run_benchmark(module: str, arguments: list[str]) -> int:
    """Run one benchmark; its exit code.

    Raises
    ------
    ConfigError
        The benchmarks are not there: they are part of the repository, not of the installed package.
    """
    if not (_ROOT / "benchmarks").is_dir():
        raise ConfigError(
            f"the benchmarks are not at {_ROOT / 'benchmarks'}: expected a clone of the repository, found an installed package; "
            "clone it, install it with `pip install -e .`, and run this there"
        )
    if str(_ROOT) not in sys.path:
        sys.path.insert(0, str(_ROOT))
    found: Any = import_module(module)
    return int(found.main(arguments) or 0)
