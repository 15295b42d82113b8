"""Rows of a snapshot, looked at before they are taken over."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.state_array import StateArray
from pipeline.errors import StateError

__all__ = ["check_rows"]


def check_rows(rows: StateArray, dtype: np.dtype[Any], n_rows: int, *, code: str) -> StateArray:
    """The rows themselves, if they are `n_rows` of `dtype`.

    Raises
    ------
    StateError
        They are not (`code`).

    Examples
    --------
    >>> check_rows(np.zeros(2), np.dtype(np.float64), 2, code="ROWS").size
    2
    """
    if rows.dtype != dtype or rows.shape != (n_rows,):
        raise StateError(
            f"found rows {rows.dtype} of shape {rows.shape}, expected {n_rows} of {dtype}; the snapshot is damaged or of another "
            "release, take an older one or let the detectors learn anew",
            code=code,
        )
    return rows
