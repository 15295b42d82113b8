"""Runs a line of Python in a process of its own, with a switch of numba's on and a kernel cache of its own."""

from __future__ import annotations

import os
import subprocess
import sys


def run_with_setting(program: str, setting: str, cache_path: object) -> str:
    """What the program prints, compiled under ``setting=1``; it must end well."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::RuntimeWarning", "-c", program],
        env={
            **os.environ,
            setting: "1",
            "NUMBA_CACHE_DIR": str(cache_path),
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    return done.stdout
