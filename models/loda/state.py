"""State of LODA: one histogram per random cut."""

from __future__ import annotations

import numpy as np

__all__ = ["ROW"]

ROW = np.dtype([("draw", np.int32), ("unused", np.int32), ("n", np.int64)])
"""Projections of the series counted from one (0 = not drawn yet), and samples learned."""
