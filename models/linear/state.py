"""State of the linear regression: one row a series, and three numbers a feature."""

from __future__ import annotations

import numpy as np

__all__ = ["ROW"]

ROW = np.dtype([("n", np.int64), ("intercept", np.float64)])
"""Samples learned, and the intercept."""
