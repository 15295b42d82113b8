"""How long a worker takes to be where it was, and what its series weigh: restore from the checkpoints topic, on an Apache Kafka.

    streamwarden bench recovery [--series 100000 1000000] [--model gaussian_scorer] [--repeats 3] [--json FILE]

A first worker reads a workload of so many series, writes its checkpoints and is killed.  Then, repeat by repeat, a new worker of the
same group takes over: *restore* is the time from the assignment of its partitions until the last of them has its state, *CPU* the
process's CPU time in between, *resident* its memory when that is done, *peak* the highest until then.  ``scored`` is the memory of
the first worker after all samples, ``written`` what all its checkpoints came to.

*take-over*: two workers share the partitions, one is killed, and samples of every partition are sent.  Told is the time from the kill
until the other has scored the last of them, less the session time-out (6 s), which passes before anybody knows; without standby
copies (`worker.standby`) and with them.
"""

from __future__ import annotations

import json
import signal
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from benchmarks.arguments import at_least, make_parser
from benchmarks.broker import add_broker, open_broker
from benchmarks.machine import describe_machine
from benchmarks.pipeline.contender import make_config, write_config
from benchmarks.pipeline.topic import delete_topics, fill, send
from benchmarks.pipeline.workload import Message, Workload
from benchmarks.pipeline.workloads import WORKLOADS
from benchmarks.process import cpu_secs_of, peak_mb_of, resident_mb_of
from pipeline.demo.brokers.ports import find_free_ports
from pipeline.demo.probe import probe_worker
from pipeline.demo.worker_process import WorkerProcess

__all__ = ["main", "measure"]

_PACKAGES = ("aiokafka", "cramjam", "faust-streaming", "numba", "numpy", "orjson")
_TIMEOUT_SECS = 400.0
_ROUNDS = 2
_INTERVAL_SECS = 10.0
_SESSION_SECS = 6.0
_MORE_MESSAGES = 4_000
_FOLLOWED_SECS = 5.0
_THRESHOLD = {"type": "fixed", "score": 0.999999999}


def measure(bootstrap: str, workload: Workload, model: str, n_repeats: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Memory of a worker that has seen every series `_ROUNDS` times and what it wrote of checkpoints, MB; one row a recovery."""
    n_messages = _ROUNDS * workload.n_series
    topic = f"bench-recovery-{workload.name}"
    say(f"writing {n_messages:,} messages of {workload.name} ...")
    fill(bootstrap, topic, workload, n_messages)
    # What comes after them, a portion for each take-over.
    more = islice(workload.messages(n_messages + 2 * n_repeats * _MORE_MESSAGES), n_messages, None)
    later = iter(list(_batched(more)))
    rows: list[dict[str, float]] = []
    outputs: list[str] = []
    try:
        with tempfile.TemporaryDirectory(prefix="streamwarden-bench-") as folder:
            (port,) = find_free_ports(1)
            detector = {"name": "all", "model": {"type": model}}
            if model != "default":
                detector["threshold"] = _THRESHOLD
            config = make_config(
                bootstrap, topic, f"bench-{time.time_ns():x}", port, [detector], {"checkpoint_interval_secs": _INTERVAL_SECS}
            )
            config["broker"] |= {"session_timeout_secs": _SESSION_SECS}
            outputs = [one["name"] for one in config["outputs"].values()]
            path = write_config(Path(folder), config)
            say(f"a worker reads them and writes its checkpoints ({workload.n_partitions} partitions) ...")
            log = Path(folder) / "first.log"
            first = WorkerProcess(path, log)
            try:
                _wait(first, lambda: (state := probe_worker("127.0.0.1", port)) is not None and state.n_records >= n_messages)
                say("    ... all read; the last checkpoints ...")
                # Two and a half intervals without one: the last ones include everything.
                _wait_for_rest(first, lambda: _metric(port, "checkpoint_seconds_count"), 2.5 * _INTERVAL_SECS)
                scored_mb = resident_mb_of(first.pid)
                checkpoint_mb = _metric(port, "checkpoint_bytes_total") / 1e6
            finally:
                first.stop(signal.SIGKILL)
            for repeat in range(n_repeats):
                log = Path(folder) / f"recovery-{repeat}.log"
                worker = WorkerProcess(path, log)
                try:
                    _wait(worker, lambda log=log: '"partitions_assigned"' in log.read_text())  # type: ignore[misc]
                    assigned_secs, assigned_cpu_secs = time.perf_counter(), cpu_secs_of(worker.pid)
                    _wait(worker, lambda: _metric(port, "restore_seconds_count") >= workload.n_partitions)
                    rows.append(
                        {
                            "restore_secs": time.perf_counter() - assigned_secs,
                            "cpu_secs": cpu_secs_of(worker.pid) - assigned_cpu_secs,
                            "resident_mb": resident_mb_of(worker.pid),
                            "peak_mb": peak_mb_of(worker.pid),
                        }
                    )
                finally:
                    worker.stop(signal.SIGKILL)
                rows[-1] |= {
                    f"takeover{name}_secs": _measure_takeover(
                        Path(folder), bootstrap, config, workload, next(later), is_standby=is_on
                    )
                    for name, is_on in (("", False), ("_standby", True))
                }
                say(
                    f"{repeat + 1}/{n_repeats}: {rows[-1]['restore_secs']:.1f} s, take-over {rows[-1]['takeover_secs']:+.1f} s, with "
                    f"standby copies {rows[-1]['takeover_standby_secs']:+.1f} s"
                )
    finally:
        delete_topics(bootstrap, [topic, *outputs])
    return {"scored_mb": scored_mb, "written_mb": checkpoint_mb, "repeats": rows}


def _batched(messages: Iterator[Message]) -> Iterator[list[Message]]:
    """Portions of `_MORE_MESSAGES`."""
    while portion := list(islice(messages, _MORE_MESSAGES)):
        yield portion


def _measure_takeover(
    folder: Path, bootstrap: str, config: dict[str, Any], workload: Workload, later: list[Message], *, is_standby: bool
) -> float:
    """Two workers share the partitions and one is killed: seconds until the other has scored what is sent then, less the time-out."""
    ports = find_free_ports(2)
    # No checkpoint is written meanwhile: what the dead worker had read since it began is read again, and its number is known.
    settings = {"checkpoint_interval_secs": 3600.0, "standby": is_standby}
    n_partitions, topic = workload.n_partitions, config["topics"][0]["name"]
    workers = []
    for port in ports:
        own = folder / f"topics-{port}.yaml"
        own.write_text(yaml.safe_dump({**config, "worker": {**config["worker"], **settings, "web_port": port}}))
        workers.append(WorkerProcess(own, folder / f"worker-{port}.log"))
    try:
        for worker, port in zip(workers, ports, strict=True):
            _wait(worker, lambda port=port: _metric(port, "restore_seconds_count") >= n_partitions // 2)  # type: ignore[misc]
        _wait(workers[0], lambda: [_n_assigned(port, topic) for port in ports] == [n_partitions // 2] * 2)
        _wait(workers[0], lambda: sum(_metric(port, "lag_records") for port in ports) == 0)
        if is_standby:
            _wait_for_rest(workers[0], lambda: _metric(ports[0], "standby_bytes"), _FOLLOWED_SECS)
        n_expected = sum(_metric(port, "records_total") for port in ports) + len(later)
        workers[1].stop(signal.SIGKILL)
        killed_secs = time.perf_counter()
        send(bootstrap, topic, workload, later)
        _wait(workers[0], lambda: _metric(ports[0], "records_total") >= n_expected)
        return time.perf_counter() - killed_secs - _SESSION_SECS
    finally:
        for worker in workers:
            worker.stop(signal.SIGKILL)


def _wait(worker: WorkerProcess, is_done: Callable[[], bool]) -> None:
    deadline_secs = time.monotonic() + _TIMEOUT_SECS
    while not is_done():
        worker.require_running()
        if time.monotonic() > deadline_secs:
            raise RuntimeError(f"not done after {_TIMEOUT_SECS:.0f} s\n{worker.last_log_lines()}")
        time.sleep(0.05)


def _read_metrics(port: int) -> list[str]:
    """Lines of the worker's metrics; none while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text: str = answer.read().decode()
            return text.splitlines()
    except OSError:
        return []


def _metric(port: int, name: str) -> float:
    """Sum of a metric of the worker over its labels."""
    values = [line.rpartition(" ")[2] for line in _read_metrics(port) if line.startswith(f"streamwarden_{name}")]
    return sum(map(float, values), 0.0)


def _n_assigned(port: int, topic: str) -> int:
    """Partitions of a topic that a worker has, as the lags it shows tell."""
    lags = (line for line in _read_metrics(port) if line.startswith("streamwarden_lag_records{"))
    return sum(f'topic="{topic}"' in line for line in lags)


def _wait_for_rest(worker: WorkerProcess, read: Callable[[], float], secs: float) -> None:
    """Until a figure has stayed the same for so long."""
    last, since_secs = -1.0, time.monotonic()
    while time.monotonic() - since_secs < secs:
        worker.require_running()
        now = read()
        if now != last:
            last, since_secs = now, time.monotonic()
        time.sleep(0.5)


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line."""
    parser = make_parser("recovery", __doc__)
    by_series = {workload.n_series: workload for workload in WORKLOADS.values() if workload.name in ("native-100k", "native-1m")}
    parser.add_argument(
        "--series",
        type=int,
        nargs="+",
        choices=sorted(by_series),
        default=sorted(by_series),
        help="series of the topic; both when left out",
    )
    parser.add_argument("--model", default="gaussian_scorer", help="of every series; `default` for the default detector")
    parser.add_argument("--repeats", type=at_least(1), default=3, help="takings over of each size")
    add_broker(parser)
    parser.add_argument("--json", metavar="FILE", help="where every repeat goes, with machine, versions, commit and seed")
    given = parser.parse_args(arguments)
    progress = Console(stderr=True)
    say = lambda text: progress.print(text, style="dim")  # noqa: E731
    report: dict[str, Any] = {
        "benchmark": "recovery",
        "model": given.model,
        "machine": describe_machine(_PACKAGES),
        "results": {},
    }
    titles = (
        "series",
        "restore s",
        "least-most",
        "take-over s",
        "with standby s",
        "CPU s",
        "written MB",
        "resident MB",
        "peak MB",
        "scored MB",
    )
    table = Table(*titles, title=f"a worker takes over, {given.model}")
    with open_broker(given.broker, say) as (bootstrap, broker_name):
        report["broker"] = broker_name
        for n_series in given.series:
            workload = by_series[n_series]
            result = measure(bootstrap, workload, given.model, given.repeats, say)
            report["results"][workload.name] = {"seed": workload.seed, **result}
            rows = result["repeats"]
            middle = {key: median(row[key] for row in rows) for key in rows[0]}
            restores = [row["restore_secs"] for row in rows]
            table.add_row(
                f"{n_series:,}",
                f"{middle['restore_secs']:.1f}",
                f"{min(restores):.1f}-{max(restores):.1f}",
                f"{middle['takeover_secs']:+.1f}",
                f"{middle['takeover_standby_secs']:+.1f}",
                f"{middle['cpu_secs']:.1f}",
                f"{result['written_mb']:,.0f}",
                f"{middle['resident_mb']:,.0f}",
                f"{middle['peak_mb']:,.0f}",
                f"{result['scored_mb']:,.0f}",
            )
    if given.json:
        Path(given.json).write_text(json.dumps(report, indent=1) + "\n")
        say(f"every repeat is in {given.json}")
    Console(width=None if Console().is_terminal else 140).print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
