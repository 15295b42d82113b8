"""CPU a message, worker and rivals, on one topic of an Apache Kafka, in one run.

Run from the repository's root::

    make bench                                        # the same as: streamwarden bench pipeline --json .bench/pipeline-...json
    streamwarden bench pipeline --workload native-100k --messages 3000000 --repeats 5
    streamwarden bench pipeline --only worker faust-river

Every repeat runs all contenders one after another, so that what else the machine does falls on all of them.  Compare ratios, not
microseconds: the broker shares the cores.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.machine import describe_machine
from benchmarks.pipeline.contenders import CONTENDERS, DEFAULT
from benchmarks.pipeline.topic import delete_topics, fill
from benchmarks.pipeline.workload import WORKLOADS
from pipeline.demo.brokers.apache_kafka import ApacheKafka

_PACKAGES = ("aiokafka", "confluent-kafka", "cramjam", "faust-streaming", "numba", "numpy", "orjson", "river")
_REFERENCE = "worker"
_LEAST_MESSAGES = 5_000


@contextmanager
def open_broker(bootstrap: str | None, say: Any) -> Iterator[tuple[str, str]]:
    """Address and name of the broker: one of our own, or the one that is given."""
    if bootstrap:
        yield bootstrap, "given"
        return
    with ApacheKafka(say=say) as broker:
        yield broker.bootstrap, broker.name


def summarise(costs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Medians by contender, and medians over the repeats of each one's cost as a multiple of the reference's.

    Examples
    --------
    >>> summarise({"worker": [{"cpu_us": 1.0}, {"cpu_us": 2.0}], "slow": [{"cpu_us": 30.0}, {"cpu_us": 40.0}]})
    {'cpu_us': {'worker': 1.5, 'slow': 35.0}, 'times_worker': {'worker': 1.0, 'slow': 25.0}}
    """
    summary: dict[str, Any] = {"cpu_us": {name: median(one["cpu_us"] for one in some) for name, some in costs.items()}}
    if _REFERENCE in costs:
        summary[f"times_{_REFERENCE}"] = {
            name: median(one["cpu_us"] / own["cpu_us"] for one, own in zip(some, costs[_REFERENCE], strict=True))
            for name, some in costs.items()
        }
    return summary


def make_table(costs: dict[str, list[dict[str, Any]]], summary: dict[str, Any]) -> Table:
    """Medians and spreads."""
    table = Table(title="CPU time of the whole process a message, start-up not in it")
    for title in ("", "does", "µs", "least-most", "times worker", "k msg/s", "start-up CPU s", "peak MB"):
        table.add_column(title, justify="left" if title in ("", "does") else "right")
    for name, some in costs.items():
        cpu_us = [one["cpu_us"] for one in some]
        ratio = summary.get(f"times_{_REFERENCE}", {}).get(name)
        table.add_row(
            name,
            CONTENDERS[name].sentence,
            f"{median(cpu_us):.2f}",
            f"{min(cpu_us):.2f}-{max(cpu_us):.2f}",
            "-" if ratio is None else f"{ratio:.2f}",
            f"{1e3 / median(one['wall_us'] for one in some):,.0f}",
            f"{median(one['startup_cpu_secs'] for one in some):.1f}",
            f"{max(one['peak_mb'] for one in some):,.0f}",
        )
    return table


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="streamwarden bench pipeline", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--workload", default="native-2k", choices=sorted(WORKLOADS))
    parser.add_argument(
        "--messages", type=int, default=2_000_000, help="messages on the topic; what is slow reads a part of them"
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", default=list(DEFAULT), help=f"who takes part: {', '.join(CONTENDERS)}"
    )
    parser.add_argument("--broker", metavar="HOST:PORT", help="a broker that is there already; else an Apache Kafka is started")
    parser.add_argument("--json", metavar="FILE", help="where every repeat goes, with machine, versions, commit and seed")
    chosen = parser.parse_args(arguments)
    unknown = set(chosen.only) - CONTENDERS.keys()
    if unknown:
        parser.error(f"no such contender: {', '.join(sorted(unknown))}; there are {', '.join(CONTENDERS)}")
    progress = Console(stderr=True)
    say = lambda text: progress.print(text, style="dim")  # noqa: E731
    machine = describe_machine(_PACKAGES)
    workload = WORKLOADS[chosen.workload]
    costs: dict[str, list[dict[str, Any]]] = {name: [] for name in chosen.only}
    for name in chosen.only:
        CONTENDERS[name].prepare()
    with open_broker(chosen.broker, say) as (bootstrap, broker_name):
        topic = f"bench-{workload.name}"
        say(f"writing {chosen.messages:,} messages of {workload.name} ...")
        fill(bootstrap, topic, workload, chosen.messages)
        try:
            for repeat in range(chosen.repeats):
                for name in chosen.only:
                    contender = CONTENDERS[name]
                    n = max(round(chosen.messages * contender.share), min(_LEAST_MESSAGES, chosen.messages))
                    say(f"{repeat + 1}/{chosen.repeats} {name}, {n:,} messages ...")
                    costs[name].append(contender.run(bootstrap, topic, n)._asdict())
                    say(f"    {costs[name][-1]['cpu_us']:.2f} µs")
        finally:
            delete_topics(bootstrap, [topic])
    summary = summarise(costs)
    report = {
        "benchmark": "pipeline",
        "workload": workload.name,
        "seed": workload.seed,
        "n_messages": chosen.messages,
        "broker": broker_name,
        "machine": machine,
        "summary": summary,
        "results": costs,
    }
    if chosen.json:
        Path(chosen.json).write_text(json.dumps(report, indent=1) + "\n")
        say(f"every repeat is in {chosen.json}")
    console = Console(width=None if Console().is_terminal else 160)
    console.print(make_table(costs, summary))
    return 0
