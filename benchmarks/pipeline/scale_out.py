"""Two workers of one group beside one: throughput of both together, and CPU time a message.

Run from the repository's root::

    streamwarden bench scale --messages 1500000 --repeats 3

The topic is filled inside of a transaction.  It is committed when all workers share the partitions, so that they begin at one
moment on a full topic, and neither joining nor start-up is in the figures.  Broker and workers share the machine's cores: on two
cores the throughput of two workers is bounded by what the broker and one worker leave free.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from confluent_kafka import ConsumerGroupState, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from rich.console import Console

from benchmarks.arguments import at_least, make_parser
from benchmarks.broker import add_broker, open_broker
from benchmarks.machine import describe_machine
from benchmarks.pipeline.contender import Point, cost_of, make_config, write_config
from benchmarks.pipeline.topic import create_topics, delete_prefixed_topics
from benchmarks.pipeline.workload import Workload
from benchmarks.pipeline.workloads import WORKLOADS, add_workload
from benchmarks.process import cpu_secs_of
from pipeline.demo.brokers.ports import find_free_ports
from pipeline.demo.probe import WorkerState, probe_worker
from pipeline.demo.worker_process import WorkerProcess

_TIMEOUT_SECS = 300.0
# What a fresh broker answers while it makes its topic of groups, which it does when the first of them is asked for.
_NOT_YET = frozenset({KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS})


def fill_uncommitted(bootstrap: str, topic: str, workload: Workload, n: int) -> Producer:
    """Fill a topic inside of a transaction that stays open; its producer."""
    create_topics(bootstrap, [NewTopic(topic, num_partitions=workload.n_partitions, replication_factor=1)])
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "transactional.id": topic,
            "transaction.timeout.ms": 600_000,
            "compression.type": workload.compression,
            "linger.ms": 50,
            "batch.size": 65_536,
            "queue.buffering.max.messages": 500_000,
        }
    )
    producer.init_transactions(60)
    producer.begin_transaction()
    for key, value, timestamp_ms in workload.messages(n):
        while True:
            try:
                producer.produce(topic, value=value, key=key, timestamp=timestamp_ms)
                break
            except BufferError:
                producer.poll(0.05)
    left = producer.flush(120)
    if left:
        raise RuntimeError(f"{left} messages could not be written to {topic}")
    return producer


def run_group(bootstrap: str, workload: Workload, n_messages: int, n_workers: int) -> dict[str, Any]:
    """Let a group of workers read a topic; wall and CPU time a message, all workers together, and how many each one read."""
    prefix = f"bench-{time.time_ns():x}"
    topic = f"{prefix}-source"
    producer = fill_uncommitted(bootstrap, topic, workload, n_messages)
    workers: list[WorkerProcess] = []
    with tempfile.TemporaryDirectory(prefix="streamwarden-bench-") as folder:
        ports = find_free_ports(n_workers)
        try:
            for i, port in enumerate(ports):
                home = Path(folder) / str(i)
                home.mkdir()
                path = write_config(home, make_config(bootstrap, topic, prefix, port, [{"name": "all"}], {}))
                workers.append(WorkerProcess(path, home / "worker.log"))
            _wait_for_group(bootstrap, prefix, workers, ports)
            producer.commit_transaction(60)
            points, counts = _watch(workers, ports, n_messages)
        finally:
            for worker in workers:
                worker.stop()
            delete_prefixed_topics(bootstrap, prefix)
    cost = cost_of(points, 0.0, {})
    return {"cpu_us": cost.cpu_us, "wall_us": cost.wall_us, "n_by_worker": counts}


def _wait_for_group(bootstrap: str, group: str, workers: list[WorkerProcess], ports: list[int]) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    deadline_secs = time.monotonic() + _TIMEOUT_SECS
    n_calm = 0
    while n_calm < 6:
        for worker in workers:
            worker.require_running()
        if time.monotonic() > deadline_secs:
            raise RuntimeError(f"the group had not formed after {_TIMEOUT_SECS:.0f} s: {workers[0].last_log_lines()}")
        states = [probe_worker("127.0.0.1", port) for port in ports]
        try:
            found = admin.describe_consumer_groups([group])[group].result(30)
            whole = found.state == ConsumerGroupState.STABLE and len(found.members) == len(workers)
        except KafkaException as problem:
            if problem.args[0].code() not in _NOT_YET:
                raise
            whole = False
        n_calm = n_calm + 1 if whole and all(state is not None and state.is_ready for state in states) else 0
        time.sleep(0.5)


def _watch(workers: list[WorkerProcess], ports: list[int], n_messages: int) -> tuple[list[Point], list[int]]:
    points: list[Point] = []
    deadline_secs = time.monotonic() + _TIMEOUT_SECS
    while True:
        cpu_secs = sum(cpu_secs_of(worker.pid) for worker in workers)
        states = [probe_worker("127.0.0.1", port) or WorkerState() for port in ports]
        counts = [state.n_records for state in states]
        if sum(counts):
            points.append(Point(sum(counts), cpu_secs, time.perf_counter()))
        if sum(counts) >= n_messages:
            return points, counts
        if time.monotonic() > deadline_secs:
            raise RuntimeError(f"not done after {_TIMEOUT_SECS:.0f} s: {counts}; {workers[0].last_log_lines()}")
        time.sleep(0.1)


def main(arguments: list[str] | None = None) -> int:
    """Run it from the command line."""
    parser = make_parser("scale", __doc__)
    add_workload(parser, "native-2k")
    parser.add_argument("--messages", type=at_least(1), default=1_500_000, help="messages on the topic")
    parser.add_argument("--repeats", type=at_least(1), default=3, help="runs of each")
    add_broker(parser)
    parser.add_argument(
        "--json", metavar="FILE", type=Path, help="where every repeat goes, with machine, versions, commit and seed"
    )
    chosen = parser.parse_args(arguments)
    progress = Console(stderr=True)
    workload = WORKLOADS[chosen.workload]
    report: dict[str, Any] = {
        "benchmark": "scale",
        "workload": workload.name,
        "seed": workload.seed,
        "n_messages": chosen.messages,
    }
    report["machine"] = describe_machine(("aiokafka", "numba", "numpy"))
    results: dict[str, list[dict[str, Any]]] = {"1": [], "2": []}
    with open_broker(chosen.broker, lambda text: progress.print(text, style="dim")) as (bootstrap, report["broker"]):
        for repeat in range(chosen.repeats):
            for n_workers in (1, 2):
                one = run_group(bootstrap, workload, chosen.messages, n_workers)
                results[str(n_workers)].append(one)
                progress.print(f"{repeat + 1}/{chosen.repeats} workers: {n_workers}, {one}", style="dim")
    pairs = list(zip(results["1"], results["2"], strict=True))
    report["results"] = results
    report["throughput_ratio"] = median(one["wall_us"] / two["wall_us"] for one, two in pairs)
    report["cpu_ratio"] = median(two["cpu_us"] / one["cpu_us"] for one, two in pairs)
    if chosen.json:
        chosen.json.write_text(json.dumps(report, indent=1) + "\n")
    cpus = {n: median(one["cpu_us"] for one in some) for n, some in results.items()}
    print(f"throughput of two workers over one: {report['throughput_ratio']:.2f}")
    print(f"CPU µs a message: one {cpus['1']:.2f}, two {cpus['2']:.2f} (ratio {report['cpu_ratio']:.2f})")
    return 0
