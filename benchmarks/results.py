"""Results of benchmarks, as their ``--json FILE`` writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["KINDS", "read_result"]

KINDS = ("pipeline", "scale", "latency", "startup", "memory", "recovery", "checkpoints", "stages", "models")
"""Benchmarks whose results are compared and shown."""


def read_result(path: Path) -> dict[str, Any]:
    """One result.

    Raises
    ------
    ValueError
        The file holds something else; it names file and cure.
    """
    expected = f"expected what `streamwarden bench KIND --json FILE` writes, KIND one of {', '.join(KINDS)}"
    try:
        report = json.loads(path.read_text())
    except (OSError, ValueError) as problem:
        raise ValueError(f"{path}: {problem}; {expected}") from problem
    kind = report.get("benchmark") if isinstance(report, dict) else None
    if kind not in KINDS:
        raise ValueError(f"{path}: found {f'a result of {kind}' if kind else 'no result'}; {expected}")
    if not report.get("results"):
        raise ValueError(f"{path}: found a result of {kind} without a single repeat; run it again")
    found: dict[str, Any] = report
    return found
