"""Waiting for what comes about by itself, and not for ever."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["wait_until", "wait_until_gone"]


def wait_until(is_so: Callable[[], bool], timeout_secs: float, describe: Callable[[], str] = lambda: "") -> None:
    """Look ten times a second until something is so.

    Raises
    ------
    AssertionError
        It has not become so.
    """
    deadline_secs = time.monotonic() + timeout_secs
    while not is_so():
        if time.monotonic() > deadline_secs:
            raise AssertionError(f"not so after {timeout_secs:.0f} s\n{describe()}")
        time.sleep(0.1)


def wait_until_gone(program: str) -> None:
    """Run a program that prints the id of a process of its own and kills itself, until that process has ended as well."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert done.returncode == -9, done.stderr
    wait_until(lambda: not Path(f"/proc/{int(done.stdout)}").exists(), 10)
