"""Scorers under comparison: each turns one metric of a labelled set into one score a sample."""

from __future__ import annotations

import numpy as np

from benchmarks.quality.labelled_sets import LabelledSet
from models.base import FloatColumn, Scores
from models.registry import build
from models.seasonal.model import SeasonalScorer

__all__ = ["SCORERS", "score_metric", "score_moments"]

N_HIGHEST = 5
SCORERS = ("default", "default (tail)", "gaussian_scorer", "half_space_trees", "null", "random")
_LIMITED = {"half_space_trees"}


def score_metric(scorer: str, labelled: LabelledSet, metric: int) -> FloatColumn:
    """Score of every sample of one metric, prequential, in file order.

    ``default`` is the point score, ``default (tail)`` minus the logarithm of its calibrated tail probability.
    ``half_space_trees`` has limits of zero and the series' own greatest absolute value (seen in hindsight: a favour to it).
    """
    n_samples = labelled.slots.size
    values = np.ascontiguousarray(labelled.metrics[metric])
    if scorer == "null":
        return np.zeros(n_samples)
    if scorer == "random":
        return np.random.default_rng(20_241_124 + metric).random(n_samples)
    n_slots = int(labelled.slots.max()) + 1
    out = Scores.empty(n_samples)
    if scorer.startswith("default"):
        model = SeasonalScorer()
        model.reserve(n_slots)
        points = model.score_parts_many(labelled.slots, labelled.event_time_ns, values, out)
        return np.nan_to_num(points.point_score) if scorer == "default" else -np.log(1.0 - out.score)
    if scorer in _LIMITED:
        highest = np.zeros(n_slots)
        lowest = np.zeros(n_slots)
        np.fmax.at(highest, labelled.slots, values)
        np.fmin.at(lowest, labelled.slots, values)
        width = np.maximum(highest - lowest, 1e-12)
        values = (values - lowest[labelled.slots]) / width[labelled.slots]
    other = build(scorer, {"seed": 42} if scorer == "half_space_trees" else {})
    other.reserve(n_slots)
    X = values.reshape(-1, 1) if scorer == "half_space_trees" else values
    other.score_learn_many(labelled.slots, labelled.event_time_ns, X, out)
    return out.score


def score_moments(scores: FloatColumn) -> FloatColumn:
    """One score a moment out of one a metric, (M, B): the mean of the five highest, or the only one."""
    if len(scores) == 1:
        return np.asarray(scores[0])
    return np.asarray(np.sort(scores, axis=0)[-N_HIGHEST:].mean(axis=0))
