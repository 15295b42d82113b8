"""A result of ``bench pipeline`` as a part of a page: plot, table, goals."""

from __future__ import annotations

import html
import io
from statistics import median
from typing import Any

from benchmarks.pipeline.goals import GOALS, SAMPLES_PER_CPU_SEC, Goal
from benchmarks.pipeline.page import describe, draw, render_rows
from benchmarks.report_html import VERDICT, render_table


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


def render_section(report: dict[str, Any]) -> list[str]:
    """Pieces of HTML."""
    drawing = io.StringIO()
    draw(report, drawing)
    parts = [
        f"<h2>CPU time a message: {html.escape(report['workload'])}</h2>",
        f"<p>{html.escape(describe(report))} Of the whole process, warm; compare ratios of one run, not microseconds.</p>",
        drawing.getvalue()[drawing.getvalue().index("<svg") :],
    ]
    header, *rows = render_rows(report)
    parts.append(render_table(header, rows))
    if report.get("failures"):
        parts.append(f"<p class=missed>Did not come through: {html.escape(', '.join(report['failures']))}.</p>")
    if report.get("unfinished"):
        parts.append("<p class=missed>The run was cut off: repeats that not everybody has finished are left out.</p>")
    judged = [(goal, found) for goal in GOALS if (found := judge(report, goal)) is not None]
    own = report["results"].get("worker-default")
    if report.get("samples_per_message", 1) > 1 and own:
        reached = report["samples_per_message"] * 1e6 / median(one["cpu_us"] for one in own)
        parts.append(
            f"<p>Goal: at least {SAMPLES_PER_CPU_SEC:,} samples a CPU second in worker-default; measured {reached:,.0f}, "
            f"{VERDICT[reached >= SAMPLES_PER_CPU_SEC]}.</p>"
        )
    if judged:
        parts.append("<h3>Goals</h3>")
        parts.append(
            render_table(
                ["cost of", "over that of", "at most", "measured"],
                [[goal.who, goal.rival, f"{goal.most:.3f}", f"{one[0]:.3f}"] for goal, one in judged],
                [one[1] for _, one in judged],
            )
        )
    return parts
