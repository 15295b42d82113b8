"""State of KSWIN: a window and a random generator a series."""

from __future__ import annotations

import numpy as np

__all__ = ["N_WORDS", "ROW"]

N_WORDS = 624
"""Words of a Mersenne Twister."""

ROW = np.dtype([("n", np.int32), ("head", np.int32), ("at", np.int32), ("is_drift", np.int32), ("is_warm", np.int64)])
"""Samples held, where the next one goes, next word of the generator, whether the last sample was a change, and whether the window
has been full once."""
