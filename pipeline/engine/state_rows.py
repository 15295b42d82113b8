"""State of many series, one structured row each: what thresholds and episodes are kept in."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.base import IntColumn
from models.state_array import Row, StateArray, as_run
from pipeline.errors import StateError

__all__ = ["StateRows"]


class StateRows:
    """Rows of one structured dtype; a series never seen has a row of zeros.

    Parameters
    ----------
    dtype : dtype
        Of a row.
    code : str
        Of the error that tells of a snapshot that does not fit.

    Examples
    --------
    >>> rows = StateRows(np.dtype([("n", np.int64)]), "ROWS")
    >>> rows.reserve(2)
    >>> rows.restore(np.array([1]), np.array([(7,)], dtype=[("n", np.int64)]))
    >>> int(rows.get(1)["n"]), rows.snapshot(np.array([0, 1]))["n"].tolist()
    (7, [0, 7])
    """

    def __init__(self, dtype: np.dtype[Any], code: str) -> None:
        self._code = code
        self._rows: StateArray = np.zeros(0, dtype)

    def reserve(self, n_slots: int) -> None:
        """Make rows ``0 .. n_slots-1`` usable; capacity doubles."""
        if n_slots > self._rows.size:
            grown = np.zeros(max(n_slots, 2 * self._rows.size), self._rows.dtype)
            grown[: self._rows.size] = self._rows
            self._rows = grown

    def reset(self, slots: IntColumn) -> None:
        """Return the rows of `slots` to those of series never seen."""
        self._rows[slots] = np.zeros(1, self._rows.dtype)

    def get(self, slot: int) -> Row:
        """A copy of one row."""
        return self._rows[slot].copy()

    def snapshot(self, slots: IntColumn) -> StateArray:
        """The rows of `slots`: (N,), a copy."""
        return self._rows[slots]

    def restore(self, slots: IntColumn, rows: StateArray) -> None:
        """Put rows of a snapshot into `slots`, which are reserved.

        Raises
        ------
        StateError
            They are not such rows; nothing is changed.
        """
        if rows.dtype != self._rows.dtype or rows.shape != slots.shape:
            raise StateError(
                f"found rows {rows.dtype} of shape {rows.shape}, expected {slots.size} of {self._rows.dtype}; the snapshot is damaged "
                "or of another release, take an older one or let the detectors learn anew",
                code=self._code,
            )
        self._rows[as_run(slots)] = rows
