"""``streamwarden warm-up``: kernels compiled ahead of time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("warm-up")(warm_up)


def warm_up(
    config: Annotated[Path, typer.Option(help="The configuration.")] = Path("topics.yaml"),
    with_all: Annotated[
        bool, typer.Option("--all", help="Every registered model, not only those the configuration names.")
    ] = False,
) -> None:
    """Compile the kernels into the cache, so that workers that share it start in a second.

    The cache is NUMBA_CACHE_DIR, or the user's cache folder.

    Kernels are compiled for this machine's processor; another kind of processor compiles its own.

    A folder that cannot be written is an error (exit code 1): workers would do without it.
    """
    from models.kernel_cache import cache_dir
    from models.kernel_store import cache_faults
    from models.warmup import warm_up as warm_up_models
    from pipeline.config.load import load_config
    from pipeline.service.warmup import warm_up as warm_up_worker

    loaded = load_config(config)
    secs = warm_up_models() if with_all else {}
    secs |= warm_up_worker(loaded)
    for name, taken in secs.items():
        sys.stdout.write(f"{taken:8.2f} s  {name}\n")
    sys.stdout.write(f"{sum(secs.values()):8.2f} s  in all; the cache is {cache_dir()}\n")
    n_unkept = cache_faults.n_by_kind["unwritable"]
    if n_unkept:
        # What is wrong, and the cure, was told when it happened.
        sys.stderr.write(f"streamwarden: {n_unkept} kernels could not be kept in {cache_dir()}\n")
        raise typer.Exit(1)
