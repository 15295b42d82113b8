"""The window of a series as it is read: brought up to the last sample, and after a change without its older part.

Kernels need neither: samples wait for the next check, and a window that changed begins anew with the next sample.
"""

from __future__ import annotations

from typing import NamedTuple

from models.adwin.kernel import SLOT_0
from models.adwin.state import DRIFT, DROPPED, make_scratch
from models.adwin.window_kernel import DELTA, MIN_LENGTH, VARIANCE, find_top, get_confidence, is_cut, list_entries, settle
from models.base import FloatColumn
from models.state_array import StateArray

__all__ = ["Window", "read_window"]


class Window(NamedTuple):
    """Number, sum and sum of squared deviations of the samples in a window."""

    width: float
    total: float
    variance: float


def read_window(rows: StateArray, recent: FloatColumn, buckets: FloatColumn, knobs: FloatColumn) -> Window:
    """Read the window of a row.

    Parameters
    ----------
    rows, recent, buckets : (1, ...)
        Copies of the state arrays of one slot; no longer a state after that.
    knobs : (4,) float64
        As for `models.adwin.kernel.take`.
    """
    scratch = make_scratch(buckets.shape[2])
    row = rows[0]
    if row["is_drift"] == DROPPED:
        return Window(float(row["n"]), float(row["total"]), float(row["variance"]))
    settle(rows, recent, buckets, scratch, SLOT_0)
    n, window = int(row["n"]), Window(float(row["n"]), float(row["total"]), float(row["variance"]))
    room, least = buckets.shape[2], float(knobs[MIN_LENGTH])
    top = find_top(n, room)
    n_places = list_entries(recent, buckets, scratch, SLOT_0, n)
    for i in range(n_places):
        moments = (window.width, window.total, window.variance)
        # Asked where nothing changed as well, so that no kernel waits for the first change to be compiled.
        has_cut = is_cut(scratch, i, n_places, moments, least, get_confidence(window.width, float(knobs[DELTA])))
        # Rounding can leave less than nothing of the squares, whose root is no number to river: it finds no further cut.
        if row["is_drift"] != DRIFT or not has_cut or window.variance < 0.0:
            break
        count = float(scratch[1, i] - (scratch[1, i - 1] if i else 0.0))
        if count:
            squares = float(buckets[0, VARIANCE, i % room, top - i // room - 1]) if i < top * room else 0.0
            window = _drop(window, count, float(scratch[0, i]), squares)
    return window


def _drop(window: Window, count: float, entry: float, squares: float) -> Window:
    """The window without an entry of `count` samples."""
    width, total = window.width - count, window.total - entry
    gap = entry / count - total / width
    return Window(width, total, window.variance - (squares + count * width * gap * gap / (count + width)))
