"""The model benchmark: nanoseconds per sample beside river, compile time, bytes per series.

Run from the repository's root::

    streamwarden bench models                         # the table; python -m benchmarks.models is the same
    streamwarden bench models --json results.json     # every repeat, the machine and the versions as well
    streamwarden bench models --only loda --secs 1

Times are CPU time of the thread, so that other work on the machine counts for less; it still shares caches and memory.
What is not measured: decoding, slot look-up, thresholds (see the pipeline benchmarks), and detection quality.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.arguments import make_parser, positive_number
from benchmarks.machine import describe_machine
from benchmarks.model_cases import CASES, Case
from benchmarks.model_timing import median, time_batches, time_compilation, time_one_by_one, time_river
from models import registry

BATCH_SIZES = (1, 100, 10_000)
SERIES = (1, 1_000, 100_000)


def measure_case(case: Case, *, seed: int, secs: float, memory_gb: float) -> dict[str, Any]:
    """Every number of one case."""
    model = registry.build(case.model, dict(case.parameters))
    result: dict[str, Any] = {
        "id": case.id,
        "model": case.model,
        "n_features": case.n_features,
        "is_anomaly": case.is_anomaly,
        "slot_nbytes": model.slot_nbytes,
        "river_ns": time_river(case, seed, secs),
        "one_by_one_ns": time_one_by_one(case, seed, secs),
        "batch_ns": {},
        "left_out": {},
    }
    for n_series in SERIES:
        needed_gb = n_series * model.slot_nbytes / 1e9
        if needed_gb > memory_gb:
            result["left_out"][n_series] = f"needs {needed_gb:.1f} GB, --memory-gb is {memory_gb:g}"
            continue
        result["batch_ns"][n_series] = time_batches(case, n_series, BATCH_SIZES, seed, secs)
    return result


def summarise(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Speed-ups over river at the largest batch, over the classes of `river.anomaly`."""
    summary: dict[str, Any] = {}
    for n_series in SERIES:
        ratios = {
            result["id"]: median(result["river_ns"]) / median(result["batch_ns"][n_series][BATCH_SIZES[-1]])
            for result in results
            if result["is_anomaly"] and n_series in result["batch_ns"]
        }
        if ratios:
            summary[f"series_{n_series}"] = {
                "geometric_mean": math.exp(sum(map(math.log, ratios.values())) / len(ratios)),
                "least": min(ratios, key=ratios.__getitem__),
                "least_ratio": min(ratios.values()),
                "n_cases": len(ratios),
            }
    slower = [
        result["id"] for result in results if result["river_ns"] and median(result["one_by_one_ns"]) > median(result["river_ns"])
    ]
    return {**summary, "slower_than_river_one_by_one": slower}


def make_table(results: list[dict[str, Any]], compilation: dict[str, dict[str, float]]) -> Table:
    """The results as a table: medians, nanoseconds per sample, score and learn."""
    table = Table(title="ns per sample, score + learn (median); x = times river's speed at the largest batch")
    for title in ("case", "river", "one by one"):
        table.add_column(title, justify="left" if title == "case" else "right")
    for n_series in SERIES:
        for size in BATCH_SIZES:
            table.add_column(f"{n_series:,} series\nbatch {size:,}", justify="right")
        table.add_column("x", justify="right", style="bold")
    for title in ("bytes a series", "cold s", "cached s"):
        table.add_column(title, justify="right")
    for result in results:
        river = median(result["river_ns"]) if result["river_ns"] else None
        cells = [result["id"], f"{river:,.0f}" if river else "-", f"{median(result['one_by_one_ns']):,.0f}"]
        for n_series in SERIES:
            batches = result["batch_ns"].get(n_series)
            cells += [f"{median(batches[size]):,.0f}" if batches else "-" for size in BATCH_SIZES]
            cells.append(f"{river / median(batches[BATCH_SIZES[-1]]):.0f}" if river and batches else "-")
        seconds = compilation.get(result["model"], {})
        cells.append(f"{result['slot_nbytes']:,}")
        cells += [f"{seconds[state]:.2f}" if state in seconds else "-" for state in ("cold", "cached")]
        table.add_row(*cells)
    return table


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark from the command line."""
    parser = make_parser("models", __doc__)
    parser.add_argument("--only", nargs="*", metavar="ID", help="cases to run; all when left out")
    parser.add_argument("--secs", type=positive_number, default=0.2, help="least seconds a cell is repeated")
    parser.add_argument("--seed", type=int, default=42, help="of the samples")
    parser.add_argument(
        "--memory-gb", type=positive_number, default=3.0, help="cells whose state needs more are left out, and say so"
    )
    parser.add_argument("--no-compile", action="store_true", help="leave the compile times out")
    parser.add_argument(
        "--json",
        metavar="FILE",
        nargs="?",
        const="-",
        help="every repeat as one JSON object, in FILE beside the table, or on standard output instead of it",
    )
    chosen = parser.parse_args(arguments)
    known = [case.id for case in CASES]
    if unknown := sorted(set(chosen.only or ()) - set(known)):
        parser.error(f"argument --only: expected cases out of {', '.join(known)}; found {', '.join(unknown)}")
    cases = [case for case in CASES if not chosen.only or case.id in chosen.only]
    progress = Console(stderr=True)
    machine = describe_machine(("river", "numba", "numpy", "scipy"))
    compilation = {} if chosen.no_compile else time_compilation(list(dict.fromkeys(case.model for case in cases)))
    results = []
    for case in cases:
        progress.print(f"{case.id} ...", style="dim")
        results.append(measure_case(case, seed=chosen.seed, secs=chosen.secs, memory_gb=chosen.memory_gb))
    report = {
        "benchmark": "models",
        "machine": machine,
        "seed": chosen.seed,
        "compilation_secs": compilation,
        "summary": summarise(results),
        "results": results,
    }
    if chosen.json == "-":
        print(json.dumps(report, indent=1))
        return
    if chosen.json:
        Path(chosen.json).write_text(json.dumps(report, indent=1) + "\n")
    console = Console(width=None if Console().is_terminal else 240)
    console.print(make_table(results, compilation))
    console.print_json(json.dumps(report["summary"]))
    for result in results:
        for n_series, reason in result["left_out"].items():
            console.print(f"{result['id']}, {n_series:,} series left out: {reason}", style="dim")


if __name__ == "__main__":
    main()
