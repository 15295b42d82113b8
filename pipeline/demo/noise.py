"""Seeded noise: every quantity has its own stream, so that adding one changes no other."""

from __future__ import annotations

from itertools import accumulate
from zlib import crc32

import numpy as np
import numpy.typing as npt

__all__ = ["Floats", "correlated_noise", "daily_load", "stream"]

Floats = npt.NDArray[np.float64]

_SECS_PER_DAY = 86_400.0


def stream(seed: int, *names: str) -> np.random.Generator:
    """The random stream of one quantity.

    Examples
    --------
    >>> bool(stream(7, "cpu", "n1").integers(1000) == stream(7, "cpu", "n1").integers(1000))
    True
    """
    return np.random.Generator(np.random.PCG64([seed, crc32("\x00".join(names).encode())]))


def correlated_noise(rng: np.random.Generator, n: int, *, correlation: float, spread: float) -> Floats:
    """Stationary first-order autoregressive noise.

    Parameters
    ----------
    rng : Generator
        Advanced by `n` + 1 draws.
    n : int
        Steps.
    correlation : float
        Between neighbouring steps, in [0, 1).
    spread : float
        Standard deviation at every step.

    Returns
    -------
    (n,) float64

    Examples
    --------
    >>> noise = correlated_noise(stream(1, "x"), 100_000, correlation=0.9, spread=2.0)
    >>> bool(1.8 < noise.std() < 2.2), bool(0.88 < np.corrcoef(noise[1:], noise[:-1])[0, 1] < 0.92)
    (True, True)
    """
    first = spread * float(rng.standard_normal())
    steps = (spread * np.sqrt(1.0 - correlation * correlation) * rng.standard_normal(n)).tolist()
    walked = accumulate(steps, lambda level, step: correlation * level + step, initial=first)
    return np.fromiter(walked, np.float64, n + 1)[1:]


def daily_load(time_secs: Floats, utc_offset_hours: float, *, swing: float = 0.25, peak_hour: float = 15.0) -> Floats:
    """Load over the local day around 1: one broad hump and a smaller second harmonic.

    Parameters
    ----------
    time_secs : (T,) float64
        Seconds since a UTC midnight.
    utc_offset_hours : float
        Local time minus UTC.
    swing : float
        Height of the hump.
    peak_hour : float
        Local hour of the peak.

    Examples
    --------
    >>> daily_load(np.array([15.0, 3.0]) * 3600, 0.0).round(2).tolist()
    [1.31, 0.81]
    """
    phase = 2.0 * np.pi * (time_secs / _SECS_PER_DAY + (utc_offset_hours - peak_hour) / 24.0)
    load: Floats = 1.0 + swing * np.cos(phase) + 0.25 * swing * np.cos(2.0 * phase)
    return load
