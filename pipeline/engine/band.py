"""The band: which values are expected, given what the model expected and where the threshold cuts."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

__all__ = ["NO_BAND", "Band", "measure_band", "measure_bands"]


class Band(NamedTuple):
    """Expected values.

    Attributes
    ----------
    expected, lower, upper : float
        In units of the value; NaN = no such notion.
    """

    expected: float
    lower: float
    upper: float


NO_BAND = Band(math.nan, math.nan, math.nan)
"""Nothing is expected."""


def measure_band(expected: float, scale: float, tail_probability: float) -> Band:
    """Band around `expected` that a normal value leaves with `tail_probability`, both sides together.

    A sample flagged by a model whose nominal tail is a normal one lies outside: its nominal tail is at most the estimated one that was
    cut.

    Parameters
    ----------
    expected, scale : float
        Of the model; NaN = no such notion.
    tail_probability : float
        Of the threshold (`Threshold.band_tail`), in (0, 1]; NaN = the cut is not a probability.

    Examples
    --------
    >>> band = measure_band(10.0, 1.0, 0.0027)
    >>> round(band.lower, 3), round(band.upper, 3)
    (7.0, 13.0)
    >>> measure_band(10.0, float("nan"), 0.01).upper
    nan
    """
    if not (math.isfinite(expected) and math.isfinite(scale) and tail_probability > 0.0):
        return Band(expected if math.isfinite(expected) else math.nan, math.nan, math.nan)
    reach = -float(ndtri(min(tail_probability, 1.0) / 2.0)) * scale
    return Band(expected, expected - reach, expected + reach)


def measure_bands(
    expected: npt.NDArray[np.float64], scale: npt.NDArray[np.float64], tail_probability: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Lower and upper bounds of many bands: what `measure_band` gives for each.

    Parameters
    ----------
    expected, scale : (B,) float64
        Of the model; NaN = no such notion.
    tail_probability : float
        Of the threshold.

    Examples
    --------
    >>> lower, upper = measure_bands(np.array([10.0, np.nan]), np.array([1.0, 1.0]), 0.0027)
    >>> lower.round(3).tolist(), upper.round(3).tolist()
    ([7.0, nan], [13.0, nan])
    """
    if not tail_probability > 0.0:
        nothing = np.full(expected.size, np.nan)
        return nothing, nothing
    reach = -float(ndtri(min(tail_probability, 1.0) / 2.0)) * scale
    is_known = np.isfinite(expected) & np.isfinite(scale)
    return np.where(is_known, expected - reach, np.nan), np.where(is_known, expected + reach, np.nan)
