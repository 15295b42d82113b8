"""What the models cost, as measured and kept in ``docs/models_numbers.json``, for the page on the models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.model_timing import median
from models import registry
from models.cost import relative_cost

__all__ = ["NUMBERS", "make_cost", "make_cost_table", "write_numbers"]

NUMBERS = Path(__file__).resolve().parent.parent / "docs" / "models_numbers.json"


def write_numbers(path: str) -> None:
    """Keep the medians of a benchmark run."""
    report = json.loads(Path(path).read_text())
    kept: dict[str, Any] = {
        "machine": {key: report["machine"][key] for key in ("cpu", "n_cpus", "python", "river", "numba", "numpy")},
        "summary": report["summary"],
        "cases": {},
    }
    for result in report["results"]:
        kept["cases"][result["id"]] = {
            "model": result["model"],
            "river_ns": round(median(result["river_ns"])) if result["river_ns"] else None,
            "one_by_one_ns": round(median(result["one_by_one_ns"])),
            "batch_ns": {
                n: {size: round(median(taken), 1) for size, taken in sizes.items()} for n, sizes in result["batch_ns"].items()
            },
            "slot_nbytes": result["slot_nbytes"],
            "compilation_secs": report["compilation_secs"].get(result["model"], {}),
        }
    NUMBERS.write_text(json.dumps(kept, indent=1) + "\n")


def make_cost_table(numbers: dict[str, Any]) -> str:
    """The benchmark as a Markdown table."""
    machine, summary = numbers["machine"], numbers["summary"]
    lines = [
        "## Cost",
        "",
        f"Nanoseconds of CPU time per sample, score and learn, median of the repeats, batches of 10,000 over 1, 1,000 and 100,000 "
        f"series in random order; river one by one, in the same run: `streamwarden bench models` (commit af9c776, nothing else on the "
        f"machine). "
        f"{machine['cpu']}, {machine['n_cpus']} cores, Python "
        f"{machine['python']}, river {machine['river']}, numba {machine['numba']}. In brackets: times river's speed. "
        "`-` = river has no such model, or left out: too much memory.",
        "",
        "| case | river | one by one | 1 series | 1,000 | 100,000 | bytes a series | cold / cached start, s |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, case in numbers["cases"].items():
        batch = {n: sizes["10000"] for n, sizes in case["batch_ns"].items()}
        river_ns = case["river_ns"]
        beside = {n: f" ({river_ns / ns:.0f})" if river_ns else "" for n, ns in batch.items()}
        cells = [f"{batch[n]:,.0f}{beside[n]}" if n in batch else "-" for n in ("1", "1000", "100000")]
        seconds = case["compilation_secs"]
        compile_cell = f"{seconds['cold']:.1f} / {seconds['cached']:.2f}" if seconds else "-"
        lines.append(
            f"| {name} | {f'{river_ns:,}' if river_ns else '-'} | {case['one_by_one_ns']:,} | {' | '.join(cells)} "
            f"| {case['slot_nbytes']:,} | {compile_cell} |"
        )
    means = [(int(key.removeprefix("series_")), value) for key, value in summary.items() if isinstance(value, dict)]
    told = ", ".join(
        f"{value['geometric_mean']:.0f} over {n:,} series ({value['n_cases']} cases, the least {value['least']} with "
        f"{value['least_ratio']:.0f})"
        for n, value in means
    )
    missed = [f"{n:,} series" for n, value in means if value["geometric_mean"] < 100.0]
    slower = summary["slower_than_river_one_by_one"]
    lines += [
        "",
        f"Geometric mean of the speed-up over the cases of `river.anomaly`: {told}. "
        + (f"The aim of 100 is missed over {' and '.join(missed)}. " if missed else "The aim is 100. ")
        + "With very many series what counts is how many cache lines of state a sample touches: they come from memory, and are asked "
        "for a few samples ahead. Filters are slowest beside river because the next sample of a series must wait for the score of "
        "the last. adwin gains least, as its original is Rust: of 8 ns over one series 2 are to take the sample, 1 for the two sums "
        "that must be added in order, 2 to merge it through the levels, and 3 for its part of the check every 32 samples. "
        + (f"One by one slower than river's: {', '.join(slower)}, which river has in Rust." if slower else ""),
        "",
    ]
    return "\n".join(lines)


def make_cost(name: str) -> str:
    """What one model costs, as `streamwarden check` tells it."""
    is_required = any(parameter.is_required for parameter in registry.schema(name))
    parameters = dict(registry.variants(name)[0]) if is_required else {}
    model = registry.build(name, parameters)
    model.reserve(64)
    what = f"With `{json.dumps(parameters)}`" if is_required else "With its defaults"
    told = (
        f"which is the yardstick of the others{make_yardstick()}"
        if name == registry.DEFAULT_MODEL
        else "that of the default detector"
    )
    size = f"{model.slot_nbytes:,}" if getattr(model, "has_fixed_size", True) else "some thousand"
    times = "" if name == registry.DEFAULT_MODEL else f"about {relative_cost(name, parameters):g} times "
    return f"*Cost.* {what}: {size} bytes a series, and CPU time a sample {times}{told}."


def make_yardstick() -> str:
    """Nanoseconds a sample of the default detector, as far as they were measured."""
    cases = json.loads(NUMBERS.read_text())["cases"] if NUMBERS.exists() else {}
    batch_ns = cases.get(registry.DEFAULT_MODEL, {}).get("batch_ns", {})
    times = [f"{sizes['10000']:.0f} ns over {int(n_series):,} series" for n_series, sizes in batch_ns.items()]
    return f": {', '.join(times)}" if times else ""
