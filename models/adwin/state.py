"""State of ADWIN: an exponential histogram a series.

How many entries each level holds follows from the number of samples alone: a level that has one more than `max_buckets` sends its
oldest two to the level above, and a window that loses entries to a change is dropped whole with the next sample.  So sizes are
not kept.  Neither are the samples since the last check merged one by one: they stand behind the entries of level 0 until a
check wants them, and then go through the levels together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from models.base import FloatColumn
from models.damage import find_outside
from models.state_array import StateArray

__all__ = [
    "DRIFT",
    "DROPPED",
    "LONGEST",
    "MOST_WAITING",
    "N_LEVELS",
    "ROW",
    "find_row_damage",
    "get_recent_room",
    "is_old_layout",
    "make_scratch",
    "upgrade_columns",
]

N_LEVELS = 41
"""Levels; an entry of level i sums up 2**i samples, so there is room for more samples than a series ever has.  Kernels take those
above the lowest by eights."""

MOST_WAITING = 32
"""Samples that may wait to go through the levels."""

LONGEST = 2**38
"""Samples after which a window begins anew, because the levels come to an end: 8,700 years of one a second."""

DRIFT, DROPPED = 1, 2
"""Values of ``is_drift`` after a change; the second in rows of version 1, whose window has lost its older part already."""

ROW = np.dtype(
    [
        ("total", np.float64),
        ("variance", np.float64),
        ("n", np.int64),
        ("n_recent", np.uint16),
        ("due", np.int16),
        ("is_drift", np.int16),
        ("is_warm", np.int16),
    ]
)
"""Sum, sum of squared deviations and number of the samples that went through the levels; entries of level 0 together with the
samples that wait, and their number at which there is something to do (0 = always, below zero while the series is not warm);
whether the last sample was a change; whether the series has been long enough once."""

OLD_N_LEVELS = 40
OLD_FIELDS = ("total", "variance", "width", "tick", "n_levels", "is_drift", "is_warm")


def get_recent_room(max_buckets: int, clock: int) -> int:
    """Width of the state array that holds level 0 and the samples that wait.

    Examples
    --------
    >>> get_recent_room(5, 32), get_recent_room(5, 1)
    (37, 6)
    """
    return max_buckets + min(clock, MOST_WAITING)


def make_scratch(max_buckets: int) -> FloatColumn:
    """Working memory of the kernels, of any content: four rows with room for every entry of a window and the samples that wait.

    Examples
    --------
    >>> make_scratch(5).shape
    (4, 237)
    """
    return np.empty((4, N_LEVELS * max_buckets + MOST_WAITING))


def is_old_layout(columns: Mapping[str, Any], max_buckets: int) -> bool:
    """True when the state arrays are laid out as those of version 1, which merged every sample at once and kept the sizes."""
    shapes = {"rows": (), "buckets": (OLD_N_LEVELS, max_buckets + 1, 2), "sizes": (OLD_N_LEVELS,)}
    if list(columns) != list(shapes) or columns["rows"].dtype.names != OLD_FIELDS:
        return False
    return all(columns[name].shape[1:] == shape for name, shape in shapes.items())


def upgrade_columns(columns: Mapping[str, StateArray], max_buckets: int, recent_room: int) -> dict[str, StateArray]:
    """State arrays in the layout of this file from those of version 1."""
    old, buckets, sizes = columns["rows"], columns["buckets"], columns["sizes"]
    rows = np.zeros(len(old), ROW)
    for name in ("total", "variance", "is_warm"):
        rows[name] = old[name]
    rows["n"] = old["width"]
    rows["n_recent"] = sizes[:, 0]
    rows["is_drift"] = np.where(old["is_drift"], DROPPED, 0)
    recent = np.zeros((len(old), recent_room))
    recent[:, :max_buckets] = buckets[:, 0, :max_buckets, 0]
    levels = np.zeros((len(old), 2, max_buckets, N_LEVELS - 1))
    levels[..., : OLD_N_LEVELS - 1] = buckets[:, 1:, :max_buckets].transpose(0, 3, 2, 1)
    return {"rows": rows, "recent": recent, "buckets": levels}


def find_row_damage(rows: StateArray, max_buckets: int, recent_room: int) -> str:
    """What in rows a kernel must not meet; "" = nothing.  See `models.columnar.ColumnarEstimator`.

    Examples
    --------
    >>> rows = np.zeros(1, ROW)
    >>> find_row_damage(rows, 5, 37)
    ''
    >>> rows["n_recent"] = 500
    >>> find_row_damage(rows, 5, 37)
    'n_recent of row 0 is 500; expected a whole number from 0 to 32'
    """
    damage = find_outside("n", rows["n"], 0, LONGEST + MOST_WAITING)
    if damage:
        return damage
    # Entries of level 0, of which the window of an old row that changed has lost some.
    held = rows["n"] - 2 * np.maximum((rows["n"] + max_buckets - 1 >> 1) - (max_buckets - 1), 0)
    least = np.where(rows["is_drift"] == DROPPED, 0, held)
    return (
        find_outside("n_recent", rows["n_recent"], least, np.minimum(held + MOST_WAITING, recent_room - 1))
        or find_outside("due", rows["due"], -recent_room, recent_room)
        or find_outside("is_drift", rows["is_drift"], 0, DROPPED)
    )
