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
    column : (W, R) uint32
        Columns of each projection in river's order of summation; the first once more where there are fewer.
    weight : (W, R) float64
        0.0 there.

    Examples
    --------
    >>> column, weight = draw_projections(2, 42, [0, 1, 2, 3], np.ones(4, bool))
    >>> column.shape
    (2, 2)
    >>> draw_projections(3, 42, [0, 1, 2, 3], np.array([True, True, False, False]))[1][1].tolist()
    [0.0, 0.0, 0.0]
    """
    rng = random.Random(seed)  # noqa: S311 - river's generator
    present = [column for column in order if mask[column]]
    n_nonzero = max(1, int(math.sqrt(len(present))))
    width = max(1, int(math.sqrt(len(order))))
    column = np.empty((width, n_cuts), dtype=np.uint32)
    weight = np.zeros((width, n_cuts))
    for cut in range(n_cuts):
        chosen = rng.sample(present, n_nonzero)
        column[:, cut] = chosen[0]
        column[:n_nonzero, cut] = chosen
        weight[:n_nonzero, cut] = [rng.gauss(0.0, 1.0) for _ in range(n_nonzero)]
    return column, weight
