"""The scorers that the default detector is shown beside: every detector of river's, and two floors."""

from __future__ import annotations

import numpy as np
import pytest
from river import anomaly

from benchmarks.quality.average_precision import get_macro_average_precision
from benchmarks.quality.labelled_sets import LabelledSet
from benchmarks.quality.scorers import SCORERS, score_metric
from models.registry import names

N_SAMPLES = 600
ODD = np.array([300, 420, 555])
# A linear boundary on one feature sees one side of it, a forecast of noise sees little, and the floors see nothing.
BLIND = {"one_class_svm", "predictive_anomaly_detection", "random", "null"}


def make_labelled() -> LabelledSet:
    """Two series far from zero and of different size, interleaved, one with spikes; a sample is missing in each."""
    rng = np.random.default_rng(3)
    values = np.stack([1e4 + rng.normal(0.0, 5.0, N_SAMPLES), -0.5 + rng.normal(0.0, 0.01, N_SAMPLES)])
    values[0, ODD] += 80.0
    values[:, 50] = np.nan
    is_anomaly = np.zeros(values.shape, np.bool_)
    is_anomaly[0, ODD] = True
    time_ns = np.repeat(np.arange(N_SAMPLES) * 300_000_000_000, 2)
    slots = np.tile(np.arange(2), N_SAMPLES)
    is_test = np.ones(slots.size, np.bool_)
    return LabelledSet("made", slots, time_ns, values.T.reshape(1, -1), is_anomaly.T.ravel(), is_test)


@pytest.mark.parametrize("scorer", SCORERS)
def test_every_scorer_scores_every_sample(scorer: str) -> None:
    labelled = make_labelled()
    untouched = labelled.metrics.copy()
    score = score_metric(scorer, labelled, 0)
    assert score.shape == labelled.slots.shape
    assert np.isfinite(score).all()
    assert np.array_equal(labelled.metrics, untouched, equal_nan=True)
    figure, n_series = get_macro_average_precision(labelled, score)
    assert n_series == 1
    floor = ODD.size / N_SAMPLES
    if scorer == "null":
        assert figure == floor
    elif scorer not in BLIND:
        assert figure > 10.0 * floor


def test_every_detector_of_river_is_among_them() -> None:
    filters = {"threshold_filter", "quantile_filter"}  # their scores are those of the detector inside
    words = {name.replace("_", "").lower(): name for name in names()}
    found = {words[one.lower()] for one in anomaly.__all__ if one.lower() in words}
    assert len(found) == 9
    assert found - filters <= set(SCORERS)
