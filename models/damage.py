"""What is wrong with the columns of a snapshot: numbers that a kernel would follow out of its arrays, or go round in circles by."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from models.state_array import StateArray

__all__ = ["MOST_SAMPLES", "find_not_finite", "find_outside", "find_ring_damage"]

MOST_SAMPLES = 2**62
"""A count from which on no sample could be counted for long."""


def find_outside(name: str, values: npt.NDArray[Any], low: Any, high: Any) -> str:
    """What `values` has that is no whole number from `low` to `high`; "" = nothing.

    Parameters
    ----------
    name : str
        Of the column, to tell which it is.
    values : (S, ...) int or float
    low, high : int or array
        Ends, included.

    Examples
    --------
    >>> find_outside("head", np.array([0, 7, 3]), 0, 5)
    'head of row 1 is 7; expected a whole number from 0 to 5'
    >>> find_outside("head", np.array([0.0, 1.0]), 0, 5)
    ''
    """
    with np.errstate(invalid="ignore"):
        is_wrong = ~((values >= low) & (values <= high))
        if values.dtype.kind == "f":
            is_wrong |= values != np.floor(values)
    if not is_wrong.any():
        return ""
    at = tuple(int(axis[0]) for axis in np.nonzero(is_wrong))
    ends = [np.broadcast_to(end, values.shape)[at] for end in (low, high)]
    return f"{name} of row {at[0]} is {values[at]}; expected a whole number from {ends[0]} to {ends[1]}"


def find_ring_damage(name: str, n: npt.NDArray[Any], head: npt.NDArray[Any], size: int) -> str:
    """What is wrong with rings of `size` entries: with how many they hold, or where the next one goes; "" = nothing.

    Examples
    --------
    >>> find_ring_damage("window", np.array([3, 2]), np.array([1, 2]), 3)
    ''
    >>> find_ring_damage("window", np.array([3, 2]), np.array([1, 0]), 3)
    'window_head of row 1 is 0; expected a whole number from 2 to 2'
    """
    is_filling = n < size
    first, last = np.where(is_filling, n, 0), np.where(is_filling, n, max(size - 1, 0))
    return find_outside(f"n_{name}", n, 0, size) or find_outside(f"{name}_head", head, first, last)


def find_not_finite(columns: Mapping[str, StateArray], may_be_infinite: Collection[str] = ()) -> str:
    """Which float of the columns is NaN, or infinite where that means nothing; "" = none.

    Examples
    --------
    >>> find_not_finite({"rows": np.array([[0.0, np.nan]])})
    'rows of row 0 is nan; expected a finite number'
    >>> find_not_finite({"lows": np.array([[np.inf]])}, {"lows"})
    ''
    """
    for name, values in _iterate_floats(columns):
        is_wrong = np.isnan(values) if name in may_be_infinite else ~np.isfinite(values)
        if is_wrong.any():
            at = tuple(int(axis[0]) for axis in np.nonzero(is_wrong))
            return f"{name} of row {at[0]} is {values[at]}; expected a finite number"
    return ""


def _iterate_floats(columns: Mapping[str, StateArray]) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    for name, column in columns.items():
        fields = {f"{name}.{field}": column[field] for field in column.dtype.names} if column.dtype.names else {name: column}
        yield from ((label, values) for label, values in fields.items() if values.dtype.kind == "f")
