"""Writes a result of the pipeline benchmark into the page on performance: table and bars.

Run from the repository's root::

    python -m benchmarks.pipeline.page .bench/pipeline-....json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import median
from typing import IO, Any

from benchmarks.pipeline.contenders import CONTENDERS

PAGE = Path("docs/performance.md")
FIGURE = Path("docs/figures/pipeline.svg")
_VERSIONS = ("python", "numba", "aiokafka", "faust-streaming", "river", "confluent-kafka")
_WIDE = 10.0
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def render_rows(report: dict[str, Any]) -> list[list[str]]:
    """Head and rows of the table: medians, the least and the most of the repeats."""
    rows = [["who", "does", "CPU µs a message", "least-most", "times `worker`", "k msg/s", "start-up CPU s", "peak MB"]]
    for name, some in report["results"].items():
        cpu_us = [one["cpu_us"] for one in some]
        ratio = report["summary"].get("times_worker", {}).get(name)
        rows.append(
            [
                name,
                CONTENDERS[name].sentence if name in CONTENDERS else "",
                f"{median(cpu_us):.2f}",
                f"{min(cpu_us):.2f}-{max(cpu_us):.2f}",
                "-" if ratio is None else f"{ratio:.2f}",
                f"{1e3 / median(one['wall_us'] for one in some):,.0f}",
                f"{median(one['startup_cpu_secs'] for one in some):.1f}",
                f"{max(one['peak_mb'] for one in some):,.0f}",
            ]
        )
    return rows


def render_table(report: dict[str, Any]) -> str:
    """The result as Markdown.

    Examples
    --------
    >>> some = [{"cpu_us": 1.0, "wall_us": 0.5, "startup_cpu_secs": 2.0, "peak_mb": 100.0}]
    >>> report = {"results": {"worker": some}, "summary": {"times_worker": {"worker": 1.0}}}
    >>> print(render_table(report).splitlines()[-1])
    | worker | the worker with GaussianScorer, the same model as river's below | 1.00 | 1.00-1.00 | 1.00 | 2,000 | 2.0 | 100 |
    """
    header, *rows = render_rows(report)
    return "\n".join(
        [f"| {' | '.join(header)} |", "|---|---|---:|---:|---:|---:|---:|---:|", *(f"| {' | '.join(row)} |" for row in rows)]
    )


def describe(report: dict[str, Any]) -> str:
    """Under which circumstances it was taken."""
    machine = report["machine"]
    versions = ", ".join(f"{name} {machine[name]}" for name in _VERSIONS)
    n_repeats = len(next(iter(report["results"].values())))
    what = f"Workload `{report['workload']}` (seed {report['seed']}), {report['n_messages']:,} messages, {n_repeats} repeats"
    where = f"{machine['cpu']}, {machine['n_cpus']} cores, load {machine['load_before']:.1f} before the run"
    return f"{what}, {report['broker']}; {where}; {versions}; commit {machine['commit'][:7]}."


def draw(report: dict[str, Any], target: Path | IO[str]) -> None:
    """Bars; logarithmic where they differ much."""
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    names = list(report["results"])
    medians = [median(one["cpu_us"] for one in report["results"][name]) for name in names]
    mpl.rcParams["svg.hashsalt"] = "streamwarden"
    figure, axes = plt.subplots(figsize=(8, 0.4 * len(names) + 1), layout="constrained")
    bars = axes.barh(names, medians, color=["#1f6f5c" if name.startswith("worker") else "#9aa5b1" for name in names])
    axes.bar_label(bars, [f"{one:.2f}" for one in medians], padding=3)
    # A logarithmic axis has no zero: among values that are close its bars would exaggerate.
    is_wide = max(medians) > _WIDE * min(medians)
    if is_wide:
        axes.set_xscale("log")
    axes.invert_yaxis()
    axes.set_xlabel(f"CPU time of the process a message, µs{' (logarithmic)' if is_wide else ''}")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(target, format="svg", metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    """Rewrite what stands between the marks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("result", type=Path)
    report = json.loads(parser.parse_args().result.read_text())
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    body = f"{describe(report)}\n\n{render_table(report)}\n\n![CPU time a message](figures/{FIGURE.name})"
    PAGE.write_text(f"{before}{BEGIN}\n\n{body}\n\n{END}{after}")
    draw(report, FIGURE)


if __name__ == "__main__":
    main()
