"""Latency from the broker's append of a record to its append of the alert event about it, under an open-loop load.

Run from the repository's root::

    streamwarden bench latency
    streamwarden bench latency --seconds 60 --shares 0.5 --json latency.json

Both ends are the broker's clock: source and alert topics are ``message.timestamp.type=LogAppendTime``, of 1 ms resolution.  The
sustained rate is measured first, in the same session, with generator, broker and worker on these cores: messages sent as fast as
possible, over the time until the worker has processed them.  Then records are sent on a schedule that waits for nobody.  The second
figures count from the moment a record was *due*: a generator or broker that stalls makes its own records late, and hides nothing.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import NewTopic
from rich.console import Console
from rich.table import Table

from benchmarks.arguments import at_least, make_parser, positive_number
from benchmarks.broker import add_broker, open_broker
from benchmarks.machine import describe_machine
from benchmarks.pipeline.contender import make_config, write_config
from benchmarks.pipeline.topic import create_topics, delete_topics
from pipeline.alerts.event import CE_TYPE_PREFIX
from pipeline.demo.brokers.ports import find_free_ports
from pipeline.demo.probe import probe_worker
from pipeline.demo.worker_process import WorkerProcess

_PACKAGES = ("aiokafka", "confluent-kafka", "faust-streaming", "numba", "numpy")
_SEED = 20_261_125
_N_SERIES = 2_000
_N_PARTITIONS = 4
_TICK_SECS = 0.002
_QUANTILES = (0.5, 0.99, 0.999)
_TIMEOUT_SECS = 120.0
_APPEND_TIME = {"message.timestamp.type": "LogAppendTime"}
_DETECTOR = {"name": "all", "model": {"type": "gaussian_scorer"}, "threshold": {"type": "fixed", "score": 0.99999999}}


class Spike(NamedTuple):
    """An anomalous record: whose, at what event time (also when it was due), and when the broker appended it; ms."""

    host: str
    due_ms: int
    appended_ms: int


@dataclass
class Load:
    """Samples of a fixed set of series, round and round; a series spikes at most once, so that an alert names its record."""

    producer: Producer
    topic: str
    n_sent: int = 0
    n_spiked: int = 0
    spikes: list[Spike] = field(default_factory=list)
    noise: list[float] = field(default_factory=lambda: np.random.default_rng(_SEED).normal(50.0, 1.0, 65_536).tolist())

    def send(self, due_ms: int, *, is_spike: bool) -> None:
        """Send the next record; what is due never waits for an answer."""
        i = self.n_sent % _N_SERIES
        host = f"web-{i:05}"
        value = 90.0 if is_spike else self.noise[random.getrandbits(16)]
        body = f'{{"name":"cpu_util","labels":{{"host":"{host}","region":"eu-1"}},"ts":{due_ms},"value":{value:.6f}}}'
        told = (lambda error, message: self._take(host, due_ms, error, message)) if is_spike else None
        while True:
            try:
                self.producer.produce(self.topic, value=body, partition=i % _N_PARTITIONS, on_delivery=told)
                break
            except BufferError:
                self.producer.poll(0.01)
        self.n_sent += 1

    def _take(self, host: str, due_ms: int, error: Any, message: Any) -> None:
        if error is not None:
            raise RuntimeError(f"a record could not be written: {error}")
        self.spikes.append(Spike(host, due_ms, message.timestamp()[1]))

    def blast(self, n: int) -> None:
        """Send records as fast as possible."""
        for _ in range(n):
            self.send(time.time_ns() // 1_000_000, is_spike=False)
            if self.n_sent % 1_000 == 0:
                self.producer.poll(0)
        self.producer.flush(60)

    def pace(self, rate: float, seconds: float, n_spikes: int) -> float:
        """Send records on a schedule; the rate that came of it, records a second."""
        n = round(rate * seconds)
        # A spike's series is the one whose turn it is: strides prime to the number of series visit each once.
        at = set(np.linspace(n // 20, n - 1, n_spikes).astype(int).tolist())
        spiked = {spike.host for spike in self.spikes}
        is_owed = False
        started_ns, sent = time.time_ns(), 0
        while sent < n:
            due = min(int((time.time_ns() - started_ns) / 1e9 * rate), n)
            for k in range(sent, due):
                is_owed = is_owed or k in at
                host = f"web-{self.n_sent % _N_SERIES:05}"
                is_spike = is_owed and host not in spiked
                if is_spike:
                    spiked.add(host)
                    is_owed = False
                self.send(int(started_ns / 1e6 + k / rate * 1e3), is_spike=is_spike)
            sent = due
            self.producer.poll(0)
            time.sleep(_TICK_SECS)
        took_secs = (time.time_ns() - started_ns) / 1e9
        self.producer.flush(60)
        return n / took_secs


def wait_for(worker: WorkerProcess, port: int, n_records: int) -> None:
    """Wait until the worker has processed so many records."""
    deadline_secs = time.monotonic() + _TIMEOUT_SECS
    while True:
        worker.require_running()
        state = probe_worker("127.0.0.1", port)
        if state is not None and state.is_ready and state.n_records >= n_records:
            return
        if time.monotonic() > deadline_secs:
            raise RuntimeError(f"{n_records:,} records were not processed in {_TIMEOUT_SECS:.0f} s\n{worker.last_log_lines()}")
        time.sleep(0.05)


def read_alerts(bootstrap: str, topic: str) -> dict[tuple[str, int], int]:
    """Append times, ms, of the alert events that tell of an incident first, by host and event time of the sample, ms."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench-latency", "isolation.level": "read_committed"})
    appended: dict[tuple[str, int], int] = {}
    try:
        for partition in consumer.list_topics(topic, 30).topics[topic].partitions:
            low, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), 30)
            if low == end:
                continue
            consumer.assign([TopicPartition(topic, partition, low)])
            deadline_secs = time.monotonic() + 60.0
            offset = low
            while offset < end and time.monotonic() < deadline_secs:
                message = consumer.poll(1.0)
                if message is None or message.error() is not None:
                    offset = consumer.position([TopicPartition(topic, partition)])[0].offset
                    continue
                offset = message.offset() + 1
                event = json.loads(message.value())
                if event["type"] == f"{CE_TYPE_PREFIX}firing":
                    for one in event["series"]:
                        at = (one["labels"]["host"], one["started_ns"] // 1_000_000)
                        appended.setdefault(at, message.timestamp()[1])
    finally:
        consumer.close()
    return appended


def summarise(spikes: list[Spike], appended: dict[tuple[str, int], int]) -> dict[str, Any]:
    """Quantiles of the latencies, ms; a spike without an alert is counted, not left out in silence.

    Examples
    --------
    >>> told = summarise([Spike("a", 100, 103), Spike("b", 200, 201)], {("a", 100): 133})
    >>> told["n_alerts"], told["n_without_alert"], told["append_ms"]["p50"], told["due_ms"]["p50"]
    (1, 1, 30.0, 33.0)
    """
    pairs = [(spike, appended[spike.host, spike.due_ms]) for spike in spikes if (spike.host, spike.due_ms) in appended]
    from_append = [at - spike.appended_ms for spike, at in pairs]
    from_due = [at - spike.due_ms for spike, at in pairs]
    return {
        "n_alerts": len(pairs),
        "n_without_alert": len(spikes) - len(pairs),
        "append_ms": _quantiles(from_append),
        "due_ms": _quantiles(from_due),
    }


def _quantiles(latencies_ms: list[int]) -> dict[str, float]:
    if not latencies_ms:
        return {}
    found = {f"p{100 * q:g}": float(np.quantile(latencies_ms, q)) for q in _QUANTILES}
    return found | {"max": float(max(latencies_ms))}


def measure(bootstrap: str, chosen: argparse.Namespace, say: Any) -> tuple[float, list[dict[str, Any]]]:
    """Sustained rate, records a second, and the figures of each share of it."""
    prefix = f"bench-{time.time_ns():x}"
    topic = f"{prefix}-source"
    create_topics(bootstrap, [NewTopic(topic, num_partitions=_N_PARTITIONS, replication_factor=1, config=_APPEND_TIME)])
    (port,) = find_free_ports(1)
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="streamwarden-bench-") as folder:
        config = make_config(bootstrap, topic, prefix, port, [_DETECTOR], {})
        config["outputs"]["alerts"]["config"] = {**config["outputs"]["alerts"].get("config", {}), **_APPEND_TIME}
        config["alerts"] = {"incident": {"group_by": ["host"]}}
        worker = WorkerProcess(write_config(Path(folder), config), Path(folder) / "worker.log")
        settings = {"bootstrap.servers": bootstrap, "compression.type": "lz4", "linger.ms": chosen.linger_ms}
        load = Load(Producer({**settings, "queue.buffering.max.messages": 500_000}), topic)
        try:
            load.blast(100 * _N_SERIES)
            wait_for(worker, port, load.n_sent)
            started_secs, n_before = time.perf_counter(), load.n_sent
            load.blast(chosen.messages)
            wait_for(worker, port, load.n_sent)
            sustained = (load.n_sent - n_before) / (time.perf_counter() - started_secs)
            say(f"sustained {sustained:,.0f} a second")
            for share in chosen.shares:
                first = len(load.spikes)
                reached = load.pace(share * sustained, chosen.seconds, chosen.spikes)
                wait_for(worker, port, load.n_sent)
                time.sleep(2.0)
                told = summarise(load.spikes[first:], read_alerts(bootstrap, config["outputs"]["alerts"]["name"]))
                results.append({"share": share, "rate": share * sustained, "rate_reached": reached, **told})
                say(f"{share:.0%}: {told}")
        finally:
            worker.stop()
    delete_topics(bootstrap, [topic, *(one["name"] for one in config["outputs"].values())])
    return sustained, results


def make_table(results: list[dict[str, Any]]) -> Table:
    """Quantiles by share."""
    table = Table(title="ms from the broker's append of a record (and from when it was due) to its append of the alert")
    for title in (
        "load",
        "msg/s",
        "reached",
        "alerts",
        "without",
        "p50",
        "p99",
        "p99.9",
        "max",
        "due p50",
        "due p99",
        "due p99.9",
    ):
        table.add_column(title, justify="right")
    for one in results:
        row = [one["append_ms"].get(name) for name in ("p50", "p99", "p99.9", "max")]
        row += [one["due_ms"].get(name) for name in ("p50", "p99", "p99.9")]
        cells = ["-" if at is None else f"{at:.0f}" for at in row]
        rates = (f"{one['share']:.0%}", f"{one['rate']:,.0f}", f"{one['rate_reached']:,.0f}")
        table.add_row(*rates, str(one["n_alerts"]), str(one["n_without_alert"]), *cells)
    return table


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = make_parser("latency", __doc__)
    parser.add_argument("--shares", nargs="+", type=positive_number, default=[0.25, 0.5, 0.8], help="parts of the sustained rate")
    parser.add_argument("--seconds", type=positive_number, default=30.0, help="length of each load")
    parser.add_argument(
        "--spikes", type=at_least(1), default=600, help="anomalies in each load; all loads together at most 2,000"
    )
    parser.add_argument(
        "--messages", type=at_least(1), default=2_000_000, help="messages by which the sustained rate is measured"
    )
    parser.add_argument(
        "--linger-ms", type=positive_number, default=5.0, help="the generator's; before the append, so only in the due figures"
    )
    add_broker(parser)
    parser.add_argument("--json", metavar="FILE", help="where the figures go, with machine, versions, commit and seed")
    chosen = parser.parse_args(arguments)
    if chosen.spikes * len(chosen.shares) > _N_SERIES:
        parser.error(
            f"{chosen.spikes} spikes in each of {len(chosen.shares)} loads: expected at most {_N_SERIES} in all, one a series"
        )
    random.seed(_SEED)
    progress = Console(stderr=True)
    say = lambda text: progress.print(text, style="dim")  # noqa: E731
    machine = describe_machine(_PACKAGES)
    with open_broker(chosen.broker, say) as (bootstrap, broker_name):
        sustained, results = measure(bootstrap, chosen, say)
    report = {
        "benchmark": "latency",
        "seed": _SEED,
        "broker": broker_name,
        "machine": machine,
        "sustained_per_sec": sustained,
        "results": results,
    }
    if chosen.json:
        Path(chosen.json).write_text(json.dumps(report, indent=1) + "\n")
    Console(width=None if Console().is_terminal else 160).print(make_table(results))
    return 0
