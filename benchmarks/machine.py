"""What a figure was taken on: machine, versions, commit."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["describe_machine"]


def describe_machine(packages: Iterable[str]) -> dict[str, Any]:
    """Machine, versions of `packages` and commit."""
    cpu = next((line.split(":")[1].strip() for line in _read("/proc/cpuinfo").splitlines() if line.startswith("model name")), "")
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    return {
        "cpu": cpu or platform.processor(),
        "n_cpus": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
        **{package: importlib.metadata.version(package) for package in packages},
        "commit": commit,
    }


def _read(path: str) -> str:
    return Path(path).read_text() if Path(path).exists() else ""
