"""Average precision, point by point: no point adjustment, no tolerance."""

from __future__ import annotations

import numpy as np

from benchmarks.quality.labelled_sets import LabelledSet
from models.base import BoolColumn, FloatColumn

__all__ = ["get_average_precision", "get_macro_average_precision"]


def get_average_precision(is_anomaly: BoolColumn, score: FloatColumn) -> float:
    """Area under the precision-recall steps; samples of equal score enter together.

    Parameters
    ----------
    is_anomaly : (B,) bool, at least one True
    score : (B,) float64, finite

    Examples
    --------
    >>> get_average_precision(np.array([True, False, True, False]), np.array([4.0, 3.0, 2.0, 1.0]))
    0.8333333333333333
    >>> get_average_precision(np.array([True, False, False, False]), np.zeros(4))
    0.25
    """
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    is_last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
    n_hits = np.cumsum(is_anomaly[order])[is_last_of_tie]
    n_flagged = np.flatnonzero(is_last_of_tie) + 1
    return float(np.sum(n_hits / n_flagged * np.diff(n_hits, prepend=0)) / is_anomaly.sum())


def get_macro_average_precision(labelled: LabelledSet, score: FloatColumn) -> tuple[float, int]:
    """Mean average precision over the series with a labelled test sample, and their number."""
    precisions = []
    for slot in np.unique(labelled.slots):
        rows = np.flatnonzero((labelled.slots == slot) & labelled.is_test)
        if labelled.is_anomaly[rows].any():
            precisions.append(get_average_precision(labelled.is_anomaly[rows], score[rows]))
    return float(np.mean(precisions)), len(precisions)
