"""State of the Gaussian scorer: one row a series."""

from __future__ import annotations

import numpy as np

__all__ = ["ROW"]

ROW = np.dtype([("n", np.float64), ("mean", np.float64), ("sum_sq", np.float64), ("head", np.int64)])
"""Samples held, their mean, the sum of squared deviations, and where the next sample goes in the window."""
