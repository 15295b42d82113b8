"""State of the exponentially weighted scorer: one row a series."""

from __future__ import annotations

import numpy as np

__all__ = ["ROW"]

ROW = np.dtype([("n", np.int64), ("mean", np.float64), ("sq_mean", np.float64)])
"""Samples learned, and the weighted means of the values and of their squares."""
