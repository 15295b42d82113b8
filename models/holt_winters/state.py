"""State of Holt-Winters: one row a series, and its season."""

from __future__ import annotations

import numpy as np

__all__ = ["ROW"]

ROW = np.dtype([("n_first", np.int64), ("head", np.int64), ("level", np.float64), ("trend", np.float64)])
"""Values collected for the start, place of the oldest seasonal term, level and trend."""
