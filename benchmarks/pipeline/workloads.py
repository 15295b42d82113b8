"""Every frozen workload, by name."""

from __future__ import annotations

import argparse

from benchmarks.pipeline.request_workload import REQUEST_WORKLOADS
from benchmarks.pipeline.workload import NATIVE_WORKLOADS, Workload

__all__ = ["WORKLOADS", "add_workload"]

WORKLOADS: dict[str, Workload] = NATIVE_WORKLOADS | REQUEST_WORKLOADS
"""One sample a message, and whole requests."""


def add_workload(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the option ``--workload``: one of them by name."""
    names = sorted(WORKLOADS)
    parser.add_argument("--workload", default=default, choices=names, metavar="NAME", help=f"one of {', '.join(names)}")
