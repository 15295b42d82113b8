"""Everything a model can be asked."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.checks.comparison import to_arguments

__all__ = ["ask"]


def ask(model: Any, value: float) -> None:
    """Ask everything a model can be asked, about samples that are `value` all over.

    Examples
    --------
    >>> from models.ew.model import EWScorer
    >>> model = EWScorer()
    >>> model.reserve(3)
    >>> ask(model, 0.5)
    >>> model.describe(0)["n_samples"]
    0
    """
    row = [value] * model.n_features
    arguments = to_arguments(model, row)
    if hasattr(model, "score_one"):
        model.score_one(*arguments)
    if hasattr(model, "predict_one"):
        model.predict_one(arguments[0])
    for slot in range(3):
        model.describe(slot)
        if hasattr(model, "contributions"):
            model.contributions(slot, np.array(row, dtype=np.float64))
    if hasattr(model, "forecast"):
        model.forecast(5)
    model.share_parts(np.full(len(model.part_names), 0.5))
