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

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
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


def make_tables(results: list[dict[str, Any]], compilation: dict[str, dict[str, float]]) -> list[Table]:
    """The results as tables of at most 80 columns: what each case costs one by one and weighs, then one table a number of series."""
    first = Table(title="ns per sample, score and learn (median), one by one", title_justify="left", box=SIMPLE_HEAD)
    first.add_column("case", no_wrap=True)
    for title in ("river", "ours", "bytes a series", "cold s", "cached s"):
        first.add_column(title, justify="right")
    for result in results:
        seconds = compilation.get(result["model"], {})
        first.add_row(
            result["id"],
            f"{median(result['river_ns']):,.0f}" if result["river_ns"] else "-",
            f"{median(result['one_by_one_ns']):,.0f}",
            f"{result['slot_nbytes']:,}",
            *(f"{seconds[state]:.2f}" if state in seconds else "-" for state in ("cold", "cached")),
        )
    return [first, *(_make_batch_table(results, n_series) for n_series in SERIES)]


def _make_batch_table(results: list[dict[str, Any]], n_series: int) -> Table:
    table = Table(title=f"the same in batches of so many, over {n_series:,} series", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("case", no_wrap=True)
    for size in BATCH_SIZES:
        table.add_column(f"{size:,}", justify="right")
    table.add_column("times river", justify="right", style="bold")
    for result in results:
        batches = result["batch_ns"].get(n_series)
        if not batches:
            table.add_row(result["id"], *("-" for _ in BATCH_SIZES), "-")
            continue
        largest = median(batches[BATCH_SIZES[-1]])
        faster = f"{median(result['river_ns']) / largest:.0f}" if result["river_ns"] else "-"
        table.add_row(result["id"], *(f"{median(batches[size]):,.0f}" for size in BATCH_SIZES), faster)
    return table


def tell_summary(summary: dict[str, Any]) -> list[str]:
    """The summary in sentences.

    Examples
    --------
    >>> part = {"geometric_mean": 118.4, "least": "quantile_filter", "least_ratio": 43.1, "n_cases": 15}
    >>> tell_summary({"series_1000": part, "slower_than_river_one_by_one": []})
    ['1,000 series: geometric mean 118 times river over 15 cases of river.anomaly, the least quantile_filter with 43']
    """
    told = [
        f"{int(name.removeprefix('series_')):,} series: geometric mean {part['geometric_mean']:.0f} times river over {part['n_cases']} "
        f"cases of river.anomaly, the least {part['least']} with {part['least_ratio']:.0f}"
        for name, part in summary.items()
        if name.startswith("series_")
    ]
    slower = summary["slower_than_river_one_by_one"]
    return [*told, *([f"slower than river one by one: {', '.join(slower)}"] if slower else [])]


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
    console = Console(stderr=True)
    machine = describe_machine(("river", "numba", "numpy", "scipy"))
    compilation = {} if chosen.no_compile else time_compilation(list(dict.fromkeys(case.model for case in cases)))
    results = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # No thread draws while something is measured.
    shown = {"transient": True, "auto_refresh": False, "disable": not console.is_terminal}
    with Progress(*columns, console=console, **shown) as progress:
        task = progress.add_task("", total=len(cases))
        for case in cases:
            progress.update(task, description=case.id, refresh=True)
            results.append(measure_case(case, seed=chosen.seed, secs=chosen.secs, memory_gb=chosen.memory_gb))
            progress.advance(task)
    summary = summarise(results)
    report = {
        "benchmark": "models",
        "machine": machine,
        "seed": chosen.seed,
        "compilation_secs": compilation,
        "summary": summary,
        "results": results,
    }
    if chosen.json == "-":
        print(json.dumps(report, indent=1))
        return
    if chosen.json:
        Path(chosen.json).write_text(json.dumps(report, indent=1) + "\n")
    console = Console(width=None if Console().is_terminal else 120)
    for table in make_tables(results, compilation):
        console.print(table)
    for sentence in tell_summary(summary):
        console.print(sentence, highlight=False)
    for result in results:
        for n_series, reason in result["left_out"].items():
            console.print(f"{result['id']}, {n_series:,} series left out: {reason}", highlight=False)


if __name__ == "__main__":
    main()
