"""State of LODA: one histogram per random cut.

Right edges stand apart from left edges and masses, bin by bin: a sample is compared with all right edges, eight cuts at a time, and
then needs the left edge and the mass of one bin a cut.  With very many series what counts is how many cache lines that are.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models.state_array import StateArray

__all__ = ["ROW", "split_bins"]

ROW = np.dtype([("draw", np.int32), ("unused", np.int32), ("n", np.int64)])
"""Projections of the series counted from one (0 = not drawn yet), and samples learned."""


def split_bins(columns: Mapping[str, StateArray], *, is_by_cut: bool) -> dict[str, StateArray]:
    """Columns of a snapshot of version 1 or 2 in the layout of version 3.

    Both kept left edges, right edges and masses as floats in one array, with room for a bin more: version 1 those of a cut together
    (`is_by_cut`, (S, R, N + 1, 3)), version 2 those of all cuts, (S, 3, N + 1, R).
    """
    bins = columns["bins"].transpose(0, 3, 2, 1) if is_by_cut else columns["bins"]
    left, right, mass = (np.ascontiguousarray(bins[:, edge, :-1]) for edge in range(3))
    return {
        "rows": columns["rows"],
        "right": right,
        "left": left,
        "mass": mass.astype(np.uint32),
        "n_bins": columns["n_bins"].astype(np.uint16),
    }
