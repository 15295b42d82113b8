"""Every frozen workload, by name."""

from __future__ import annotations

from benchmarks.pipeline.request_workload import REQUEST_WORKLOADS
from benchmarks.pipeline.workload import NATIVE_WORKLOADS, Workload

__all__ = ["WORKLOADS"]

WORKLOADS: dict[str, Workload] = NATIVE_WORKLOADS | REQUEST_WORKLOADS
"""One sample a message, and whole requests."""
