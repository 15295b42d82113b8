"""Seeds that nobody gave: river draws them from the clock, and two runs over one log would differ."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from river.proba.base import Distribution

__all__ = ["SEED", "settle_seeds"]

SEED = 42
"""In place of a seed that was left out."""


def settle_seeds(model: Any) -> None:
    """Seed what draws random numbers in `model` or in a part of it, and was given no seed.

    Parameters
    ----------
    model : object
        A river model that has learned nothing; changed.

    Examples
    --------
    >>> from river import neighbors
    >>> model = neighbors.KNNRegressor()
    >>> settle_seeds(model)
    >>> model.engine.seed
    42
    """
    seen: set[int] = set()
    todo = [model]
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, Mapping):
            todo += one.values()
        elif type(one).__module__.startswith("river."):
            todo += _list_parts(one)
            _settle(one)
        elif isinstance(one, list | tuple):
            todo += one


def _list_parts(model: Any) -> Iterable[Any]:
    slots = [name for kind in type(model).__mro__ for name in getattr(kind, "__slots__", ())]
    return [*getattr(model, "__dict__", {}).values(), *(getattr(model, name, None) for name in slots)]


def _settle(model: Any) -> None:
    # Distributions have a generator that no model draws from; the codec knows.
    if isinstance(model, Distribution) or getattr(model, "seed", SEED) is not None:
        return
    for generator in getattr(model, "__dict__", {}).values():
        if isinstance(generator, random.Random | np.random.RandomState):
            generator.seed(SEED)
            model.seed = SEED
