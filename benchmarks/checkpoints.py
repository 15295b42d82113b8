"""What checkpoints cost: CPU a message of the same worker with them and without, on one topic of an Apache Kafka, run by run in turn.

Run from the repository's root::

    streamwarden bench checkpoints
    streamwarden bench checkpoints --workload native-2k --interval-secs 10 --messages 30000000

A run must last some intervals to have some checkpoints in it, so the interval is shorter than the default here.  What is found is
therefore too high rather than too low: every series changes between any two checkpoints either way.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.arguments import at_least, make_parser, positive_number
from benchmarks.broker import add_broker, open_broker
from benchmarks.machine import describe_machine
from benchmarks.pipeline.contender import Worker
from benchmarks.pipeline.topic import delete_topics, fill
from benchmarks.pipeline.workloads import WORKLOADS, add_workload

_PACKAGES = ("aiokafka", "cramjam", "faust-streaming", "numba", "numpy", "orjson")
_DETECTOR = {"name": "all", "model": {"type": "gaussian_scorer"}, "threshold": {"type": "fixed", "score": 0.999999999}}
_NEVER_SECS = 1e9


def summarise(with_us: list[float], without_us: list[float]) -> dict[str, float]:
    """Medians, and the median over the repeats of what checkpoints multiply the cost by.

    Examples
    --------
    >>> summarise([1.04, 2.0, 3.3], [1.0, 2.0, 3.0])
    {'with_us': 2.0, 'without_us': 2.0, 'times': 1.04}
    """
    times = [one / other for one, other in zip(with_us, without_us, strict=True)]
    return {"with_us": median(with_us), "without_us": median(without_us), "times": median(times)}


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = make_parser("checkpoints", __doc__)
    add_workload(parser, "native-100k")
    parser.add_argument("--messages", type=at_least(1), default=8_000_000, help="messages on the topic")
    parser.add_argument(
        "--interval-secs", type=positive_number, default=2.0, help="worker.checkpoint_interval_secs of the one that has them"
    )
    parser.add_argument("--repeats", type=at_least(1), default=3, help="runs of each")
    add_broker(parser)
    parser.add_argument("--json", metavar="FILE", help="where every repeat goes, with machine, versions, commit and seed")
    chosen = parser.parse_args(arguments)
    progress = Console(stderr=True)
    say = lambda text: progress.print(text, style="dim")  # noqa: E731
    machine, workload = describe_machine(_PACKAGES), WORKLOADS[chosen.workload]
    workers = [
        Worker(name, sentence, 1.0, (_DETECTOR,), (("checkpoint_interval_secs", secs),))
        for name, sentence, secs in (
            ("with", f"a checkpoint every {chosen.interval_secs:g} s", chosen.interval_secs),
            ("without", "one at the start and none after", _NEVER_SECS),
        )
    ]
    costs: dict[str, list[dict[str, Any]]] = {worker.name: [] for worker in workers}
    with open_broker(chosen.broker, say) as (bootstrap, broker_name):
        topic = f"bench-checkpoints-{workload.name}"
        say(f"writing {chosen.messages:,} messages of {workload.name} ...")
        fill(bootstrap, topic, workload, chosen.messages)
        try:
            for repeat in range(chosen.repeats):
                # Each goes first as often as the other.
                for worker in workers if repeat % 2 == 0 else workers[::-1]:
                    costs[worker.name].append(worker.run(bootstrap, topic, chosen.messages)._asdict())
                    say(f"{repeat + 1}/{chosen.repeats} {worker.name}: {costs[worker.name][-1]['cpu_us']:.3f} µs")
        finally:
            delete_topics(bootstrap, [topic])
    summary = summarise(*([one["cpu_us"] for one in costs[name]] for name in ("with", "without")))
    if chosen.json:
        report = {
            "benchmark": "checkpoints",
            "workload": workload.name,
            "seed": workload.seed,
            "n_messages": chosen.messages,
            "interval_secs": chosen.interval_secs,
            "broker": broker_name,
            "machine": machine,
            "summary": summary,
            "results": costs,
        }
        Path(chosen.json).write_text(json.dumps(report, indent=1) + "\n")
        say(f"every repeat is in {chosen.json}")
    table = Table(title=f"CPU time of the whole process a message, {workload.name}")
    for title in ("checkpoints", "µs", "least-most", "times without"):
        table.add_column(title, justify="left" if title == "checkpoints" else "right")
    for worker in workers:
        cpu_us = [one["cpu_us"] for one in costs[worker.name]]
        times = summary["times"] if worker.name == "with" else 1.0
        table.add_row(worker.sentence, f"{median(cpu_us):.3f}", f"{min(cpu_us):.3f}-{max(cpu_us):.3f}", f"{times:.3f}")
    Console().print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
