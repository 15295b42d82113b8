"""State of the quantile estimators: plain floats, because a call with a structured array costs 120 ns more.

A P² estimate has five markers.  The outer two stand at the least and the greatest value, whatever the quantile; the first stays at
position 1 and the last at the number of samples.  So estimates of several quantiles share these, and each adds only heights, positions
and desired positions of its three inner markers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.base import FloatColumn

__all__ = ["ESTIMATE", "ESTIMATE_WIDTH", "HIGH", "LOW", "P2_WIDTH", "N", "make_p2_row", "pack_estimates"]

N, LOW, HIGH, ESTIMATE = 0, 1, 2, 3
"""Columns: samples seen, least and greatest value, and from there nine an estimate.

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
    row = [0.0] * ESTIMATE
    for q in levels:
        row += [0.0, 0.0, 0.0, 2.0, 3.0, 4.0, 1.0 + 2.0 * q, 1.0 + 4.0 * q, 3.0 + 2.0 * q]
    return np.array([row])


def pack_estimates(estimates: Sequence[FloatColumn]) -> FloatColumn:
    """Rows of the same series in the layout of this file from those of older versions, (n, 16) a quantile.

    They held five heights, five positions, five desired positions, and the samples seen.

    Examples
    --------
    >>> old = np.array([[1.0, 2.0, 3.0, 4.0, 9.0, 1.0, 2.0, 4.0, 5.0, 7.0, 1.0, 2.5, 4.0, 5.5, 7.0, 7.0]])
    >>> pack_estimates([old]).tolist()
    [[7.0, 1.0, 9.0, 2.0, 3.0, 4.0, 2.0, 4.0, 5.0, 2.5, 4.0, 5.5]]
    """
    first = estimates[0]
    packed = np.zeros((len(first), ESTIMATE + ESTIMATE_WIDTH * len(estimates)))
    packed[:, N] = first[:, 15]
    packed[:, LOW] = first[:, 0]
    packed[:, HIGH] = first[:, 4]
    for number, old in enumerate(estimates):
        at = ESTIMATE + ESTIMATE_WIDTH * number
        packed[:, at : at + 3] = old[:, 1:4]
        packed[:, at + 3 : at + 6] = old[:, 6:9]
        packed[:, at + 6 : at + 9] = old[:, 11:14]
    few = packed[:, N] <= 5.0
    packed[few, LOW : LOW + 5] = first[few, :5]
    return packed
