"""Whom the local cross-check believes, on labelled series: families of it beside a null and a random opinion.

Run from the repository's root::

    streamwarden bench opinion [--json] [--only kpi] [--most 1500]

Candidates are what the default detector finds at a tail probability of 1e-3, laxer than in `topics.yaml` so that there are many: the
first samples of runs below it.  One inside a labelled span is true, any other false (labels are not complete, so some of the false
ones are not).  Each
opinion gets the 63 samples before and the candidate.  A good one confirms many of the true and few of the false, and
refutes the other way round.  *Precision* is of what is left when the refuted ones are muted, *kept* the share of true ones that
is left.  ``null`` confirms everything: its precision is the detector's own.  ``random`` refutes as many as the first
family does, by lot: what muting alone is worth.  Nothing here was tuned on these labels.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.arguments import at_least, make_parser
from benchmarks.crosscheck import make_anomaly
from benchmarks.quality.labelled_sets import LABELLED_SETS, LabelledSet, find_shared, load_labelled_set
from models.base import BoolColumn, FloatColumn, IntColumn, Scores
from models.seasonal.model import SeasonalScorer
from pipeline.config.schema import LocalProvider as LocalSettings
from pipeline.crosscheck.local import LocalProvider
from pipeline.engine.anomaly import Anomaly

__all__ = ["find_candidates", "main", "measure"]

TAIL, CONTEXT = 1e-3, 64
FAMILIES = ("random_cut_forest", "nearest_neighbours")


def find_candidates(labelled: LabelledSet, metric: int) -> tuple[IntColumn, FloatColumn]:
    """Rows in which the detector's tail probability first comes below the threshold, with enough samples before; all tails.

    Examples
    --------
    >>> values = np.append(np.random.default_rng(3).normal(10.0, 1.0, 500), [60.0, 60.0])
    >>> zeros, no = np.zeros(502, np.int64), np.zeros(502, np.bool_)
    >>> made = LabelledSet("made", zeros, np.arange(502) * 10**10, values[None, :], no, ~no)
    >>> find_candidates(made, 0)[0].tolist()[-1]
    500
    """
    out, model = Scores.empty(labelled.slots.size), SeasonalScorer()
    model.reserve(int(labelled.slots.max()) + 1)
    values = np.ascontiguousarray(labelled.metrics[metric])
    ready = model.score_learn_many(labelled.slots, labelled.event_time_ns, values, out)
    tails = np.where(ready, 1.0 - out.score, 1.0)
    is_below = tails <= TAIL
    is_first = is_below & ~np.append(False, is_below[:-1])
    rows = np.flatnonzero(is_first & (np.arange(tails.size) >= CONTEXT))
    # The context must be of one series.
    return rows[labelled.slots[rows] == labelled.slots[rows - (CONTEXT - 1)]], tails


def _candidate(labelled: LabelledSet, metric: int, row: int) -> Anomaly:
    span = slice(row - CONTEXT + 1, row + 1)
    return make_anomaly(labelled.metrics[metric, span], labelled.event_time_ns[span], int(labelled.event_time_ns[row]))


def measure(name: str, labelled: LabelledSet, n_most: int, progress: Progress) -> list[dict[str, object]]:
    """One row an opinion about the candidates of one set, at most `n_most` true and as many false ones, chosen by a fixed lot."""
    found = [(metric, int(row)) for metric in range(len(labelled.metrics)) for row in find_candidates(labelled, metric)[0]]
    is_true = np.array([labelled.is_anomaly[row] for _, row in found], dtype=np.bool_)
    rng = np.random.default_rng(11)
    chosen = np.sort(
        np.concatenate([rng.permutation(np.flatnonzero(is_true == side))[:n_most] for side in (True, False)])
    ).tolist()
    anomalies = [_candidate(labelled, *found[i]) for i in chosen]
    # Of what was left out each chosen one stands for as many.
    n_each = {side: int(np.count_nonzero(is_true == side)) for side in (True, False)}
    truth = is_true[chosen]
    rows: list[dict[str, object]] = []
    shares: list[float] = []
    opinions: dict[str, Callable[[Anomaly], str]] = {family: _opinion_of(family) for family in FAMILIES}
    opinions["null"] = lambda _anomaly: "confirmed"
    opinions["random"] = lambda _anomaly: "refuted" if rng.random() < shares[0] else "confirmed"
    for opinion, judge in opinions.items():
        task = progress.add_task(f"{name}, {opinion}", total=len(anomalies))
        started_secs = time.process_time()
        outcomes = np.array([_tell(judge(anomaly), progress, task) for anomaly in anomalies])
        spent_ms = 1e3 * (time.process_time() - started_secs) / max(len(anomalies), 1)
        rows.append({"set": name, "opinion": opinion, "n_true": n_each[True], "n_false": n_each[False], "cpu_ms": spent_ms})
        rows[-1] |= _figures(outcomes, truth, n_each)
        shares.append(float(np.mean(outcomes == "refuted")))
    return rows


def _opinion_of(family: str) -> Callable[[Anomaly], str]:
    provider = LocalProvider(LocalSettings.model_validate({"family": family}))
    return lambda anomaly: provider.judge_one(anomaly).outcome


def _tell(outcome: str, progress: Progress, task: object) -> str:
    progress.advance(task)  # type: ignore[arg-type]
    return outcome


def _figures(outcomes: np.ndarray, truth: BoolColumn, n_each: dict[bool, int]) -> dict[str, object]:
    share = {
        (outcome, side): float(np.mean(outcomes[truth == side] == outcome)) if (truth == side).any() else float("nan")
        for outcome in ("confirmed", "refuted")
        for side in (True, False)
    }
    kept = {side: n_each[side] * (1.0 - share["refuted", side]) for side in (True, False)}
    return {
        "confirmed_of_true": share["confirmed", True],
        "confirmed_of_false": share["confirmed", False],
        "refuted_of_true": share["refuted", True],
        "refuted_of_false": share["refuted", False],
        "precision": kept[True] / max(kept[True] + kept[False], 1e-9),
        "kept": 1.0 - share["refuted", True],
    }


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; 2 = the data is not there."""
    parser = make_parser("opinion", __doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON list instead of a table")
    parser.add_argument("--only", choices=LABELLED_SETS, action="append", help="only this set; may be repeated")
    parser.add_argument("--most", type=at_least(1), default=1500, help="true candidates a set, and as many false ones")
    given = parser.parse_args(arguments)
    shared = find_shared()
    if shared is None:
        sys.stderr.write("no labelled data: set STREAMWARDEN_SHARED to the folder that holds data/mscloud.parquet and others\n")
        return 2
    rows: list[dict[str, object]] = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        for name in given.only or LABELLED_SETS:
            rows += measure(name, load_labelled_set(name, shared), given.most, progress)
    if given.json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return 0
    figures = ("confirmed_of_true", "confirmed_of_false", "refuted_of_true", "refuted_of_false", "precision", "kept")
    table = Table("set", "opinion", "true", "false", *(figure.replace("_", " ") for figure in figures), "CPU ms")
    for row in rows:
        shown = [f"{float(str(row[figure])):.3f}" for figure in figures]
        table.add_row(
            str(row["set"]),
            str(row["opinion"]),
            str(row["n_true"]),
            str(row["n_false"]),
            *shown,
            f"{float(str(row['cpu_ms'])):.2f}",
        )
    Console().print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
