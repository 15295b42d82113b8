"""State of the quantile estimators: plain floats, because a call with a structured array costs 120 ns more.

A P² estimate has five markers.  The outer two stand at the least and the greatest value, whatever the quantile; the first stays at
position 1 and the last at the number of samples.  So estimates of several quantiles share these, and each adds only heights, positions
and desired positions of its three inner markers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.base import FloatColumn

__all__ = ["ESTIMATE", "ESTIMATE_WIDTH", "HIGH", "LOW", "P2_WIDTH", "N", "make_p2_row", "pack_estimates", "regroup_estimates"]

N, LOW, HIGH, ESTIMATE = 0, 1, 2, 3
"""Columns: samples seen, least and greatest value, and from there the inner markers: the heights of all, the positions of all, the
desired positions of all, three an estimate.

The first five samples stand as they came in the five columns from `LOW` on.
"""

ESTIMATE_WIDTH = 9
"""Floats of one estimate: three heights, three positions, three desired positions."""

P2_WIDTH = ESTIMATE + ESTIMATE_WIDTH
"""Floats a single estimate keeps."""


def make_p2_row(levels: Sequence[float]) -> FloatColumn:
    """Row of estimators of the quantiles `levels` that have seen nothing, shape (1, 3 + 9 * len(levels)).

    Examples
    --------
    >>> make_p2_row([0.5])[0, 6:].tolist()
    [2.0, 3.0, 4.0, 2.0, 3.0, 4.0]
    """
    wanted = [at for q in levels for at in (1.0 + 2.0 * q, 1.0 + 4.0 * q, 3.0 + 2.0 * q)]
    n = len(levels)
    return np.array([[0.0] * (ESTIMATE + 3 * n) + [2.0, 3.0, 4.0] * n + wanted])


def pack_estimates(estimates: Sequence[FloatColumn]) -> FloatColumn:
    """Rows of the same series in the layout of this file from those of version 1, (n, 16) a quantile.

    They held five heights, five positions, five desired positions, and the samples seen.

    Examples
    --------
    >>> old = np.array([[1.0, 2.0, 3.0, 4.0, 9.0, 1.0, 2.0, 4.0, 5.0, 7.0, 1.0, 2.5, 4.0, 5.5, 7.0, 7.0]])
    >>> pack_estimates([old]).tolist()
    [[7.0, 1.0, 9.0, 2.0, 3.0, 4.0, 2.0, 4.0, 5.0, 2.5, 4.0, 5.5]]
    """
    first = estimates[0]
    head = np.stack([first[:, 15], first[:, 0], first[:, 4]], axis=1)
    packed = np.concatenate([head, *(old[:, at : at + 3] for at in (1, 6, 11) for old in estimates)], axis=1)
    few = packed[:, N] <= 5.0
    packed[few, LOW : LOW + 5] = first[few, :5]
    return packed


def regroup_estimates(rows: FloatColumn) -> FloatColumn:
    """Rows in the layout of this file from those of version 2, which kept the nine floats of an estimate together.

    Examples
    --------
    >>> old = [7.0, 1.0, 9.0, 2.0, 3.0, 4.0, 2.0, 4.0, 5.0, 2.5, 4.0, 5.5, 3.0, 4.0, 5.0, 2.0, 4.0, 5.0, 2.7, 4.2, 5.6]
    >>> regroup_estimates(np.array([old])).tolist()[0][3:12]
    [2.0, 3.0, 4.0, 3.0, 4.0, 5.0, 2.0, 4.0, 5.0]
    """
    estimates = rows[:, ESTIMATE:].reshape(len(rows), -1, 3, 3)
    regrouped = np.concatenate([rows[:, :ESTIMATE], estimates.swapaxes(1, 2).reshape(len(rows), -1)], axis=1)
    few = rows[:, N] <= 5.0
    regrouped[few, LOW : LOW + 5] = rows[few, LOW : LOW + 5]
    return regrouped
