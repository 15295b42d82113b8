"""State of Half-Space Trees.

A node's mass is the sum of its children's, and the root's is known (the samples since the last pivot, and the window size after
it).  So one mass per *inner* node is kept, that of its left child, and the right one is the difference: half of what one count
per node takes.  A mass is at most the window size, hence one byte up to 255 and two up to 65,535.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["LATEST", "REFERENCE", "ROW", "mass_dtype"]

ROW = np.dtype([("draw", np.int32), ("counter", np.int32), ("n_pivots", np.int64)])
"""Forest of the series counted from one (0 = not drawn yet), samples since the last pivot, and pivots so far."""

REFERENCE, LATEST = 0, 1
"""Planes of the masses: the finished window, which scores, and the running one, which learns."""


def mass_dtype(window_size: int) -> np.dtype[Any]:
    """Smallest unsigned type that holds a mass.

    Examples
    --------
    >>> mass_dtype(250).itemsize, mass_dtype(256).itemsize
    (1, 2)
    """
    return np.dtype(np.uint8 if window_size <= 255 else np.uint16)
