"""State of the local outlier factor: a ring of samples a series."""

from __future__ import annotations

import numpy as np

from models.base import FloatColumn, IntColumn
from models.state_array import StateArray

__all__ = ["ROW", "find_order_damage"]

ROW = np.dtype([("n", np.int64), ("head", np.int64)])
"""Samples held, and where the next one goes in the ring: the place of the oldest once it is full."""


def find_order_damage(n: IntColumn, values: FloatColumn, order: StateArray) -> str:
    """What is wrong with the order of windows by value, which names each of the `n` samples held once, least first; "" = nothing.

    Parameters
    ----------
    n : (S,) int64
    values : (S, W) float64
    order : (S, W) int32

    Examples
    --------
    >>> values, order = np.array([[5.0, 3.0, 0.0]]), np.array([[1, 0, 0]], np.int32)
    >>> find_order_damage(np.array([2]), values, order)
    ''
    >>> find_order_damage(np.array([2]), values, order[:, ::-1])
    'order of row 0 is not that of its values'
    """
    places = np.arange(order.shape[1])
    is_held = places < n[:, None]
    named = np.where(is_held, order, places)
    is_each_once = (np.sort(named, axis=1) == places).all(axis=1)
    sorted_values = np.take_along_axis(values, np.clip(named, 0, max(order.shape[1] - 1, 0)), axis=1)
    is_rising = ((np.diff(sorted_values, axis=1) >= 0.0) | ~is_held[:, 1:]).all(axis=1)
    is_sound = is_each_once & is_rising
    return "" if is_sound.all() else f"order of row {int(np.argmin(is_sound))} is not that of its values"
