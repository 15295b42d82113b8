"""State of SNARIMAX: three rings of lags, a scaler and a linear regression a series."""

from __future__ import annotations

import numpy as np

__all__ = ["ROW"]

ROW = np.dtype(
    [
        ("n_learned", np.int64),
        ("intercept", np.float64),
        ("n_values", np.int64),
        ("value_head", np.int64),
        ("n_lags", np.int64),
        ("lag_head", np.int64),
        ("n_errors", np.int64),
        ("error_head", np.int64),
    ]
)
"""Samples learned, intercept of the regression, and of each ring what it holds and where the next entry goes."""
