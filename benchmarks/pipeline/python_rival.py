"""Rivals in Python that live in a virtual environment of their own, made once in the project's cache folder."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.pipeline.contender import METRIC_JSON, Contender, Cost, run_process
from pipeline.demo.brokers.cache import cache_folder

_RIVALS = Path(__file__).parents[1] / "rivals"


def make_environment(requirements: Path) -> Path:
    """The interpreter of an environment with the packages of a file of pinned requirements; made when the file has changed.

    Raises
    ------
    RuntimeError
        The packages could not be had; leave the rival out with ``--only``.
    """
    tag = f"{sys.version_info.major}.{sys.version_info.minor}".encode()
    digest = hashlib.sha256(tag + requirements.read_bytes()).hexdigest()[:12]
    folder = cache_folder("bench-python") / f"{requirements.stem}-{digest}"
    interpreter = folder / "bin" / "python"
    if (folder / "complete").exists():
        return interpreter
    uv = shutil.which("uv")
    if uv is None:
        steps = [
            [sys.executable, "-m", "venv", "--clear", str(folder)],
            [str(interpreter), "-m", "pip", "install", "--disable-pip-version-check", "-r", str(requirements)],
        ]
    else:
        steps = [
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
            [uv, "pip", "install", "--quiet", "--python", str(interpreter), "-r", str(requirements)],
        ]
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, timeout=500, check=False)
        if done.returncode != 0:
            told = (done.stdout + done.stderr)[-2_000:]
            raise RuntimeError(f"no environment from {requirements.name}, leave its rival out with --only: {told}")
    (folder / "complete").touch()
    return interpreter


@dataclass(frozen=True)
class EnvironmentRival(Contender):
    """A script of ``benchmarks/rivals`` under an interpreter with packages of its own.

    Attributes
    ----------
    script : str
    requirements : str
        File of ``benchmarks/rivals/python``.
    """

    script: str
    requirements: str

    def prepare(self) -> None:
        """Make its environment."""
        make_environment(_RIVALS / "python" / self.requirements)

    def versions(self) -> dict[str, str]:
        """Of the packages its file of requirements names."""
        requirements = _RIVALS / "python" / self.requirements
        names = re.findall(r"(?m)^[A-Za-z0-9_.-]+", requirements.read_text())
        ask = "import importlib.metadata as m, json, sys; print(json.dumps({name: m.version(name) for name in sys.argv[1:]}))"
        told = subprocess.run(
            [str(make_environment(requirements)), "-c", ask, *names], capture_output=True, text=True, timeout=60, check=True
        ).stdout
        versions: dict[str, str] = json.loads(told)
        return versions

    def run(self, bootstrap: str, topic: str, n_messages: int, record_format: str = METRIC_JSON, n_warm: int = 0) -> Cost:  # noqa: ARG002
        """See `Contender.run`."""
        interpreter = make_environment(_RIVALS / "python" / self.requirements)
        return run_process([str(interpreter), str(_RIVALS / self.script), bootstrap, topic, str(n_messages)], n_warm=n_warm)
