"""Random cut forest: an independent view of a value after its history, with attribution.

Two forests over the history and the value in question: of *shingles* (three samples in a row, as they are) and of *steps* (from one
sample to the next).  A point's score is its collusive displacement in the forest over all points, so the value in question is
looked at as every sample of the history is, and its tail among theirs is a conformal one (`pipeline.crosscheck.tail`).  A shingle is
odd when its level or its course is; that the step is odd as well is asked for because on a ramp or a walk every level is new.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.base import Scores
from models.rcf.model import RandomCutForest
from pipeline.crosscheck.tail import conformal_tail

__all__ = ["ForestView", "look_at"]

SHINGLE_SAMPLES = 3
N_TREES = 40
_SEED = 20_160_619
_END = 1e99
"""From there on the forest, which has its limit at 1e100, might not tell values or steps apart."""


class ForestView(NamedTuple):
    """What the forests say of a value.

    Attributes
    ----------
    shingle_tail, step_tail : float
        Tail probabilities of its displacements; NaN where values are too large for the forest to tell apart.
    newest_share : float
        Share, in [0, 1], of the displacement of its shingle that cuts in the value itself account for, and not those in the two samples
        before; NaN when it displaces nothing.
    """

    shingle_tail: float
    step_tail: float
    newest_share: float


def look_at(history: NDArray[np.float64], value: float) -> ForestView:
    """Look at a value after its history.

    Parameters
    ----------
    history : (N,) float64
        Values before the episode, finite, oldest first, at least 8.
    value : float
        The value in question, which followed the last of them.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> noise = rng.normal(size=63)
    >>> odd, usual = look_at(noise, 6.0), look_at(noise, 0.3)
    >>> max(odd.shingle_tail, odd.step_tail) < 0.01, min(usual.shingle_tail, usual.step_tail) > 0.1
    (True, True)
    >>> odd.newest_share > 0.9
    True
    """
    values = np.append(history, value)
    if np.max(np.abs(values)) >= _END:
        return ForestView(np.nan, np.nan, np.nan)
    shingles, blame = _displace(np.lib.stride_tricks.sliding_window_view(values, SHINGLE_SAMPLES))
    steps, _ = _displace(np.diff(values)[:, None])
    return ForestView(
        conformal_tail(shingles[:-1], float(shingles[-1]), offset=1.0),
        conformal_tail(steps[:-1], float(steps[-1]), offset=1.0),
        float(blame[-1, -1] / shingles[-1]) if shingles[-1] > 0.0 else float("nan"),
    )


def _displace(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Displacement of each of (P, D) points among all of them, (P,), and by column, (P, D)."""
    n, n_columns = points.shape
    # Nobody is scored on the way in.
    forest = RandomCutForest(N_TREES, n, grace_period=n, seed=_SEED, n_features=n_columns)
    forest.reserve(1)
    forest.score_learn_many(np.zeros(n, np.int64), np.zeros(n, np.int64), np.ascontiguousarray(points), Scores.empty(n))
    return forest.displacements(0)
