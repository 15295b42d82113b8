"""State of ADWIN: an exponential histogram a series."""

from __future__ import annotations

import numpy as np

__all__ = ["N_LEVELS", "ROW"]

N_LEVELS = 40
"""Levels of buckets; one of level i sums up 2**i samples, so there is room for more samples than a series ever has."""

ROW = np.dtype(
    [
        ("total", np.float64),
        ("variance", np.float64),
        ("width", np.float64),
        ("tick", np.int64),
        ("n_levels", np.int32),
        ("is_drift", np.int32),
        ("is_warm", np.int64),
    ]
)
"""Sum, sum of squared deviations and number of the samples in the window, samples since the last change, levels in use,
whether the last sample was a change, and whether the series has been long enough once."""
