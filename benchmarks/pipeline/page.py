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

from benchmarks.pipeline.contender import WARM_SHARE
from benchmarks.pipeline.contenders import CONTENDERS
from benchmarks.pipeline.summary import find_reference

PAGE = Path("docs/performance.md")
FIGURE = Path("docs/figures/pipeline.svg")
_VERSIONS = ("python", "numba", "aiokafka", "faust-streaming", "river", "confluent-kafka")
_RIVAL_VERSIONS = (
    "quixstreams",
    "bytewax",
    "java",
    "fastjson2",
    "kafka-streams",
    "flink-streaming-java",
    "flink-connector-kafka",
)
_WIDE = 10.0
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def render_rows(report: dict[str, Any]) -> list[list[str]]:
    """Head and rows of the table: medians, the least and the most of the repeats; of requests, what a sample costs."""
    reference = find_reference(report["results"]) or "worker"
    size = report.get("samples_per_message", 1)
    cost, rate = ("CPU µs a message", "k msg/s") if size == 1 else ("CPU ns a sample", "M samples a CPU s")
    rows = [["who", "does", cost, "least-most", f"times `{reference}`", rate, "start-up CPU s", "peak MB"]]
    for name, some in report["results"].items():
        costs = [one["cpu_us"] if size == 1 else one["cpu_us"] * 1e3 / size for one in some]
        digits = 2 if size == 1 else 0
        reached = f"{1e3 / median(one['wall_us'] for one in some):,.0f}" if size == 1 else f"{1e3 / median(costs):,.2f}"
        ratio = report["summary"].get(f"times_{reference}", {}).get(name)
        rows.append(
            [
                name,
                CONTENDERS[name].sentence if name in CONTENDERS else "",
                f"{median(costs):,.{digits}f}",
                f"{min(costs):,.{digits}f}-{max(costs):,.{digits}f}",
                "-" if ratio is None else f"{ratio:.2f}",
                reached,
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
    told = {name: machine[name] for name in _VERSIONS}
    for of in report.get("versions", {}).values():
        told |= {name: of[name] for name in _RIVAL_VERSIONS if name in of}
    versions = ", ".join(f"{name} {version}" for name, version in told.items())
    n_repeats = len(next(iter(report["results"].values())))
    what = f"Workload `{report['workload']}` (seed {report['seed']}), {report['n_messages']:,} messages, {n_repeats} repeats"
    if report.get("warm_messages", 0) > WARM_SHARE * report["n_messages"]:
        what += f", measured from message {report['warm_messages']:,} on, when every series has been seen"
    if report.get("n_sessions", 1) > 1:
        what += f", in {report['n_sessions']} sessions"
    where = f"{machine['cpu']}, {machine['n_cpus']} cores, load {machine['load_before']:.1f} before the run"
    return f"{what}, {report['broker']}; {where}; {versions}; commit {machine['commit'][:7]}."


def draw(report: dict[str, Any], target: Path | IO[str]) -> None:
    """Bars from zero; where they differ much, points on a logarithmic axis, which has no zero for bars to begin at."""
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    names = list(report["results"])
    size = report.get("samples_per_message", 1)
    medians = [median(one["cpu_us"] for one in report["results"][name]) / size for name in names]
    mpl.rcParams["svg.hashsalt"] = "streamwarden"
    figure, axes = plt.subplots(figsize=(8, 0.4 * len(names) + 1), layout="constrained")
    colors = ["#1f6f5c" if name.startswith("worker") else "#7b8794" for name in names]
    is_wide = max(medians) > _WIDE * min(medians)
    if is_wide:
        axes.scatter(medians, names, c=colors, s=45, zorder=3)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.grid(axis="x", which="both", alpha=0.25)
        for name, middle in zip(names, medians, strict=True):
            axes.annotate(f"{middle:.2f}", (middle, name), xytext=(8, 0), textcoords="offset points", va="center")
        axes.margins(x=0.12)
    else:
        axes.bar_label(axes.barh(names, medians, color=colors), [f"{one:.2f}" for one in medians], padding=3)
    axes.invert_yaxis()
    axes.set_xlabel(f"CPU time of the process a {'message' if size == 1 else 'sample'}, µs{' (logarithmic)' if is_wide else ''}")
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
