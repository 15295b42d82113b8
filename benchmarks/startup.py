"""From the start of the worker's process until it is ready and until its first sample is scored, with and without compiled kernels.

Run from the repository's root::

    streamwarden bench startup --repeats 3 --json startup.json

*cold*: the folder of compiled kernels is empty, as on a machine that has never run the worker; *warm*: the same folder again.
The topic is full before the process starts, and an Apache Kafka is on the same cores.  *ready* is when ``/readyz`` says so, *scored*
when ``/metrics`` counts a record as scored; both are looked for every 20 ms.  Nothing else is emptied: files are in the system's
cache either way.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.arguments import at_least, make_parser
from benchmarks.broker import add_broker, open_broker
from benchmarks.machine import describe_machine
from benchmarks.pipeline.contender import make_config, write_config
from benchmarks.pipeline.topic import delete_topics, fill
from benchmarks.pipeline.workloads import WORKLOADS, add_workload
from benchmarks.process import cpu_secs_of
from pipeline.demo.brokers.ports import find_free_ports
from pipeline.demo.probe import parse_metrics
from pipeline.demo.worker_process import WorkerProcess

_PACKAGES = ("aiokafka", "faust-streaming", "llvmlite", "numba", "numpy", "orjson")
_CACHE = "NUMBA_CACHE_DIR"
_LOOK_SECS = 0.02
_TIMEOUT_SECS = 400.0
_N_MESSAGES = 20_000


@contextmanager
def use_cache(folder: Path) -> Iterator[None]:
    """Have processes that are started keep their compiled kernels in a folder."""
    before = os.environ.get(_CACHE)
    os.environ[_CACHE] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_CACHE]
        else:
            os.environ[_CACHE] = before


def start_once(bootstrap: str, topic: str, detector: dict[str, Any], record_format: str) -> dict[str, float]:
    """Start a worker in a group of its own and stop it when it has scored: seconds until ready, until scored, CPU time by then."""
    prefix = f"bench-{time.time_ns():x}"
    (port,) = find_free_ports(1)
    with tempfile.TemporaryDirectory(prefix="streamwarden-bench-") as folder:
        config = make_config(bootstrap, topic, prefix, port, [detector], {}, record_format)
        path = write_config(Path(folder), config)
        started_secs = time.perf_counter()
        worker = WorkerProcess(path, Path(folder) / "worker.log")
        told: dict[str, float] = {}
        try:
            while "scored_secs" not in told:
                worker.require_running()
                if time.perf_counter() - started_secs > _TIMEOUT_SECS:
                    raise RuntimeError(f"nothing scored after {_TIMEOUT_SECS:.0f} s\n{worker.last_log_lines()}")
                if "ready_secs" not in told and _get(port, "readyz") is not None:
                    told["ready_secs"] = time.perf_counter() - started_secs
                text = _get(port, "metrics")
                if text is not None and parse_metrics(text, is_ready=True).n_by_outcome.get("scored", 0):
                    told |= {"scored_secs": time.perf_counter() - started_secs, "cpu_secs": cpu_secs_of(worker.pid)}
                time.sleep(_LOOK_SECS)
            told.setdefault("ready_secs", told["scored_secs"])
        finally:
            worker.stop()
            delete_topics(bootstrap, [one["name"] for one in config["outputs"].values()])
    return told


def _get(port: int, path: str) -> str | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5.0) as answer:
            text: str = answer.read().decode()
            return text
    except (OSError, urllib.error.HTTPError):
        return None


def summarise(results: dict[str, list[dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Medians.

    Examples
    --------
    >>> summarise({"warm": [{"ready_secs": 1.0}, {"ready_secs": 3.0}, {"ready_secs": 2.0}]})
    {'warm': {'ready_secs': 2.0}}
    """
    return {how: {name: median(one[name] for one in some) for name in some[0]} for how, some in results.items()}


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = make_parser("startup", __doc__)
    add_workload(parser, "native-2k")
    parser.add_argument("--model", default="default", metavar="NAME", help="of the one detector")
    parser.add_argument("--repeats", type=at_least(1), default=3, help="cold starts, each with a warm one after it")
    add_broker(parser)
    parser.add_argument("--json", metavar="FILE", type=Path, help="where every repeat goes, with machine, versions and commit")
    chosen = parser.parse_args(arguments)
    progress = Console(stderr=True)
    say = lambda text: progress.print(text, style="dim")  # noqa: E731
    workload = WORKLOADS[chosen.workload]
    n_messages = -(-_N_MESSAGES // workload.samples_per_message)
    topic = f"bench-startup-{workload.name}"
    machine = describe_machine(_PACKAGES)
    results: dict[str, list[dict[str, float]]] = {"cold": [], "warm": []}
    with open_broker(chosen.broker, say) as (bootstrap, broker_name):
        fill(bootstrap, topic, workload, n_messages)
        try:
            for repeat in range(chosen.repeats):
                with tempfile.TemporaryDirectory(prefix="streamwarden-bench-kernels-") as cache, use_cache(Path(cache)):
                    for how, some in results.items():
                        some.append(
                            start_once(bootstrap, topic, {"name": "all", "model": {"type": chosen.model}}, workload.format)
                        )
                        say(f"{repeat + 1}/{chosen.repeats} {how}: {some[-1]}")
        finally:
            delete_topics(bootstrap, [topic])
    report = {
        "benchmark": "startup",
        "workload": workload.name,
        "seed": workload.seed,
        "n_messages": n_messages,
        "model": chosen.model,
        "broker": broker_name,
        "machine": machine,
        "summary": summarise(results),
        "results": results,
    }
    if chosen.json:
        chosen.json.write_text(json.dumps(report, indent=1) + "\n")
    table = Table(title="Seconds from the start of the process: median (least-most)")
    for title in ("kernels", "ready", "first sample scored", "CPU time by then"):
        table.add_column(title, justify="left" if title == "kernels" else "right")
    for how, some in results.items():
        columns = [sorted(one[name] for one in some) for name in ("ready_secs", "scored_secs", "cpu_secs")]
        table.add_row(how, *(f"{median(one):.1f} ({one[0]:.1f}-{one[-1]:.1f})" for one in columns))
    Console().print(table)
    return 0
