"""Grouping accuracy of the log templates on labelled logs beside drain3, a null and a random miner, with their cost.

Run from the repository's root::

    streamwarden bench logs [--json]

Data: loghub's samples of 2,000 labelled lines a system.  Grouping accuracy (GA): share of lines whose group holds exactly the lines
that people put under one template (J. Zhu et al., Tools and benchmarks for automated log parsing, ICSE-SEIP 2019, section III-B).
Similarity is the default of ``topics.yaml``, which is drain3's; nothing is tuned on the labels.  Cost: CPU time a line of one pass
over a fresh miner, which has everything to learn, and of a second pass over the same lines.

``drain3`` runs with its defaults, which mask nothing; ``drain3 masked`` with the patterns its own source suggests.  The null miner
gives every line a template of its own, ``one`` gives all lines the same, ``random`` draws one of as many as there are, seeded.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import time
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from benchmarks.arguments import make_parser
from benchmarks.quality.labelled_sets import find_shared
from pipeline.config.schema import LogSettings
from pipeline.logs.template_finder import TemplateFinder

__all__ = ["MINERS", "get_grouping_accuracy", "main", "measure"]

Find = Callable[[str], Hashable]
_DRAIN3_PATTERNS = (
    (r"((?<=[^A-Za-z0-9])|^)(([0-9a-f]{2,}:){3,}([0-9a-f]{2,}))((?=[^A-Za-z0-9])|$)", "ID"),
    (r"((?<=[^A-Za-z0-9])|^)(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})((?=[^A-Za-z0-9])|$)", "IP"),
    (r"((?<=[^A-Za-z0-9])|^)(0x[a-f0-9A-F]+)((?=[^A-Za-z0-9])|$)", "HEX"),
    (r"((?<=[^A-Za-z0-9])|^)([\-\+]?\d+)((?=[^A-Za-z0-9])|$)", "NUM"),
)


def _make_own() -> Find:
    defaults = LogSettings()
    find = TemplateFinder(defaults.similarity, defaults.max_templates).find

    def find_id(line: str) -> Hashable:
        template = find(line).template
        return template.id if template is not None else "other"

    return find_id


def _make_drain3(patterns: Sequence[tuple[str, str]] = ()) -> Find:
    from drain3 import TemplateMiner
    from drain3.masking import MaskingInstruction
    from drain3.template_miner_config import TemplateMinerConfig

    logging.getLogger("drain3").setLevel(logging.ERROR)
    config = TemplateMinerConfig()
    config.masking_instructions = [MaskingInstruction(pattern, name) for pattern, name in patterns]
    miner = TemplateMiner(config=config)
    return lambda line: miner.add_log_message(line)["cluster_id"]


def _make_random(n_true: int) -> Find:
    rng = random.Random(0)
    return lambda _: rng.randrange(n_true)


MINERS: dict[str, Callable[[int], Find]] = {
    "streamwarden": lambda _: _make_own(),
    "drain3": lambda _: _make_drain3(),
    "drain3 masked": lambda _: _make_drain3(_DRAIN3_PATTERNS),
    "null": lambda _: lambda _: object(),
    "one": lambda _: lambda _: 0,
    "random": _make_random,
}
"""Name → number of true templates → what finds a line's template."""


def get_grouping_accuracy(found: Sequence[Hashable], true: Sequence[Hashable]) -> float:
    """Share of lines whose found group is exactly a true group.

    Examples
    --------
    >>> get_grouping_accuracy(["a", "a", "b", "c"], [1, 1, 2, 2])
    0.5
    """

    def group(ids: Sequence[Hashable]) -> list[tuple[int, ...]]:
        lines: dict[Hashable, list[int]] = {}
        for i, one in enumerate(ids):
            lines.setdefault(one, []).append(i)
        return [tuple(one) for one in lines.values()]

    true_groups = set(group(true))
    return sum(len(one) for one in group(found) if one in true_groups) / len(true)


def measure(folder: Path) -> list[dict[str, object]]:
    """One row a log and miner: grouping accuracy, templates found and true, µs of CPU a line.

    Raises
    ------
    FileNotFoundError
        No labelled logs in `folder`.
    """
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise FileNotFoundError(f"no labelled logs: expected loghub's samples as Parquet files in {folder}")
    rows: list[dict[str, object]] = []
    for path in files:
        table = pq.read_table(path, columns=["content", "event_id"])
        lines, true = table["content"].to_pylist(), table["event_id"].to_pylist()
        for name, make in MINERS.items():
            find = make(len(set(true)))
            costs = []
            passes = []
            for _ in range(2):
                started = time.process_time()
                passes.append([find(line) for line in lines])
                costs.append((time.process_time() - started) / len(lines) * 1e6)
            rows.append(
                {
                    "log": path.stem,
                    "miner": name,
                    "grouping_accuracy": get_grouping_accuracy(passes[0], true),
                    "n_templates": len(set(passes[0])),
                    "n_true_templates": len(set(true)),
                    "first_us_per_line": costs[0],
                    "again_us_per_line": costs[1],
                }
            )
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; 2 = the data is not there."""
    parser = make_parser("logs", __doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON list instead of tables")
    given = parser.parse_args(arguments)
    shared = find_shared()
    try:
        rows = measure((shared or Path("shared")) / "data" / "loghub2k")
    except FileNotFoundError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if given.json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return 0
    by_place = {(str(row["log"]), str(row["miner"])): row for row in rows}
    logs = sorted({log for log, _ in by_place})
    for field, title, form in (
        ("grouping_accuracy", "grouping accuracy", ".3f"),
        ("n_templates", "templates found", ",.0f"),
        ("first_us_per_line", "µs a line, first pass", ".1f"),
        ("again_us_per_line", "µs a line, second pass", ".1f"),
    ):
        table = Table("miner", *logs, "mean", title=title)
        for miner in MINERS:
            figures = [float(str(by_place[log, miner][field])) for log in logs]
            table.add_row(miner, *(f"{one:{form}}" for one in (*figures, sum(figures) / len(figures))))
        Console(width=140).print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
