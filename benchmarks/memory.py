"""Bytes a series by model: what a process grows by when its lane learns to know so many series, each in a process of its own.

Run from the repository's root::

    streamwarden bench memory
    streamwarden bench memory --models gaussian_scorer --series 1000000 --context-samples 8

Counted is resident memory: state of the model, threshold, episodes, recent samples (`series.context_samples`, 16 bytes each), label
sets, keys, and what allocator and growing arrays leave over.  Series have five labels.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.arguments import at_least, make_parser
from benchmarks.machine import describe_machine
from benchmarks.series_lanes import MIB, SOURCE, feed, make_config, peak_bytes, resident_bytes, run_apart, workload_of
from pipeline.engine.lane import Lane

_SMALL = 64


def measure(model: str, n_series: int, n_rounds: int, context_samples: int | None) -> dict[str, Any]:
    """What a lane takes; to be run in a fresh process."""
    config = make_config(model, context_samples)
    # Kernels and codecs are there before the first look.
    feed(Lane(config, SOURCE, 0, config_hash=""), workload_of(_SMALL), 2)
    gc.collect()
    before, started_secs = resident_bytes(), time.process_time()
    lane = Lane(config, SOURCE, 0, config_hash="")
    feed(lane, workload_of(n_series), n_rounds)
    gc.collect()
    grown = resident_bytes() - before
    return {
        "model": model,
        "n_series": lane.coverage.n_series,
        "n_rounds": n_rounds,
        "context_samples": config.series.context_samples,
        "bytes_per_series": grown / n_series,
        "before_mib": before / MIB,
        "resident_mib": resident_bytes() / MIB,
        "peak_mib": peak_bytes() / MIB,
        "cpu_secs": time.process_time() - started_secs,
    }


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = make_parser("memory", __doc__)
    parser.add_argument(
        "--models", nargs="+", default=["gaussian_scorer", "default"], metavar="NAME", help="registered names, or default"
    )
    parser.add_argument(
        "--series",
        nargs="+",
        type=at_least(1),
        default=[100_000, 1_000_000],
        help="numbers of series; 100,000 and a million when left out",
    )
    parser.add_argument("--rounds", type=at_least(1), default=2, help="samples of every series")
    parser.add_argument("--context-samples", type=at_least(0), help="recent samples kept per series; else the default")
    parser.add_argument("--repeats", type=at_least(1), default=1, help="processes of each kind")
    parser.add_argument("--json", metavar="FILE", help="where every repeat goes")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.task:
        print(json.dumps(measure(**json.loads(chosen.task))))
        return 0
    machine = describe_machine(("numba", "numpy", "orjson"))
    results = [
        run_apart(
            "benchmarks.memory",
            {"model": model, "n_series": n, "n_rounds": chosen.rounds, "context_samples": chosen.context_samples},
        )
        for n in chosen.series
        for model in chosen.models
        for _ in range(chosen.repeats)
    ]
    if chosen.json:
        report = {"benchmark": "memory", "machine": machine, "seed": workload_of(_SMALL).seed, "results": results}
        Path(chosen.json).write_text(json.dumps(report, indent=1) + "\n")
    table = Table(title="Resident memory of a process with one lane")
    for title in ("model", "series", "context", "bytes a series", "MiB", "peak MiB"):
        table.add_column(title, justify="left" if title == "model" else "right")
    for one in results:
        table.add_row(
            one["model"],
            f"{one['n_series']:,}",
            str(one["context_samples"]),
            f"{one['bytes_per_series']:,.0f}",
            f"{one['resident_mib']:,.0f}",
            f"{one['peak_mib']:,.0f}",
        )
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
