"""Pieces of the page of results: style, tables, bars."""

from __future__ import annotations

import html
import io
from collections.abc import Sequence

from benchmarks.measures import Measure, middle_and_spread

__all__ = ["STYLE", "VERDICT", "draw_bars", "render_table"]

STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color:#1c2530}table{border-collapse:collapse}"
    "th,td{padding:.3em .7em;border-bottom:1px solid #dde;text-align:right}th:first-child,td:first-child,.t{text-align:left}"
    ".met{color:#1f6f5c}.missed{color:#b3261e}svg{max-width:100%;height:auto}"
)
VERDICT = {True: "<span class=met>met</span>", False: "<span class=missed>not met</span>"}
_WIDE = 30.0


def render_table(header: Sequence[str], rows: Sequence[Sequence[str]], verdicts: Sequence[bool] | None = None) -> str:
    """A table of plain text; with a last column of goals that are met or not.

    Examples
    --------
    >>> render_table(["who", "µs"], [["a<b", "1"]])
    '<table><tr><th>who</th><th>µs</th></tr><tr><td>a&lt;b</td><td>1</td></tr></table>'
    """
    ends = [""] * len(rows) if verdicts is None else [f"<td>{VERDICT[one]}</td>" for one in verdicts]
    lines = ["<table><tr>" + "".join(f"<th>{html.escape(cell)}</th>" for cell in header) + "<th></th>" * bool(verdicts) + "</tr>"]
    lines += [
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + end + "</tr>"
        for row, end in zip(rows, ends, strict=True)
    ]
    return "".join(lines) + "</table>"


def draw_bars(measures: Sequence[Measure]) -> str:
    """Medians of the figures of one group as bars, and how far the repeats reach; SVG."""
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    mpl.rcParams["svg.hashsalt"] = "streamwarden"
    spreads = [middle_and_spread(one.values) for one in measures]
    middles = [middle for middle, _, _ in spreads]
    reach = [[middle - least for middle, least, _ in spreads], [most - middle for middle, _, most in spreads]]
    figure, axes = plt.subplots(figsize=(8, 0.36 * len(measures) + 1), layout="constrained")
    bars = axes.barh([one.name for one in measures], middles, xerr=reach, color="#1f6f5c", ecolor="#9aa5b1")
    axes.bar_label(bars, [f"{one:,.3g}" if abs(one) < 1_000 else f"{one:,.0f}" for one in middles], padding=3)
    if min(middles) > 0 and max(middles) > _WIDE * min(middles):
        axes.set_xscale("log")
    axes.invert_yaxis()
    axes.set_xlabel(measures[0].group)
    axes.spines[["top", "right"]].set_visible(False)
    drawing = io.StringIO()
    figure.savefig(drawing, format="svg", metadata={"Date": None})
    plt.close(figure)
    return drawing.getvalue()[drawing.getvalue().index("<svg") :]
