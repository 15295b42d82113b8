"""Half-space trees as arrays: drawn with the same random numbers, in the same order, as river draws them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn
from models.state_array import StateArray

__all__ = ["Forest", "grow_forest"]

PADDING = 0.15


class Forest(NamedTuple):
    """Splits of one forest; the root is node 1, node ``i`` has the children ``2i`` (left) and ``2i + 1``.

    Attributes
    ----------
    feature : (T, 2**height) int32
    keys : (T, 2**height) int64
        Thresholds, as whole numbers that sort as they do.
    """

    feature: StateArray
    keys: IntColumn


def grow_forest(
    n_trees: int, height: int, seed: int, order: Sequence[int], limits: Sequence[tuple[float, float]], mask: BoolColumn
) -> Forest:
    """Draw a forest over the features of `mask`.

    Parameters
    ----------
    n_trees, height, seed : int
    order : sequence of int
        Feature columns in the order in which river meets them (sorted by name).
    limits : sequence of (low, high)
        Range of each column.
    mask : (F,) bool
        Columns present in the first sample; at least one.

    Examples
    --------
    >>> forest = grow_forest(2, 1, 42, [0], [(0.0, 1.0)], np.array([True]))
    >>> forest.keys[:, 1].view(np.float64).round(3)
    array([0.168, 0.306])
    """
    rng = random.Random(seed)  # noqa: S311 - river's generator
    present = [column for column in order if mask[column]]
    feature = np.zeros((n_trees, 2**height), dtype=np.int32)
    threshold = np.zeros((n_trees, 2**height))
    for tree in range(n_trees):
        _grow(feature[tree], threshold[tree], 1, height, present, list(limits), rng)
    bits = (threshold + 0.0).view(np.int64)
    return Forest(feature, bits ^ ((bits >> 63) & np.iinfo(np.int64).max))


def _grow(
    feature: StateArray,
    threshold: FloatColumn,
    node: int,
    height: int,
    columns: list[int],
    limits: list[tuple[float, float]],
    rng: random.Random,
) -> None:
    """Split `node` and what is below it, depth first; `limits` is as before on return."""
    if height == 0:
        return
    on = rng.choices(columns, weights=[limits[column][1] - limits[column][0] for column in columns])[0]
    low, high = limits[on]
    at = rng.uniform(low + PADDING * (high - low), high - PADDING * (high - low))
    feature[node] = on
    threshold[node] = at
    limits[on] = (low, at)
    _grow(feature, threshold, 2 * node, height - 1, columns, limits, rng)
    limits[on] = (at, high)
    _grow(feature, threshold, 2 * node + 1, height - 1, columns, limits, rng)
    limits[on] = (low, high)
