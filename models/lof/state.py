"""State of the local outlier factor: a ring of samples a series."""

from __future__ import annotations

import numpy as np

__all__ = ["ROW"]

ROW = np.dtype([("n", np.int64), ("head", np.int64)])
"""Samples held, and where the next one goes in the ring: the place of the oldest once it is full."""
