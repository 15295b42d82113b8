"""A page with plots of results of ``bench pipeline``, in one file of HTML that needs nothing else.

Run from the repository's root::

    streamwarden bench report .bench/pipeline-*.json -o report.html
"""

from __future__ import annotations

import argparse
import html
import io
import json
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.pipeline.goals import GOALS, SAMPLES_PER_CPU_SEC, Goal
from benchmarks.pipeline.page import describe, draw, render_rows

_STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color:#1c2530}table{border-collapse:collapse}"
    "th,td{padding:.3em .7em;border-bottom:1px solid #dde;text-align:right}th:first-child,td:first-child,.t{text-align:left}"
    ".met{color:#1f6f5c}.missed{color:#b3261e}svg{max-width:100%;height:auto}"
)
_VERDICT = {True: "<span class=met>met</span>", False: "<span class=missed>not met</span>"}


def read_results(paths: list[Path]) -> list[dict[str, Any]]:
    """Results of the pipeline benchmark.

    Raises
    ------
    ValueError
        A file holds something else; it names file and cure.
    """
    reports = []
    for path in paths:
        try:
            report = json.loads(path.read_text())
        except (OSError, ValueError) as problem:
            raise ValueError(f"{path}: {problem}; expected a result of `streamwarden bench pipeline --json FILE`") from problem
        if not isinstance(report, dict) or report.get("benchmark") != "pipeline" or not report.get("results"):
            raise ValueError(f"{path}: found no result of the pipeline benchmark, expected one of `bench pipeline --json FILE`")
        reports.append(report)
    return reports


def judge(report: dict[str, Any], goal: Goal) -> tuple[float, bool] | None:
    """The ratio a goal speaks of, median over the repeats, and whether it is met; None when one of the two took no part.

    These goals are about messages of one sample.

    Examples
    --------
    >>> report = {"results": {"worker": [{"cpu_us": 1.0}], "quix-river": [{"cpu_us": 20.0}]}}
    >>> judge(report, Goal("worker", "quix-river", 1 / 15))
    (0.05, True)
    """
    results = report["results"]
    if report.get("samples_per_message", 1) > 1 or goal.who not in results or goal.rival not in results:
        return None
    ratio = median(own["cpu_us"] / one["cpu_us"] for own, one in zip(results[goal.who], results[goal.rival], strict=True))
    return ratio, ratio <= goal.most


def render(reports: list[dict[str, Any]]) -> str:
    """The page."""
    parts = [f"<!doctype html><html lang=en><meta charset=utf-8><title>Streamwarden: benchmark</title><style>{_STYLE}</style>"]
    parts.append("<h1>CPU time a message</h1><p>Of the whole process, warm; compare ratios of one run, not microseconds.</p>")
    for report in reports:
        drawing = io.StringIO()
        draw(report, drawing)
        parts.append(f"<h2>{html.escape(report['workload'])}</h2><p>{html.escape(describe(report))}</p>")
        parts.append(drawing.getvalue()[drawing.getvalue().index("<svg") :])
        header, *rows = render_rows(report)
        parts.append(_table(header, [[html.escape(cell) for cell in row] for row in rows]))
        judged = [(goal, found) for goal in GOALS if (found := judge(report, goal)) is not None]
        own = report["results"].get("worker-default")
        if report.get("samples_per_message", 1) > 1 and own:
            reached = report["samples_per_message"] * 1e6 / median(one["cpu_us"] for one in own)
            parts.append(
                f"<p>Goal: at least {SAMPLES_PER_CPU_SEC:,} samples a CPU second in worker-default; measured {reached:,.0f}, "
                f"{_VERDICT[reached >= SAMPLES_PER_CPU_SEC]}.</p>"
            )
        if judged:
            parts.append("<h3>Goals</h3>")
            rows = [[goal.who, goal.rival, f"{goal.most:.3f}", f"{one[0]:.3f}", _VERDICT[one[1]]] for goal, one in judged]
            parts.append(_table(["cost of", "over that of", "at most", "measured", ""], rows))
    return "\n".join(parts) + "</html>\n"


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = ["<table><tr>" + "".join(f"<th>{html.escape(cell)}</th>" for cell in header) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows]
    return "".join(lines) + "</table>"


def main(arguments: list[str] | None = None) -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(prog="streamwarden bench report", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("results", nargs="+", type=Path, help="results of bench pipeline")
    parser.add_argument("-o", "--output", type=Path, default=Path("report.html"))
    chosen = parser.parse_args(arguments)
    try:
        reports = read_results(chosen.results)
    except ValueError as problem:
        parser.error(str(problem))
    chosen.output.write_text(render(reports))
    print(f"{chosen.output}: {len(reports)} workload(s)")
    return 0
