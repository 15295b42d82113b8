"""Two results of one benchmark side by side: which figures became worse.

Run from the repository's root::

    streamwarden bench compare before.json after.json --tolerance 0.15

Judged are ratios of one run (a rival's cost in multiples of the worker's, a warm start over a cold one, ...) and sizes in memory and on
disk.  Times are shown beside and not judged: machines differ, and so do two hours of one machine; ``--times`` judges them too, for
two runs on one machine that did nothing else.  The exit code is 1 when a figure became worse by more than the tolerance, and worse than
every repeat before.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.arguments import make_parser, positive_number
from benchmarks.measures import Measure, measures_of, subject_of
from benchmarks.results import read_result


def is_worse(before: Measure, after: Measure, tolerance: float) -> bool:
    """Whether a figure became worse: by more than `tolerance`, and worse than all that was seen before.

    Examples
    --------
    >>> def more(*values):
    ...     return Measure("speed", "x", values, is_less_better=False)
    >>> is_worse(more(100.0, 110.0), more(70.0, 95.0), 0.15), is_worse(more(100.0, 110.0), more(99.0, 108.0), 0.15)
    (True, False)
    >>> is_worse(more(60.0, 100.0, 110.0), more(70.0, 75.0), 0.15)
    False
    >>> is_worse(Measure("bytes", "x", (0.0,)), Measure("bytes", "x", (0.1,)), 0.15)
    True
    """
    old, new = median(before.values), median(after.values)
    if before.is_less_better:
        return new > (1 + tolerance) * old and new > max(before.values)
    return new < (1 - tolerance) * old and new < min(before.values)


def _format(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def make_table(title: str, pairs: list[tuple[Measure, Measure]], worse: list[bool]) -> Table:
    """Medians of figures before and after."""
    table = Table(title=title, title_justify="left")
    for heading in ("figure", "of", "before", "after", "change"):
        table.add_column(heading, justify="left" if heading in ("figure", "of") else "right")
    for (before, after), is_bad in zip(pairs, worse, strict=True):
        old, new = median(before.values), median(after.values)
        change = "-" if old == 0 else f"{new / old - 1:+.0%}"
        table.add_row(
            before.group, before.name, _format(old), _format(new), change + " worse" * is_bad, style="red" if is_bad else None
        )
    return table


def main(arguments: list[str] | None = None) -> int:
    """Compare from the command line."""
    parser = make_parser("compare", __doc__)
    parser.add_argument("before", type=Path, help="a file that --json of a benchmark wrote")
    parser.add_argument("after", type=Path, help="a later one of the same benchmark")
    parser.add_argument("--tolerance", type=positive_number, default=0.15, help="part by which a figure may become worse")
    parser.add_argument("--times", action="store_true", help="judge times too; for runs on one machine that did nothing else")
    chosen = parser.parse_args(arguments)
    try:
        before, after = (read_result(path) for path in (chosen.before, chosen.after))
    except ValueError as problem:
        parser.error(str(problem))
    if subject_of(before) != subject_of(after):
        parser.error(
            f"found {subject_of(before)} and {subject_of(after)}; expected two results of the same benchmark and workload"
        )
    later = {(one.group, one.name): one for one in measures_of(after)}
    earlier = measures_of(before)
    pairs = [(one, later[one.group, one.name]) for one in earlier if (one.group, one.name) in later]
    judged = [pair for pair in pairs if pair[0].is_comparable or chosen.times]
    if not judged:
        parser.error(
            "the two have no figure in common that can be judged; expected the same contenders on both sides, among them "
            "worker or worker-default (or --times)"
        )
    worse = [is_worse(*pair, chosen.tolerance) for pair in judged]
    shown = [pair for pair in pairs if pair not in judged]
    console = Console(width=None if Console().is_terminal else 140)
    console.print(make_table(f"{subject_of(before)}: judged", judged, worse))
    if shown:
        console.print(make_table("times of two runs: not judged", shown, [False] * len(shown)))
    missing = sorted({one.name for one in earlier} - {name for _, name in later})
    if missing:
        console.print(f"not in the second result, and not compared: {', '.join(missing)}", style="yellow")
    console.print(f"{sum(worse)} of {len(judged)} figures became worse by more than {chosen.tolerance:.0%}", highlight=False)
    return 1 if any(worse) else 0
