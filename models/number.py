"""One number as it comes from outside: what is taken for a float, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["to_feature", "to_number"]


def to_number(value: Any) -> float:
    """`value` as a float, when it is a real number of any kind: of Python, NumPy, `decimal` or `fractions`.

    Raises
    ------
    TypeError
        It is none; a text that reads like one is none either.
    OverflowError
        It is a whole number beyond the greatest float.

    Examples
    --------
    >>> to_number(np.float32(2.5))
    2.5
    >>> to_number("2.5")
    Traceback (most recent call last):
        ...
    TypeError: expected a number; found the str '2.5': convert it, as by float(value)
    """
    if isinstance(value, float):
        return float(value)
    # An array is no number, even of one element; nor is what float() would read.
    if not isinstance(
        value, str | bytes | bytearray | complex | np.complexfloating | np.datetime64 | np.timedelta64
    ) and not getattr(value, "shape", ()):
        try:
            return float(value)
        except (TypeError, ValueError):
            pass
    raise TypeError(f"expected a number; found the {type(value).__name__} {value!r:.60}: convert it, as by float(value)")


def to_feature(value: Any) -> float:
    """Like `to_number`; None is a missing feature.

    Examples
    --------
    >>> to_feature(None), to_feature(3)
    (nan, 3.0)
    """
    return math.nan if value is None else to_number(value)
