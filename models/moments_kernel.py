"""Running mean and sum of squared deviations, in river's order of operations.

References
----------
Welford, B. P. (1962). Note on a method for calculating corrected sums of squares and products. Technometrics 4(3).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from models.base import BoolColumn, FloatColumn
from models.jit import kernel
from models.power_kernel import take_roots


@kernel
def add_sample(n: float, mean: float, sum_sq: float, x: float) -> tuple[float, float, float]:
    """Moments after `x` joined the `n` samples."""
    after = n + 1.0
    moved = mean + (1.0 / after) * (x - mean)
    return after, moved, sum_sq + (x - mean) * (x - moved)


@kernel
def drop_sample(n: float, mean: float, sum_sq: float, x: float) -> tuple[float, float, float]:
    """Moments after `x` left the `n` samples."""
    after = n - 1.0
    moved = 0.0 if after == 0.0 else mean - (1.0 / after) * (x - mean)
    return after, moved, sum_sq - (x - mean) * (x - moved)


@kernel
def compute_variance(n: float, sum_sq: float) -> float:
    """Sample variance; 0.0 with fewer than two samples, or when dropping samples left the sum below zero."""
    return max(sum_sq / (n - 1.0), 0.0) if n > 1.0 else 0.0


@kernel
def are_finite(mean: float, sum_sq: float) -> bool:
    """False when a moment overflowed."""
    return math.isfinite(mean) and math.isfinite(sum_sq)


@kernel
def fill_deviations(counts: FloatColumn, sums: FloatColumn, start: int, stop: int, unsure: BoolColumn) -> None:
    """Replace sums of squared deviations by standard deviations, four or eight at a time: the root of `compute_variance`.

    Parameters
    ----------
    counts : (B,) float64
    sums : (B,) float64, mutated from `start` to `stop`
    unsure : (stop - start,) bool at least, overwritten
        Room.
    """
    first: Any = np.uint64(start)
    last: Any = np.uint64(stop)
    for i in range(first, last):
        variance = sums[i] / (counts[i] - 1.0)
        variance = variance if variance > 0.0 else 0.0
        sums[i] = variance if counts[i] > 1.0 else 0.0
    take_roots(sums, start, stop, unsure)
