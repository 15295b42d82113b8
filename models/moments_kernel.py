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
from models.jit import kernel, kernel_bare
from models.power_kernel import take_root, take_roots

N, MEAN, SUM_SQ = 0, 1, 2
"""First columns of a row that keeps moments."""


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


@kernel_bare
def compute_sigma(rows: FloatColumn, slot: int) -> float:
    """Standard deviation of the samples learned in `slot`; 0.0 when they are fewer than two."""
    return take_root(compute_variance(rows[slot, N], rows[slot, SUM_SQ]))


@kernel_bare
def learn_moments(rows: FloatColumn, slot: int, y: float) -> bool:
    """Add a finite `y` to the moments of `slot`; False = refused, because one would overflow."""
    n, mean, sum_sq = add_sample(rows[slot, N], rows[slot, MEAN], rows[slot, SUM_SQ], y)
    if not are_finite(mean, sum_sq):
        return False
    rows[slot, N], rows[slot, MEAN], rows[slot, SUM_SQ] = n, mean, sum_sq
    return True


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
