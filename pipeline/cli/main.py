"""Entry point: registers the commands, turns errors into messages and exit codes.

Exit codes: 0 done, 1 failed, 2 the configuration or command line is wrong, 3 the broker refused or cannot be reached,
4 state is uncertain, 130 interrupted.
"""

from __future__ import annotations

import importlib
import sys

import typer

from pipeline.errors import ConfigError, StreamwardenError

__all__ = ["COMMAND_MODULES", "build_app", "main"]

COMMAND_MODULES: tuple[str, ...] = (
    "check",
    "topics",
    "models",
    "worker",
    "demo",
    "replay",
    "score",
    "tail",
    "explain",
    "audit",
    "crosscheck",
    "warm_up",
    "bench",
)
"""Modules under `pipeline.cli`, each with a ``register(app)``; in the order of ``--help``.  They import what is heavy inside
the command, so that ``--help`` stays quick."""


def build_app() -> typer.Typer:
    """The Typer application with every command registered.

    Examples
    --------
    >>> build_app().info.name
    'streamwarden'
    """
    app = typer.Typer(
        name="streamwarden",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="Real-time anomaly detection and alerting on Kafka: metrics and logs in, one explained alert an incident out.",
    )

    @app.callback()
    def streamwarden() -> None:
        """Keep one command from becoming the whole application."""

    for name in COMMAND_MODULES:
        importlib.import_module(f"pipeline.cli.{name}").register(app)
    return app


def main() -> None:
    """Run the command line; errors of the product are one clear message on stderr and an exit code, never a traceback."""
    try:
        build_app()()
    except ConfigError as error:
        for problem in error.problems or (str(error),):
            print(problem, file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
    except StreamwardenError as error:
        print(f"streamwarden: {error.code}: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
