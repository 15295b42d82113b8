"""Made samples to try a model on before it gets any."""

from __future__ import annotations

import math

import numpy as np

from models.base import FloatColumn

__all__ = ["make_samples"]


def make_samples(n: int, n_features: int, *, is_binary: bool = False, seed: int = 0) -> FloatColumn:
    """Samples in which the first feature has a short season, and follows from the others and noise.

    Parameters
    ----------
    n, n_features : int
        Shape.
    is_binary : bool
        The first feature is 0 or 1.
    seed : int
        Of the noise.

    Returns
    -------
    (n, n_features) float64

    Examples
    --------
    >>> make_samples(5, 2, is_binary=True)[:, 0].tolist()
    [1.0, 0.0, 0.0, 0.0, 1.0]
    """
    rng = np.random.default_rng(seed)
    X = np.empty((n, n_features))
    X[:, 1:] = rng.uniform(1.0, 3.0, (n, n_features - 1))
    first = 20.0 + 2.0 * np.sin(np.arange(n) * (2.0 * math.pi / 24.0)) + rng.normal(0.0, 1.0, n) + 4.0 * X[:, 1:].sum(axis=1)
    X[:, 0] = (first > np.median(first) + 1.0) if is_binary else first
    return X
