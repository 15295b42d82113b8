"""A page with plots of results of the benchmarks, in one file of HTML that needs nothing else.

Run from the repository's root::

    streamwarden bench report .bench/*.json -o report.html

Results of `benchmarks.results.KINDS`, in any number and order, are shown in that order.
"""

from __future__ import annotations

import html
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from benchmarks.arguments import make_parser
from benchmarks.measures import measures_of, middle_and_spread, subject_of
from benchmarks.pipeline.goals import find_goals
from benchmarks.pipeline.section import render_section
from benchmarks.report_html import STYLE, draw_bars, render_table
from benchmarks.results import KINDS, read_result

_TITLES = {
    "scale": "Two workers beside one",
    "latency": "Latency from append to alert",
    "startup": "Start-up",
    "memory": "Memory a series",
    "recovery": "Recovery",
    "checkpoints": "What checkpoints cost",
    "stages": "Where the time of a sample goes",
    "models": "Models beside river",
}


def describe(report: dict[str, Any]) -> str:
    """Under which circumstances it was taken.

    Examples
    --------
    >>> machine = {"cpu": "a CPU", "n_cpus": 2, "load_before": 0.5, "commit": "0123456789", "python": "3.11"}
    >>> describe({"benchmark": "memory", "machine": machine, "seed": 7})
    'memory; seed 7; a CPU, 2 cores, load 0.5 before the run; python 3.11; commit 0123456.'
    """
    machine = report["machine"]
    known = {"cpu", "n_cpus", "load_before", "commit"}
    parts = [subject_of(report)]
    if "seed" in report:
        parts.append(f"seed {report['seed']}")
    if "n_messages" in report:
        parts.append(f"{report['n_messages']:,} messages")
    if "broker" in report:
        parts.append(str(report["broker"]))
    parts.append(f"{machine['cpu']}, {machine['n_cpus']} cores, load {machine['load_before']:.1f} before the run")
    parts.append(", ".join(f"{name} {version}" for name, version in machine.items() if name not in known))
    return f"{'; '.join(parts)}; commit {machine['commit'][:7]}."


def _render_plainly(report: dict[str, Any]) -> list[str]:
    title = f"{_TITLES[report['benchmark']]}: {subject_of(report)}"
    parts = [f"<h2>{html.escape(title)}</h2><p>{html.escape(describe(report))}</p>"]
    for group, some in groupby(measures_of(report), attrgetter("group")):
        measures = list(some)
        parts.append(f"<h3>{html.escape(group)}</h3>")
        parts.append(draw_bars(measures))
        rows = []
        for one in measures:
            middle, least, most = middle_and_spread(one.values)
            rows.append([one.name, f"{middle:,.4g}", f"{least:,.4g}", f"{most:,.4g}", str(len(one.values))])
        parts.append(render_table(["", "median", "least", "most", "repeats"], rows))
    goals = find_goals(report)
    if goals:
        parts.append("<h3>Goals</h3>")
        parts.append(
            render_table(
                ["", "at most", "measured"],
                [[what, f"{most:,g}", f"{found:,.4g}"] for what, most, found in goals],
                [found <= most for _, most, found in goals],
            )
        )
    return parts


def render(reports: list[dict[str, Any]]) -> str:
    """The page."""
    parts = [f"<!doctype html><html lang=en><meta charset=utf-8><title>Streamwarden: benchmarks</title><style>{STYLE}</style>"]
    parts.append("<h1>Benchmarks</h1>")
    for report in sorted(reports, key=lambda one: KINDS.index(one["benchmark"])):
        parts += render_section(report) if report["benchmark"] == "pipeline" else _render_plainly(report)
    return "\n".join(parts) + "</html>\n"


def main(arguments: list[str] | None = None) -> int:
    """Write the page."""
    parser = make_parser("report", __doc__)
    parser.add_argument("results", nargs="+", type=Path, help=f"results of bench {', '.join(KINDS)}")
    parser.add_argument("-o", "--output", type=Path, default=Path("report.html"), help="the page (default: report.html)")
    chosen = parser.parse_args(arguments)
    try:
        reports = [read_result(path) for path in chosen.results]
    except ValueError as problem:
        parser.error(str(problem))
    chosen.output.write_text(render(reports))
    print(f"{chosen.output}: {len(reports)} result(s)")
    return 0
