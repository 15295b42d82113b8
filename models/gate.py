"""The gate between scoring and learning: a filter's rule, evaluated inside the detector's own kernel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.base import FloatColumn
from models.quantile.state import P2_WIDTH

__all__ = ["OPEN", "OPEN_GATE", "Gate", "make_quantile_rule", "make_threshold_rule"]

OPEN, THRESHOLD, QUANTILE = 0.0, 1.0, 2.0


class Gate(NamedTuple):
    """What a kernel needs to decide whether a scored sample may be learned.

    Attributes
    ----------
    rule : (4,) float64
        Kind of rule, threshold, quantile level, and 1.0 when anomalous samples are kept from the detector.
    rows : (S, 12) float64
        Quantile of the scores of each series; (0, 12) when the rule has no state.
    """

    rule: FloatColumn
    rows: FloatColumn


OPEN_GATE = Gate(np.array([OPEN, 0.0, 0.0, 0.0]), np.zeros((0, P2_WIDTH)))
"""Lets everything through."""


def make_threshold_rule(threshold: float, protect: bool) -> FloatColumn:
    """Rule of a filter by a constant threshold.

    Examples
    --------
    >>> make_threshold_rule(0.95, True).tolist()
    [1.0, 0.95, 0.0, 1.0]
    """
    return np.array([THRESHOLD, threshold, 0.0, float(protect)])


def make_quantile_rule(q: float, protect: bool) -> FloatColumn:
    """Rule of a filter by a running quantile of the scores.

    Examples
    --------
    >>> make_quantile_rule(0.99, False).tolist()
    [2.0, 0.0, 0.99, 0.0]
    """
    return np.array([QUANTILE, 0.0, q, float(protect)])
