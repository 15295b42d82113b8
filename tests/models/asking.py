"""How oracles and models are asked: a model by one batch call, a detector with river's calls sample by sample."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from models.base import Estimator, FloatColumn, Scores

__all__ = ["score_batch", "score_values", "score_vectors"]


def score_batch(model: Estimator, X: FloatColumn | Sequence[float]) -> list[float]:
    """Scores of one series in one batch call."""
    model.reserve(1)
    samples = np.asarray(X, dtype=np.float64)
    zeros = np.zeros(len(samples), dtype=np.int64)
    out = Scores.empty(len(samples))
    model.score_learn_many(zeros, zeros, samples, out)
    return out.score.tolist()


def score_values(detector: Any, ys: Iterable[float]) -> list[float]:
    """Scores of a detector of values, each before its value is learned."""
    return _score(detector, ((None, y) for y in ys))


def score_vectors(detector: Any, rows: Iterable[dict[str, float]]) -> list[float]:
    """Scores of a detector of features, each before its row is learned."""
    return _score(detector, ((x,) for x in rows))


def _score(detector: Any, samples: Iterable[tuple[Any, ...]]) -> list[float]:
    scores = []
    for sample in samples:
        scores.append(detector.score_one(*sample))
        detector.learn_one(*sample)
    return scores
