"""State of the one-class SVM: one row a series, and its weights."""

from __future__ import annotations

import numpy as np

__all__ = ["ROW"]

ROW = np.dtype([("n", np.int64), ("intercept", np.float64)])
"""Samples learned, and the offset of the hyperplane."""
