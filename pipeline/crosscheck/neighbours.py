"""Nearest neighbours: an independent view of a value after its history, without mean, variance, trees or state.

level
    How far the value is from its nearest neighbours among the values of the history, in units of a robust scale.  A value between
    two modes is far from both; a spike like those seen before is not far.
shape
    How far the value is from what followed the history's most similar moments (nearest neighbours of the last three samples after
    removing their level; the forecast is the current level plus the median step that followed them).  On a ramp or a periodic
    signal the next value is expected, however high.

Each with leave-one-out scores over the history and the tail of `pipeline.crosscheck.tail`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.crosscheck.tail import conformal_tail

__all__ = ["level_tail", "measure_scale", "shape_tail"]

N_NEIGHBOURS = 3
SHINGLE_SAMPLES = 3
RELATIVE_RESOLUTION = 1e-6
"""Of the median: the least scale of a series whose history does not vary at all."""


def measure_scale(values: NDArray[np.float64]) -> float:
    """Robust scale: 1.4826 MAD; the mean deviation where more than half are equal; a sliver of the level where all are.

    Examples
    --------
    >>> round(measure_scale(np.array([1.0, 2.0, 3.0, 4.0, 100.0])), 4)
    1.4826
    """
    centre = float(np.median(values))
    deviations = np.abs(values - centre)
    return max(
        1.4826 * float(np.median(deviations)) or 1.2533 * float(np.mean(deviations)),
        RELATIVE_RESOLUTION * max(abs(centre), 1e-9),
    )


def level_tail(history: NDArray[np.float64], value: float) -> float:
    """Tail probability of the distance to the nearest values.

    Parameters
    ----------
    history : (N,) float64
        Values before the episode, more than `N_NEIGHBOURS`.
    value : float
        The value in question.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> noise = rng.normal(size=63)
    >>> level_tail(noise, 6.0) < 0.01, level_tail(noise, 0.3) > 0.1
    (True, True)
    """
    scale = measure_scale(history)
    distances = np.abs(history[:, None] - history[None, :]) / scale
    np.fill_diagonal(distances, np.inf)
    scores = np.partition(distances, N_NEIGHBOURS - 1, axis=1)[:, N_NEIGHBOURS - 1]
    score = float(np.partition(np.abs(history - value) / scale, N_NEIGHBOURS - 1)[N_NEIGHBOURS - 1])
    return conformal_tail(scores, score, offset=1.0)


def shape_tail(history: NDArray[np.float64], value: float) -> float:
    """Tail probability of the distance to what followed the most similar moments.

    Parameters
    ----------
    history : (N,) float64
        Values before the episode, oldest first, at least ``SHINGLE_SAMPLES + N_NEIGHBOURS + 2``.
    value : float
        The value in question, which followed the last of them.

    Examples
    --------
    >>> ramp = np.arange(63.0)
    >>> shape_tail(ramp, 63.0), shape_tail(ramp, 90.0) < 0.01
    (1.0, True)
    """
    windows = np.lib.stride_tricks.sliding_window_view(np.append(history, value), SHINGLE_SAMPLES + 1)
    shingles = windows[:, :-1] - windows[:, -2:-1]
    steps = windows[:, -1] - windows[:, -2]
    distances = np.abs(shingles[:, None, :] - shingles[None, :, :]).sum(axis=2)
    # What is in question must not vote, and nobody for itself.
    distances[:, -1] = np.inf
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :N_NEIGHBOURS]
    errors = np.abs(steps - np.median(steps[nearest], axis=1))
    scale = measure_scale(steps[:-1])
    scores = errors / scale
    return conformal_tail(scores[:-1], float(scores[-1]), offset=1.0)
