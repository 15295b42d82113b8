"""Who takes part: how it is started, and what it cost from one message to another."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from benchmarks.pipeline.topic import count_partitions, delete_topics
from benchmarks.process import cpu_secs_of, peak_mb_of
from pipeline.config.schema import OutputTopics
from pipeline.demo.brokers.ports import find_free_ports
from pipeline.demo.probe import probe_worker
from pipeline.demo.worker_process import WorkerProcess

_RIVALS = Path(__file__).parents[1] / "rivals"
_TIMEOUT_SECS = 400.0
_LOOK_SECS, _LEAST_LOOK_SECS = 0.1, 0.01
_LOOK_SECS_PER_MESSAGE = 1e-7
METRIC_JSON = "metric_json"
REQUESTS = frozenset({"remote_write", "otlp_metrics"})
"""Formats whose messages hold many samples."""


class Point(NamedTuple):
    """How far it was at a moment, and what it had cost by then."""

    n_messages: int
    cpu_secs: float
    wall_secs: float


class Cost(NamedTuple):
    """Cost of a message in the steady state: between the first point past a fifth of the messages (JVM: half) and the last.

    Start-up is not in it, nor, where a workload has many series, what precedes the moment when every series has been seen.

    Attributes
    ----------
    cpu_us, wall_us : float
        Microseconds a message: CPU time of all threads of the process; time that passed.
    n_messages : int
        Messages between the two points.
    n_before : int
        Messages before the first of them.
    startup_cpu_secs : float
        CPU time of the process before that, less what those messages cost.
    peak_mb : float
        Highest resident memory, MB; 0 = unknown.
    facts : dict
        What else it told.
    """

    cpu_us: float
    wall_us: float
    n_messages: int
    n_before: int
    startup_cpu_secs: float
    peak_mb: float
    facts: dict[str, Any]


WARM_SHARE = 0.2
JVM_WARM_SHARE = 0.5
"""Part of the messages after which a program counts as warm.  What runs on the JVM is compiled while it runs, for seconds."""


def cost_of(points: list[Point], peak_mb: float, facts: dict[str, Any], warm_share: float = WARM_SHARE, n_warm: int = 0) -> Cost:
    """The cost between the first point past `warm_share` of the messages, and past `n_warm` of them, and the last.

    Examples
    --------
    >>> cost = cost_of([Point(0, 1.0, 0.0), Point(200, 1.2, 1.0), Point(1000, 2.0, 5.0)], 0.0, {})
    >>> cost.cpu_us, cost.n_messages, round(cost.startup_cpu_secs, 6)
    (1000.0, 800, 1.0)
    """
    last = points[-1]
    n_before = max(warm_share * last.n_messages, n_warm)
    first = next((point for point in points if point.n_messages >= n_before), last)
    n = last.n_messages - first.n_messages
    if n <= 0:
        raise RuntimeError(
            f"all {last.n_messages:,} messages were handled before a second look past the {n_before:,.0f}th: expected more messages "
            "(--messages)"
        )
    cpu_secs = (last.cpu_secs - first.cpu_secs) / n
    startup_secs = first.cpu_secs - first.n_messages * cpu_secs
    wall_us = (last.wall_secs - first.wall_secs) / n * 1e6
    return Cost(cpu_secs * 1e6, wall_us, n, first.n_messages, startup_secs, peak_mb, facts)


@dataclass(frozen=True)
class Contender(ABC):
    """One who reads a topic from its beginning.

    Attributes
    ----------
    name : str
    sentence : str
        What it does with a message.
    share : float
        Part of the messages it gets: what is slow need not read them all.
    """

    name: str
    sentence: str
    share: float

    @property
    def formats(self) -> frozenset[str]:
        """Formats of messages it can read."""
        return frozenset({METRIC_JSON})

    def versions(self) -> dict[str, str]:
        """Versions of what it is made of, as far as they are not those of this environment; `prepare` was called."""
        return {}

    def prepare(self) -> None:  # noqa: B027 - most need nothing
        """Get what it needs beyond this repository, before anything is measured."""

    @abstractmethod
    def run(self, bootstrap: str, topic: str, n_messages: int, record_format: str = METRIC_JSON, n_warm: int = 0) -> Cost:
        """Read the first `n_messages` (about: partitions are read side by side).

        Parameters
        ----------
        record_format : str
            As a source topic's `format` has it; one of `formats`.
        n_warm : int
            Messages at least that are not measured, see `cost_of`.
        """


@dataclass(frozen=True)
class Rival(Contender):
    """A script of ``benchmarks/rivals``: reads, and prints a `Point` as JSON now and then, the last one at the end."""

    script: str
    arguments: tuple[str, ...] = ()
    reads: frozenset[str] = frozenset({METRIC_JSON})

    @property
    def formats(self) -> frozenset[str]:
        """See `Contender.formats`."""
        return self.reads

    def run(self, bootstrap: str, topic: str, n_messages: int, record_format: str = METRIC_JSON, n_warm: int = 0) -> Cost:
        """See `Contender.run`."""
        command = [sys.executable, str(_RIVALS / self.script), bootstrap, topic, str(n_messages), *self.arguments]
        if self.reads == REQUESTS:
            command.append(record_format)
        return run_process(command, n_warm=n_warm)


def run_process(command: list[str], cwd: Path | None = None, warm_share: float = WARM_SHARE, n_warm: int = 0) -> Cost:
    """Run a rival that prints its points as JSON lines."""
    points: list[Point] = []
    facts: dict[str, Any] = {}
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=cwd) as process,
    ):
        assert process.stdout is not None
        watchdog = threading.Timer(_TIMEOUT_SECS, process.kill)
        watchdog.start()
        for line in process.stdout:
            if line.startswith("{"):
                told = json.loads(line)
                points.append(Point(told.pop("n"), told.pop("cpu_secs"), told.pop("wall_secs")))
                facts |= told
        status = process.wait()
        watchdog.cancel()
        if status != 0 or len(points) < 2:
            errors.seek(0)
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {errors.read().decode()[-2_000:]}")
    return cost_of(points, facts.pop("peak_mb", 0.0), facts, warm_share, n_warm)


def make_config(
    bootstrap: str,
    topic: str,
    prefix: str,
    port: int,
    detectors: list[dict[str, Any]],
    settings: dict[str, Any],
    record_format: str = METRIC_JSON,
) -> dict[str, Any]:
    """Configuration of a worker on one topic: the defaults of the product, under a group and output topics of this run."""
    outputs = OutputTopics().model_dump()
    for output in outputs.values():
        output["name"] = f"{prefix}-{output['name']}"
    return {
        "version": 1,
        "broker": {"bootstrap": bootstrap},
        "worker": {"group": prefix, "web_port": port, **settings},
        "topics": [{"name": topic, "kind": "metrics", "format": record_format, "partitions": count_partitions(bootstrap, topic)}],
        "series": {"max_per_partition": 2_000_000},
        "outputs": outputs,
        "detectors": detectors,
    }


def write_config(folder: Path, config: dict[str, Any]) -> Path:
    """Write a configuration into a folder and make its topics; the file."""
    path = folder / "topics.yaml"
    path.write_text(yaml.safe_dump(config))
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", "topics", "apply", "--config", str(path)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return path


@dataclass(frozen=True)
class Worker(Contender):
    """``streamwarden worker`` as it is deployed, anomalies and alerts published; watched through ``/metrics`` and ``/proc``."""

    detectors: tuple[dict[str, Any], ...]
    settings: tuple[tuple[str, Any], ...] = ()
    crosscheck: dict[str, Any] | None = None

    @property
    def formats(self) -> frozenset[str]:
        """See `Contender.formats`."""
        return REQUESTS | {METRIC_JSON}

    def run(self, bootstrap: str, topic: str, n_messages: int, record_format: str = METRIC_JSON, n_warm: int = 0) -> Cost:
        """See `Contender.run`; it reads all there is."""
        prefix = f"bench-{time.time_ns():x}"
        (port,) = find_free_ports(1)
        with tempfile.TemporaryDirectory(prefix="streamwarden-bench-") as folder:
            config = make_config(bootstrap, topic, prefix, port, list(self.detectors), dict(self.settings), record_format)
            if self.crosscheck is not None:
                config["crosscheck"] = self.crosscheck
            config_path = write_config(Path(folder), config)
            worker = WorkerProcess(config_path, Path(folder) / "worker.log")
            try:
                points, state = self._watch(worker, port, n_messages)
                peak_mb = peak_mb_of(worker.pid)
            finally:
                worker.stop()
        delete_topics(bootstrap, [one["name"] for one in config["outputs"].values()])
        facts = {"n_by_outcome": state.n_by_outcome, "lane_cpu_us": state.scoring_cpu_secs / max(state.n_records, 1) * 1e6}
        return cost_of(points, peak_mb, facts, n_warm=n_warm)

    def _watch(self, worker: WorkerProcess, port: int, n_messages: int) -> tuple[list[Point], Any]:
        points: list[Point] = []
        deadline_secs = time.monotonic() + _TIMEOUT_SECS
        # Looks cost it something; where there are few messages they must be close together.
        look_secs = min(max(n_messages * _LOOK_SECS_PER_MESSAGE, _LEAST_LOOK_SECS), _LOOK_SECS)
        while True:
            worker.require_running()
            cpu_secs = cpu_secs_of(worker.pid)
            state = probe_worker("127.0.0.1", port)
            if state is not None and state.n_records:
                points.append(Point(state.n_records, (cpu_secs + cpu_secs_of(worker.pid)) / 2, time.perf_counter()))
                if state.n_records >= n_messages:
                    return points, state
            if time.monotonic() > deadline_secs:
                raise RuntimeError(f"not done after {_TIMEOUT_SECS:.0f} s: {points[-1:]}\n{worker.last_log_lines()}")
            time.sleep(look_secs)
