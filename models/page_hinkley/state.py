"""State of Page-Hinkley: one row a series."""

from __future__ import annotations

import numpy as np

__all__ = ["ROW"]

ROW = np.dtype(
    [
        ("n", np.float64),
        ("mean", np.float64),
        ("rise", np.float64),
        ("fall", np.float64),
        ("least_rise", np.float64),
        ("greatest_fall", np.float64),
        ("is_drift", np.int32),
        ("is_warm", np.int32),
    ]
)
"""Samples since the last change, their mean, the two sums and their extremes, whether the last sample was a change, and whether
the series has been long enough once."""
