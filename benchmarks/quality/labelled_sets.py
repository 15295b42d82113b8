"""The labelled sets the quality figures stand on, as columns; they live beside the repository, not in it.

The evaluation protocol, the same for every scorer:

- a series is scored prequentially from its first sample (train part, where there is one, then test part), in file order;
- average precision is taken per series over its **test** part; a series without a labelled test sample does not count;
- the figure is the unweighted (macro) mean over series;
- MSCloud is all test; KPI is split in halves by its publishers; ASD has 19 metrics a series, each scored as a series of its own,
  and the score of a moment is the mean of its five highest metrics.  ASD gives sample numbers as time, 300 s apart.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from models.base import BoolColumn, FloatColumn, IntColumn

__all__ = ["LABELLED_SETS", "LabelledSet", "find_shared", "load_labelled_set"]

LABELLED_SETS = ("mscloud", "kpi", "asd")
_INTERVAL_SECS = {"mscloud": 1, "kpi": 1, "asd": 300}


@dataclass(frozen=True)
class LabelledSet:
    """Columns of one labelled set.

    Attributes
    ----------
    name : str
    slots, event_time_ns : (B,) int64
    metrics : (M, B) float64
        One row a metric.
    is_anomaly, is_test : (B,) bool
    """

    name: str
    slots: IntColumn
    event_time_ns: IntColumn
    metrics: FloatColumn
    is_anomaly: BoolColumn
    is_test: BoolColumn


def find_shared() -> Path | None:
    """Folder of the shared material: ``STREAMWARDEN_SHARED``, or ``../shared`` beside the repository; None when absent.

    Examples
    --------
    >>> found = find_shared()
    >>> found is None or found.is_dir()
    True
    """
    named = os.environ.get("STREAMWARDEN_SHARED")
    path = Path(named) if named else Path(__file__).resolve().parents[3] / "shared"
    return path if (path / "data").is_dir() else None


def load_labelled_set(name: str, shared: Path) -> LabelledSet:
    """Read one of `LABELLED_SETS`.

    Raises
    ------
    FileNotFoundError
        The set is not there.
    """
    table = pq.read_table(shared / "data" / f"{name}.parquet").unify_dictionaries()
    series = table["series"].combine_chunks()
    split = table["split"].combine_chunks()
    columns = [column for column in table.column_names if column.startswith("x")]
    is_test: npt.NDArray[np.bool_] = np.array(split.dictionary.to_pylist())[split.indices.to_numpy()] == "test"
    return LabelledSet(
        name,
        series.indices.to_numpy().astype(np.int64),
        table["t"].to_numpy().astype(np.int64) * (_INTERVAL_SECS[name] * 1_000_000_000),
        np.array([table[column].to_numpy() for column in columns], dtype=np.float64),
        table["label"].to_numpy().astype(np.bool_),
        is_test,
    )
