"""Sparse random projections, drawn with the same random numbers, in the same order, as river draws them."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np

from models.base import BoolColumn, FloatColumn
from models.state_array import StateArray

__all__ = ["draw_projections"]


def draw_projections(n_cuts: int, seed: int, order: Sequence[int], mask: BoolColumn) -> tuple[StateArray, FloatColumn]:
    """Draw `n_cuts` projections over the columns of `mask`.

    Returns
    -------
    column : (R, K) int32
        Columns of each projection in river's order of summation; -1 fills unused places.
    weight : (R, K) float64

    Examples
    --------
    >>> column, weight = draw_projections(2, 42, [0, 1, 2, 3], np.ones(4, bool))
    >>> column.shape
    (2, 2)
    """
    rng = random.Random(seed)  # noqa: S311 - river's generator
    present = [column for column in order if mask[column]]
    n_nonzero = max(1, int(math.sqrt(len(present))))
    width = max(1, int(math.sqrt(len(order))))
    column = np.full((n_cuts, width), -1, dtype=np.int32)
    weight = np.zeros((n_cuts, width))
    for cut in range(n_cuts):
        column[cut, :n_nonzero] = rng.sample(present, n_nonzero)
        weight[cut, :n_nonzero] = [rng.gauss(0.0, 1.0) for _ in range(n_nonzero)]
    return column, weight
