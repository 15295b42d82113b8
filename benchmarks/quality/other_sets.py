"""Recorded sets whose labels no constant of the default detector was chosen on, as columns: what calibration is held against.

NAB's 58 files (a sample of a labelled window is an anomaly), the eight sensors of SKAB's 34 runs, the gaps between the arrivals
of blocks at three Bitcoin nodes, and three figures of each block of Monero. The last two have no labels: every sample counts as
normal. The tail's constants were chosen with calibration on half of NAB's files in view, and nothing of the others.
"""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.quality.labelled_sets import LabelledSet
from models.base import BoolColumn, FloatColumn, IntColumn

__all__ = ["OTHER_SETS", "load_other_set"]

OTHER_SETS = ("nab", "skab", "bitcoin", "monero")
_SECOND_NS = 1_000_000_000
_MONERO_BLOCK_SECS = 120


def _make(name: str, slots: IntColumn, times_ns: IntColumn, metrics: FloatColumn, is_anomaly: BoolColumn | None) -> LabelledSet:
    odd = np.zeros(slots.size, dtype=np.bool_) if is_anomaly is None else is_anomaly
    return LabelledSet(name, slots, times_ns, metrics, odd, np.ones(slots.size, dtype=np.bool_))


def _load_nab(folder: Path) -> LabelledSet:
    windows = json.loads((folder / "nab/labels/combined_windows.json").read_text())
    slots, times_ns, values, odd = [], [], [], []
    for slot, (name, spans) in enumerate(sorted(windows.items())):
        with (folder / "nab/data" / name).open() as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            moment = row["timestamp"]
            slots.append(slot)
            times_ns.append(int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()) * _SECOND_NS)
            values.append(float(row["value"]))
            odd.append(any(start[:19] <= moment <= end[:19] for start, end in spans))
    return _make("nab", np.array(slots), np.array(times_ns), np.array([values]), np.array(odd, dtype=np.bool_))


def _load_skab(folder: Path) -> LabelledSet:
    table = pq.read_table(folder / "skab.parquet").unify_dictionaries()
    slots = table["series"].combine_chunks().indices.to_numpy().astype(np.int64)
    metrics = np.array([table[name].to_numpy() for name in table.column_names if name.startswith("x")], dtype=np.float64)
    return _make(
        "skab", slots, table["t"].to_numpy().astype(np.int64) * _SECOND_NS, metrics, table["label"].to_numpy().astype(np.bool_)
    )


def _load_bitcoin(folder: Path) -> LabelledSet:
    table = pq.read_table(folder / "bitcoin_arrivals.parquet")
    nodes, slots = np.unique(np.array(table["node"].to_pylist()), return_inverse=True)
    arrivals_ms = table["arrival_ms"].to_numpy().astype(np.int64)
    sorted_ms = [np.sort(arrivals_ms[slots == slot]) for slot in range(nodes.size)]
    return _make(
        "bitcoin",
        np.repeat(np.arange(nodes.size), [one.size - 1 for one in sorted_ms]),
        np.concatenate([one[1:] for one in sorted_ms]) * 1_000_000,
        np.array([np.concatenate([np.diff(one) for one in sorted_ms]) / 1000.0]),
        None,
    )


def _load_monero(folder: Path) -> LabelledSet:
    table = pq.read_table(folder / "monero_propagation.parquet").sort_by("height")
    times_ns = table["height"].to_numpy().astype(np.int64) * (_MONERO_BLOCK_SECS * _SECOND_NS)
    names = ("prop_time_lower_bound", "node_count", "size")
    metrics = np.array([table[name].to_numpy() for name in names], dtype=np.float64)
    return _make("monero", np.zeros(times_ns.size, dtype=np.int64), times_ns, metrics, None)


_LOADERS = {"nab": _load_nab, "skab": _load_skab, "bitcoin": _load_bitcoin, "monero": _load_monero}


def load_other_set(name: str, shared: Path) -> LabelledSet:
    """Read one of `OTHER_SETS`.

    Raises
    ------
    FileNotFoundError
        The set is not there.
    """
    return _LOADERS[name](shared / "data")
