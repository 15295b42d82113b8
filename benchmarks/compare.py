"""Two results of ``bench pipeline`` side by side: by how much each rival's cost, in multiples of the worker's, went down.

Run from the repository's root::

    streamwarden bench compare before.json after.json --tolerance 0.15

Ratios of one run are compared, never microseconds of two: machines differ, and so do two hours of one machine.  The exit code is 1
when a ratio fell by more than the tolerance and by more than what the repeats of the two runs differ by among themselves.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.pipeline.summary import find_reference


def ratios_of(report: dict[str, Any], name: str, reference: str) -> list[float]:
    """A rival's cost over the worker's, by repeat."""
    results = report["results"]
    return [one["cpu_us"] / own["cpu_us"] for one, own in zip(results[name], results[reference], strict=True)]


def is_worse(before: list[float], after: list[float], tolerance: float) -> bool:
    """Whether a ratio fell: by more than `tolerance`, and below all that was seen before.

    Examples
    --------
    >>> is_worse([100.0, 110.0], [70.0, 95.0], 0.15), is_worse([100.0, 110.0], [99.0, 108.0], 0.15)
    (True, False)
    >>> is_worse([60.0, 100.0, 110.0], [70.0, 75.0], 0.15)
    False
    """
    return median(after) < (1 - tolerance) * median(before) and median(after) < min(before)


def main(arguments: list[str] | None = None) -> int:
    """Compare from the command line."""
    parser = argparse.ArgumentParser(prog="streamwarden bench compare", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--tolerance", type=float, default=0.15, help="part by which a ratio may fall")
    chosen = parser.parse_args(arguments)
    before, after = (json.loads(path.read_text()) for path in (chosen.before, chosen.after))
    for path, report in ((chosen.before, before), (chosen.after, after)):
        if report.get("benchmark") != "pipeline" or find_reference(report["results"]) is None:
            parser.error(f"{path}: expected a result of bench pipeline in which worker or worker-default took part")
    if before["workload"] != after["workload"]:
        parser.error(f"workloads differ: {before['workload']} and {after['workload']}; the same one is needed on both sides")
    reference = find_reference(before["results"].keys() & after["results"].keys())
    if reference is None:
        parser.error("worker took part on one side and worker-default on the other; one of them is needed on both")
    table = Table(title=f"{before['workload']}: cost in multiples of that of {reference}")
    for title in ("", "before", "after", "change"):
        table.add_column(title, justify="left" if not title else "right")
    n_worse = 0
    for name in before["results"]:
        if name == reference or name not in after["results"]:
            continue
        old, new = ratios_of(before, name, reference), ratios_of(after, name, reference)
        worse = is_worse(old, new, chosen.tolerance)
        n_worse += worse
        change = median(new) / median(old) - 1
        table.add_row(name, f"{median(old):.2f}", f"{median(new):.2f}", f"{change:+.0%}", style="red" if worse else None)
    Console().print(table)
    return 1 if n_worse else 0
