"""How unlikely a score is, given few scores: a conformal rank where it lies among them, a heavy tail where it lies beyond."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["MIN_TAIL_INDEX", "conformal_tail"]

MIN_TAIL_INDEX = 0.25
MAX_TAIL_INDEX = 1.0
SMALLEST_TAIL = 1e-12


def conformal_tail(scores: NDArray[np.float64], score: float, offset: float = 0.0) -> float:
    """Tail probability of a score among exchangeable ones.

    The conformal p-value from n scores, ``(1 + #{scores >= score}) / (n + 1)``, cannot go below ``1 / (n + 1)``: 63 samples of
    context could never say "1 in 100".  So a score beyond all others is carried on from the largest of them along a Pareto tail
    whose index is Hill's estimate over the largest ``max(5, sqrt(n))`` scores::

        p = 1 / (n + 1) * ((score + offset) / (max + offset)) ** (-1 / gamma)

    which is continuous where the rank ends.  `gamma` is kept within [`MIN_TAIL_INDEX`, 1]: a tail estimated from a handful of
    scores must not promise more than a power of four, and a heavier tail than 1/x says nothing.

    Parameters
    ----------
    scores : (N,) float64
        Of the history, 0 or more, finite.
    score : float
        The one in question, 0 or more.
    offset : float
        In the unit of the scores; dampens ratios of small scores.

    Returns
    -------
    float
        In (0, 1].

    References
    ----------
    V. Vovk, A. Gammerman, G. Shafer, Algorithmic Learning in a Random World, 2005, section 2.2 (conformal p-values).
    I. Weissman, Estimation of parameters and large quantiles based on the k largest observations, JASA 73, 1978.
    B. M. Hill, A simple general approach to inference about the tail of a distribution, Annals of Statistics 3, 1975.

    Examples
    --------
    >>> scores = np.arange(1.0, 64.0)
    >>> conformal_tail(scores, 0.0), conformal_tail(scores, 63.0)
    (1.0, 0.03125)
    >>> conformal_tail(scores, 630.0) < 0.001
    True
    """
    n = len(scores)
    n_above = int(np.count_nonzero(scores >= score))
    if n_above or n == 0:
        return (1 + n_above) / (n + 1)
    ordered = np.sort(scores)[::-1] + offset
    largest = float(ordered[0])
    if largest <= 0.0:
        return SMALLEST_TAIL
    k = min(max(5, math.isqrt(n)), n - 1)
    # A difference of logarithms: the ratio itself may overflow.  Where the bulk is 0 any tail is heavy beside it.
    gamma = float(np.mean(np.log(ordered[:k])) - np.log(ordered[k])) if k and ordered[k] > 0.0 else MAX_TAIL_INDEX
    gamma = min(max(gamma, MIN_TAIL_INDEX), MAX_TAIL_INDEX)
    beyond = math.exp(-math.log((score + offset) / largest) / gamma)
    return max(beyond / (n + 1), SMALLEST_TAIL)
