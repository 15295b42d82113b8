"""Scorers under comparison: each turns one metric of a labelled set into one score a sample."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.quality.labelled_sets import LabelledSet
from models.base import FloatColumn, Scores
from models.registry import build
from models.seasonal.model import SeasonalScorer

__all__ = ["SCORERS", "SLOW", "score_metric", "score_moments"]

N_HIGHEST = 5
_RIVER: dict[str, dict[str, Any]] = {
    "gaussian_scorer": {},
    "standard_absolute_deviation": {},
    "half_space_trees": {"seed": 42},
    "loda": {"seed": 42},
    "one_class_svm": {},
    "local_outlier_factor": {},
    "predictive_anomaly_detection": {
        "forecaster": {"model": "snarimax", "parameters": {"p": 12, "d": 1, "q": 12, "m": 12, "sd": 1}},
        "warmup_period": 15,
    },
}
SCORERS = ("default", "default (tail)", *_RIVER, "random", "null")
SLOW = {"local_outlier_factor"}
"""Scorers that take minutes on these sets: a search for every equal value."""

_LIMITED = {"half_space_trees", "one_class_svm"}


def score_metric(scorer: str, labelled: LabelledSet, metric: int) -> FloatColumn:
    """Score of every sample of one metric, prequential, in file order.

    ``default`` is the point score, ``default (tail)`` minus the logarithm of its calibrated tail probability.
    The others are river's detectors, whose bits ours give, with their defaults; predictive detection, which has no forecaster for a
    single metric, has that of river's own example.  ``half_space_trees`` and ``one_class_svm`` see the series mapped into [0, 1] by
    its least and greatest value (seen in hindsight: a favour to them).
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
        highest = np.full(n_slots, np.nan)
        lowest = np.full(n_slots, np.nan)
        np.fmax.at(highest, labelled.slots, values)
        np.fmin.at(lowest, labelled.slots, values)
        width = np.maximum(highest - lowest, 1e-12)
        values = (values - lowest[labelled.slots]) / width[labelled.slots]
    other = build(scorer, _RIVER[scorer])
    other.reserve(n_slots)
    other.score_learn_many(labelled.slots, labelled.event_time_ns, values, out)
    return np.nan_to_num(out.score)


def score_moments(scores: FloatColumn) -> FloatColumn:
    """One score a moment out of one a metric, (M, B): the mean of the five highest, or the only one."""
    if len(scores) == 1:
        return np.asarray(scores[0])
    return np.asarray(np.sort(scores, axis=0)[-N_HIGHEST:].mean(axis=0))
