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
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from benchmarks.machine import describe_machine
from benchmarks.pipeline.contenders import CONTENDERS, DEFAULT
from benchmarks.pipeline.topic import delete_topics, fill
from benchmarks.pipeline.workload import WORKLOADS, Workload
from pipeline.demo.brokers.apache_kafka import ApacheKafka

_PACKAGES = ("aiokafka", "confluent-kafka", "cramjam", "faust-streaming", "numba", "numpy", "orjson", "river")
_REFERENCE = "worker"
_LEAST_MESSAGES = 5_000
_SPECIAL = frozenset({"worker-ordinary", "worker-checked", "worker-unchecked", "worker-forest"})


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


MATRIX = ("worker", "worker-default", "confluent-bare", "java-bare", "java-zscore")
"""Who takes part in the workloads of the full suite; in native-2k everybody does."""


def plan(suite: str, names: list[str], workload: str, n_messages: int) -> list[tuple[Workload, list[str], int]]:
    """What is run: workload, contenders, messages.  The full suite is every workload; a million series get three rounds at least.

    Examples
    --------
    >>> len(plan("full", ["worker"], "native-2k", 2_000_000)), len(plan("quick", ["worker"], "native-2k", 2_000_000))
    (20, 1)
    """
    if suite == "quick":
        return [(WORKLOADS[workload], names, n_messages)]
    everybody = [name for name, contender in CONTENDERS.items() if contender.name not in _SPECIAL]
    return [
        (one, everybody if one.name == "native-2k" else list(MATRIX), max(n_messages, 3 * one.n_series))
        for one in WORKLOADS.values()
        if not one.name.endswith("-calm")
    ]


def estimate_secs(planned: list[tuple[Workload, list[str], int]], n_repeats: int) -> float:
    """About how long a plan takes on two cores, s: 8 s to start and end a contender, 4 µs a message; 8 µs to write one."""
    return sum(n * 8e-6 + n_repeats * len(names) * (8 + n * 4e-6) for _, names, n in planned)


def run_workload(
    bootstrap: str, workload: Workload, names: list[str], n_messages: int, n_repeats: int, say: Any, done: Any
) -> dict[str, list[dict[str, Any]]]:
    """Fill a topic and let each one read it, one after another, in every repeat; costs by contender.  `done` is called after each."""
    costs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    topic = f"bench-{workload.name}"
    say(f"writing {n_messages:,} messages of {workload.name} ...")
    fill(bootstrap, topic, workload, n_messages)
    try:
        for repeat in range(n_repeats):
            for name in names:
                contender = CONTENDERS[name]
                n = max(round(n_messages * contender.share), min(_LEAST_MESSAGES, n_messages))
                say(f"{repeat + 1}/{n_repeats} {name}, {n:,} messages ...")
                costs[name].append(contender.run(bootstrap, topic, n)._asdict())
                say(f"    {costs[name][-1]['cpu_us']:.2f} µs")
                done()
    finally:
        delete_topics(bootstrap, [topic])
    return costs


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="streamwarden bench pipeline", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--suite",
        choices=("quick", "full"),
        default="quick",
        help="quick: one workload; full: every workload and compression, a file of results each (hours)",
    )
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
    planned = plan(chosen.suite, chosen.only, chosen.workload, chosen.messages)
    for name in dict.fromkeys(name for _, names, _ in planned for name in names):
        CONTENDERS[name].prepare()
    say(f"about {estimate_secs(planned, chosen.repeats) / 60:.0f} minutes")
    console = Console(width=None if Console().is_terminal else 160)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=progress, disable=not progress.is_terminal)
    with open_broker(chosen.broker, say) as (bootstrap, broker_name), bar:
        task = bar.add_task("contenders", total=chosen.repeats * sum(len(names) for _, names, _ in planned))
        for workload, names, n_messages in planned:
            costs = run_workload(bootstrap, workload, names, n_messages, chosen.repeats, say, lambda: bar.advance(task))
            summary = summarise(costs)
            report = {
                "benchmark": "pipeline",
                "workload": workload.name,
                "seed": workload.seed,
                "n_messages": n_messages,
                "broker": broker_name,
                "machine": machine,
                "summary": summary,
                "results": costs,
            }
            if chosen.json:
                path = Path(chosen.json)
                path = path if len(planned) == 1 else path.with_name(f"{path.stem}-{workload.name}{path.suffix}")
                path.write_text(json.dumps(report, indent=1) + "\n")
                say(f"every repeat is in {path}")
            console.print(f"{workload.name}, {n_messages:,} messages")
            console.print(make_table(costs, summary))
    return 0
