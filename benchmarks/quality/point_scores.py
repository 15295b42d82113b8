"""Macro average precision of the default detector beside river's, a null and a random scorer.

Run from the repository's root; minutes with every scorer::

    streamwarden bench quality
    streamwarden bench quality --only mscloud --scorers default,random --json

Average precision is the area under precision and recall, sample by sample: 1.0 where every labelled sample scores above all others,
about the share of labelled samples for a scorer that guesses (``random``), and exactly that for one that says nothing (``null``).
*Macro*: the plain mean over the series with a labelled test sample.  Every series is scored from its first sample on, each sample
before it is learned; nothing is adjusted to events, no threshold is set.  The protocol is written in
`benchmarks.quality.labelled_sets`.

The sets are mscloud.parquet, kpi.parquet and asd.parquet in the folder data of STREAMWARDEN_SHARED, or of ``../shared`` beside the
repository; the exit code is 2 without them.  The structure of the default detector and its constants were
chosen with these labels visible (research notes beside the repository), so its figures are mildly in-sample; river's models
run with their defaults.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.arguments import make_parser
from benchmarks.quality.average_precision import get_macro_average_precision
from benchmarks.quality.labelled_sets import LABELLED_SETS, find_shared, load_labelled_set
from benchmarks.quality.scorers import SCORERS, SLOW, score_metric, score_moments

__all__ = ["main", "measure"]


def measure(sets: list[str], scorers: list[str], console: Console) -> list[dict[str, object]]:
    """One row a set and scorer: macro average precision, series counted, seconds.

    Raises
    ------
    FileNotFoundError
        The shared data is not there.
    """
    shared = find_shared()
    if shared is None:
        raise FileNotFoundError(
            "no labelled data: set STREAMWARDEN_SHARED to the folder that holds data/mscloud.parquet and others"
        )
    rows: list[dict[str, object]] = []
    with Progress(console=console, transient=True) as progress:
        for name in sets:
            labelled = load_labelled_set(name, shared)
            task = progress.add_task(name, total=len(scorers) * len(labelled.metrics))
            for scorer in scorers:
                start = time.perf_counter()
                scores = []
                for metric in range(len(labelled.metrics)):
                    scores.append(score_metric(scorer, labelled, metric))
                    progress.advance(task)
                figure, n_series = get_macro_average_precision(labelled, score_moments(np.array(scores)))
                seconds = time.perf_counter() - start
                rows.append({"set": name, "scorer": scorer, "macro_ap": figure, "n_series": n_series, "seconds": seconds})
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; 2 = the data is not there."""
    parser = make_parser("quality", __doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON list instead of a table")
    parser.add_argument("--only", choices=LABELLED_SETS, action="append", help="only this set; may be repeated")
    parser.add_argument(
        "--scorers",
        default=",".join(scorer for scorer in SCORERS if scorer not in SLOW),
        help=f"comma-separated names out of {', '.join(SCORERS)}; all when left out, but for {', '.join(sorted(SLOW))} (minutes)",
    )
    given = parser.parse_args(arguments)
    scorers = given.scorers.split(",")
    if unknown := set(scorers) - set(SCORERS):
        parser.error(f"unknown scorers: {', '.join(sorted(unknown))}; known: {', '.join(SCORERS)}")
    try:
        rows = measure(given.only or list(LABELLED_SETS), scorers, Console(stderr=True))
    except FileNotFoundError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if given.json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return 0
    table = Table("set", "scorer", "macro AUC-PR", "series", "seconds")
    for row in rows:
        table.add_row(
            str(row["set"]), str(row["scorer"]), f"{row['macro_ap']:.3f}", str(row["n_series"]), f"{row['seconds']:.1f}"
        )
    Console().print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
