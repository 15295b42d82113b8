"""Feature names of a multivariate model: river's dicts in, columns out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from models.base import FloatColumn

__all__ = ["FeatureIndex"]


class FeatureIndex:
    """Order of a model's features, fixed by its parameters or by the first dict it learns.

    Parameters
    ----------
    names : sequence of str, optional
        Names in column order.  None = those of the first dict given to `adopt`, in its order, in which river sums.
    n_features : int
        Number of columns while no name is known.

    Examples
    --------
    >>> index = FeatureIndex(["load", "heat"], 2)
    >>> index.to_vector({"heat": 0.5})
    array([nan, 0.5])
    """

    def __init__(self, names: Sequence[str] | None, n_features: int) -> None:
        self.names: list[str] | None = list(names) if names is not None else None
        self.n_features = n_features

    def adopt(self, x: Mapping[str, float]) -> bool:
        """Fix the names from the first dict; True when it did.  Names fixed before stay.

        Raises
        ------
        nothing; a dict without features fixes none.
        """
        if self.names is not None or not x:
            return False
        self.names = list(x)
        self.n_features = len(self.names)
        return True

    def to_vector(self, x: Mapping[str, float]) -> FloatColumn:
        """`x` as a (F,) float64 row: NaN where a feature is missing; unknown features are left out."""
        if self.names is None:
            return np.full(self.n_features, math.nan)
        return np.array([x.get(name, math.nan) for name in self.names], dtype=np.float64)
