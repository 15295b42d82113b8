"""The random cut forest beside the `rrcf` package on NAB: time a point, and average precision within the labelled windows.

Run from the repository's root::

    streamwarden bench forest [--json] [--files 8] [--trees 20]

Both have the same trees, window and shingle, and run with two seeds, whose difference is the noise that accuracy is read
against.  Files are the first of NAB's `realAWSCloudwatch` with a labelled window, scored whole; the first `tree_size` points of a
file do not count.  Average precision takes every sample of a labelled window for anomalous; its floor, of a random scorer, is the
share of such samples.  Times are CPU time.  Needs `pip install rrcf`.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.arguments import at_least, make_parser
from benchmarks.quality.average_precision import get_average_precision
from benchmarks.quality.labelled_sets import find_shared
from models.base import BoolColumn, FloatColumn, Scores
from models.registry import build

__all__ = ["main", "measure"]

TREE_SIZE, SHINGLE_SIZE = 64, 4


def load_files(shared: Path, n_files: int) -> dict[str, tuple[FloatColumn, BoolColumn]]:
    """Values, and which of them lie in a labelled window, by file name."""
    windows = json.loads((shared / "data/nab/labels/combined_windows.json").read_text())
    found: dict[str, tuple[FloatColumn, BoolColumn]] = {}
    for name, spans in sorted(windows.items()):
        if not name.startswith("realAWSCloudwatch") or not spans or len(found) == n_files:
            continue
        with (shared / "data/nab/data" / name).open() as file:
            rows = list(csv.DictReader(file))
        times = [row["timestamp"] for row in rows]
        odd = np.array([any(start[:19] <= moment <= end[:19] for start, end in spans) for moment in times], dtype=np.bool_)
        found[name] = np.array([float(row["value"]) for row in rows]), odd
    return found


def score_here(values: FloatColumn, n_trees: int, seed: int) -> FloatColumn:
    """Scores of the model."""
    model = build(
        "random_cut_forest",
        {
            "n_trees": n_trees,
            "tree_size": TREE_SIZE,
            "shingle_size": SHINGLE_SIZE,
            "grace_period": SHINGLE_SIZE,
            "seed": seed,
        },
    )
    model.reserve(1)
    zeros, out = np.zeros(values.size, dtype=np.int64), Scores.empty(values.size)
    model.score_learn_many(zeros, zeros, values, out)
    return out.score


def score_there(values: FloatColumn, n_trees: int, seed: int) -> FloatColumn:
    """Scores of the package, by its own streaming example."""
    import rrcf

    np.random.seed(seed)
    trees = [rrcf.RCTree() for _ in range(n_trees)]
    scores = np.zeros(values.size)
    for i, point in enumerate(rrcf.shingle(values, size=SHINGLE_SIZE)):
        total = 0.0
        for tree in trees:
            if len(tree.leaves) > TREE_SIZE - 1:
                tree.forget_point(i - TREE_SIZE)
            tree.insert_point(point, index=i)
            total += tree.codisp(i)
        scores[i + SHINGLE_SIZE - 1] = total / n_trees
    return scores


def measure(n_files: int, n_trees: int) -> list[dict[str, object]]:
    """One row a scorer: macro average precision, microseconds a point, points.

    Raises
    ------
    FileNotFoundError
        NAB is not there.
    """
    shared = find_shared()
    if shared is None or not (shared / "data/nab").is_dir():
        raise FileNotFoundError("no NAB: set STREAMWARDEN_SHARED to the folder that holds data/nab")
    files = load_files(shared, n_files)
    score_here(np.arange(10.0), n_trees, 1)  # compiles
    rows: list[dict[str, object]] = []
    runs = [("random_cut_forest", score_here, 1), ("random_cut_forest", score_here, 2), ("rrcf", score_there, 1)]
    for name, score, seed in [*runs, ("rrcf", score_there, 2)]:
        start = time.thread_time()
        scores = {file: score(values, n_trees, seed) for file, (values, _) in files.items()}
        secs = time.thread_time() - start
        n_points = sum(values.size for values, _ in files.values())
        figures = [get_average_precision(odd[TREE_SIZE:], scores[file][TREE_SIZE:]) for file, (_, odd) in files.items()]
        rows.append(
            {
                "scorer": name,
                "seed": seed,
                "macro_ap": float(np.mean(figures)),
                "us_a_point": 1e6 * secs / n_points,
                "n": n_points,
            }
        )
    floor = float(np.mean([odd[TREE_SIZE:].mean() for _, odd in files.values()]))
    rows.append({"scorer": "null, random", "seed": 0, "macro_ap": floor, "us_a_point": 0.0, "n": int(rows[0]["n"])})  # type: ignore[call-overload]
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; 2 = the data or the package is not there."""
    parser = make_parser("forest", __doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON list instead of lines")
    parser.add_argument("--files", type=at_least(1), default=8, help="files of NAB")
    parser.add_argument("--trees", type=at_least(1), default=20, help="trees of each forest")
    given = parser.parse_args(arguments)
    try:
        rows = measure(given.files, given.trees)
    except (FileNotFoundError, ImportError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if given.json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return 0
    for row in rows:
        print(f"{row['scorer']:18} seed {row['seed']}  AUC-PR {row['macro_ap']:.3f}  {row['us_a_point']:10.1f} us a point")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
