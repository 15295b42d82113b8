"""State of the standard absolute deviation: one row a series."""

from __future__ import annotations

import numpy as np

__all__ = ["ROW"]

ROW = np.dtype([("n", np.float64), ("mean", np.float64), ("sum_sq", np.float64)])
"""Samples learned, their mean, and the sum of squared deviations."""
