"""Lanes that know many series, and what the process that holds them takes."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.pipeline.stages import make_fetches
from benchmarks.pipeline.workload import Workload
from benchmarks.pipeline.workloads import WORKLOADS
from pipeline.codecs.fetched import read_fetched
from pipeline.config.schema import Config, DetectorSettings, ModelSettings, SeriesSettings, SourceTopic
from pipeline.engine.lane import Lane

__all__ = ["MIB", "SOURCE", "feed", "make_config", "peak_bytes", "resident_bytes", "run_apart", "workload_of"]

MIB = 1 << 20
SOURCE = SourceTopic(name="metrics", kind="metrics", format="metric_json")


def make_config(model: str, context_samples: int | None = None) -> Config:
    """One detector of `model` with its defaults over all series; ``default`` = the default detector."""
    settings = SeriesSettings(max_per_partition=2_000_000)
    if context_samples is not None:
        settings = settings.model_copy(update={"context_samples": context_samples})
    detector = DetectorSettings(name="all")
    if model != "default":
        detector = DetectorSettings(name="all", model=ModelSettings(type=model))
    return Config(version=1, topics=[SOURCE], series=settings, detectors=[detector])


def workload_of(n_series: int) -> Workload:
    """The frozen workload with that many series, or one like it."""
    return next((one for one in WORKLOADS.values() if one.n_series == n_series), Workload(f"native-{n_series}", n_series))


def feed(lane: Lane, workload: Workload, n_rounds: int) -> None:
    """Let a lane take in `n_rounds` samples of every series, as the fast reader would hand them over."""
    for data in make_fetches(workload, n_rounds * workload.n_series):
        lane.process(read_fetched(SOURCE.name, 0, data).batch)


def resident_bytes() -> int:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def peak_bytes() -> int:
    """Highest resident memory of this process so far."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def run_apart(module: str, task: dict[str, Any]) -> dict[str, Any]:
    """Run a task of a benchmark in a fresh process: ``python -m module --task JSON``; what it printed as its last line, as JSON.

    Raises
    ------
    RuntimeError
        It failed.
    """
    command = [sys.executable, "-m", module, "--task", json.dumps(task)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed with {done.returncode}:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
