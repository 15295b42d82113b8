"""State of predictive anomaly detection: what it remembers of its forecaster's errors."""

from __future__ import annotations

import numpy as np

__all__ = ["ROW"]

ROW = np.dtype([("n_learned", np.int64), ("n", np.float64), ("mean", np.float64), ("sum_sq", np.float64)])
"""Samples learned, and count, mean and sum of squared deviations of the squared errors."""
