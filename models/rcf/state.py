"""State of the random cut forest: a window of points a series, and trees over it as flat arrays."""

from __future__ import annotations

import numpy as np

__all__ = ["ROW"]

ROW = np.dtype([("n", np.int64), ("size", np.int64), ("head", np.int64), ("random", np.uint64)])
"""Samples learned; points in the window and where the next goes, the oldest once it is full; state of the random numbers."""
