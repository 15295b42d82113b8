"""State of the quantile estimators."""

from __future__ import annotations

import numpy as np

from models.base import FloatColumn

__all__ = ["P2_WIDTH", "make_p2_row"]

P2_WIDTH = 16
"""Floats a P² estimator keeps: five heights, five positions, five desired positions, and the samples seen."""


def make_p2_row(q: float) -> FloatColumn:
    """Row of an estimator of the quantile `q` that has seen nothing, shape (1, 16).

    Examples
    --------
    >>> make_p2_row(0.5)[0, 10:15].tolist()
    [1.0, 2.0, 3.0, 4.0, 5.0]
    """
    desired = [1.0, 1.0 + 2.0 * q, 1.0 + 4.0 * q, 3.0 + 2.0 * q, 5.0]
    return np.array([[0.0] * 5 + [1.0, 2.0, 3.0, 4.0, 5.0] + desired + [0.0]])
