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
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from benchmarks.machine import describe_machine
from benchmarks.pipeline.contenders import CONTENDERS, DEFAULT, REQUESTS_DEFAULT
from benchmarks.pipeline.page import render_rows
from benchmarks.pipeline.summary import summarise
from benchmarks.pipeline.topic import delete_topics, fill
from benchmarks.pipeline.workload import Workload
from benchmarks.pipeline.workloads import WORKLOADS
from pipeline.demo.brokers.apache_kafka import ApacheKafka

_PACKAGES = ("aiokafka", "confluent-kafka", "cramjam", "faust-streaming", "numba", "numpy", "orjson", "river")
_N_MESSAGES = 2_000_000
_REQUESTS_PER_MESSAGE = 200
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


def make_table(report: dict[str, Any]) -> Table:
    """Medians and spreads."""
    table = Table(title="CPU time of the whole process, start-up not in it")
    header, *rows = render_rows(report)
    for title in header:
        table.add_column(title.replace("`", ""), justify="left" if title in ("who", "does") else "right")
    for row in rows:
        table.add_row(*row)
    return table


MATRIX = ("worker", "worker-default", "confluent-bare", "java-bare", "java-zscore")
"""Who takes part in the workloads of the full suite; in native-2k everybody does."""

REQUESTS_MATRIX = (*REQUESTS_DEFAULT, "java-bare")
"""The same, where a message is a request."""


def plan(suite: str, names: list[str] | None, workload: str, n_messages: int | None) -> list[tuple[Workload, list[str], int]]:
    """What is run: workload, contenders, messages.  The full suite is every workload.

    Parameters
    ----------
    suite : str
        ``quick`` or ``full``.
    names : list of str or None
        Of the quick suite; None = who takes part by default.
    workload : str
        Of the quick suite.
    n_messages : int or None
        None = 2,000,000 messages, or 10,000 requests; in the full suite a two-hundredth of it is requests.  A million series get three
        rounds at least.

    Examples
    --------
    >>> len(plan("full", None, "native-2k", None)), len(plan("quick", None, "native-2k", None))
    (26, 1)
    >>> plan("quick", ["worker"], "otlp-20k", None)[0][1:]
    (['worker'], 10000)
    """
    is_full = suite == "full"
    planned = []
    for one in WORKLOADS.values() if is_full else [WORKLOADS[workload]]:
        if is_full and one.name.endswith("-calm"):
            continue
        is_request = one.samples_per_message > 1
        if is_full and one.name == "native-2k":
            chosen = [name for name, contender in CONTENDERS.items() if name not in _SPECIAL and one.format in contender.formats]
        elif is_full:
            chosen = list(REQUESTS_MATRIX if is_request else MATRIX)
        else:
            chosen = names or list(REQUESTS_DEFAULT if is_request else DEFAULT)
        n = n_messages or _N_MESSAGES
        if is_request and (is_full or n_messages is None):
            n //= _REQUESTS_PER_MESSAGE
        planned.append((one, chosen, n if is_request else max(n, 3 * one.n_series) if is_full else n))
    return planned


def estimate_secs(planned: list[tuple[Workload, list[str], int]], n_repeats: int) -> float:
    """About how long a plan takes on two cores, s: 8 s to start and end a contender, 4 µs a message; 8 µs to write one.

    A sample of a request takes a tenth of a message.
    """
    secs = 0.0
    for workload, names, n in planned:
        n_like = n * (1 if workload.samples_per_message == 1 else workload.samples_per_message / 10)
        secs += n_like * 8e-6 + n_repeats * len(names) * (8 + n_like * 4e-6)
    return secs


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
                n = max(round(n_messages * contender.share), min(_LEAST_MESSAGES // workload.samples_per_message, n_messages))
                say(f"{repeat + 1}/{n_repeats} {name}, {n:,} messages ...")
                costs[name].append(contender.run(bootstrap, topic, n, workload.format)._asdict())
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
        "--messages",
        type=int,
        help="messages on the topic (2,000,000, or 10,000 requests); what is slow reads a part of them",
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"who takes part: {', '.join(CONTENDERS)}")
    parser.add_argument("--broker", metavar="HOST:PORT", help="a broker that is there already; else an Apache Kafka is started")
    parser.add_argument("--json", metavar="FILE", help="where every repeat goes, with machine, versions, commit and seed")
    chosen = parser.parse_args(arguments)
    unknown = set(chosen.only or ()) - CONTENDERS.keys()
    if unknown:
        parser.error(f"no such contender: {', '.join(sorted(unknown))}; there are {', '.join(CONTENDERS)}")
    record_format = WORKLOADS[chosen.workload].format
    deaf = [name for name in chosen.only or () if record_format not in CONTENDERS[name].formats]
    if deaf and chosen.suite == "quick":
        parser.error(
            f"{', '.join(deaf)}: cannot read {record_format}, what {chosen.workload} is made of; leave them out of --only"
        )
    progress = Console(stderr=True)
    say = lambda text: progress.print(text, style="dim")  # noqa: E731
    machine = describe_machine(_PACKAGES)
    planned = plan(chosen.suite, chosen.only, chosen.workload, chosen.messages)
    versions: dict[str, dict[str, str]] = {}
    for name in dict.fromkeys(name for _, names, _ in planned for name in names):
        CONTENDERS[name].prepare()
        versions[name] = CONTENDERS[name].versions()
    say(f"about {estimate_secs(planned, chosen.repeats) / 60:.0f} minutes")
    console = Console(width=None if Console().is_terminal else 160)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=progress, disable=not progress.is_terminal)
    with open_broker(chosen.broker, say) as (bootstrap, broker_name), bar:
        task = bar.add_task("contenders", total=chosen.repeats * sum(len(names) for _, names, _ in planned))
        for workload, names, n_messages in planned:
            costs = run_workload(bootstrap, workload, names, n_messages, chosen.repeats, say, lambda: bar.advance(task))
            report = {
                "benchmark": "pipeline",
                "workload": workload.name,
                "seed": workload.seed,
                "n_messages": n_messages,
                "samples_per_message": workload.samples_per_message,
                "broker": broker_name,
                "machine": machine,
                "versions": {name: versions[name] for name in names},
                "summary": summarise(costs, workload.samples_per_message),
                "results": costs,
            }
            if chosen.json:
                path = Path(chosen.json)
                path = path if len(planned) == 1 else path.with_name(f"{path.stem}-{workload.name}{path.suffix}")
                path.write_text(json.dumps(report, indent=1) + "\n")
                say(f"every repeat is in {path}")
            console.print(f"{workload.name}, {n_messages:,} messages")
            console.print(make_table(report))
    return 0
