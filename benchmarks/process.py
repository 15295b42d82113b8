"""What a process has used so far, as Linux tells it."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cpu_secs_of", "peak_mb_of", "resident_mb_of"]

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_secs_of(pid: int) -> float:
    """CPU time of a process so far, all threads, s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def peak_mb_of(pid: int) -> float:
    """Highest resident memory of a process so far, MB; 0 = unknown."""
    return _read_mb(pid, "VmHWM")


def resident_mb_of(pid: int) -> float:
    """Resident memory of a process, MB; 0 = unknown.

    Examples
    --------
    >>> resident_mb_of(os.getpid()) > 1.0
    True
    """
    return _read_mb(pid, "VmRSS")


def _read_mb(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    return 0.0
