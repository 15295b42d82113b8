"""Bands: what is flagged lies outside, what has no band says so."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from models.registry import build
from pipeline.engine.band import measure_band


@pytest.mark.parametrize("tail", [0.5, 0.0027, 1e-5, 1e-12])
def test_a_normal_value_leaves_it_with_the_probability_it_is_for(tail: float) -> None:
    band = measure_band(3.0, 2.0, tail)
    assert band.upper - 3.0 == pytest.approx(3.0 - band.lower)
    assert 2 * norm.sf(band.upper, 3.0, 2.0) == pytest.approx(tail)


def test_certainty_has_no_width_and_a_scale_of_nothing_neither() -> None:
    assert measure_band(3.0, 2.0, 1.0) == pytest.approx((3.0, 3.0, 3.0))
    assert measure_band(3.0, 0.0, 1e-5) == (3.0, 3.0, 3.0)


@pytest.mark.parametrize(
    ("expected", "scale", "tail"),
    [
        (math.nan, 1.0, 0.1),
        (math.inf, 1.0, 0.1),
        (1.0, math.nan, 0.1),
        (1.0, math.inf, 0.1),
        (1.0, 1.0, math.nan),
        (1.0, 1.0, 0.0),
    ],
)
def test_where_there_is_no_notion_of_one_there_is_no_band(expected: float, scale: float, tail: float) -> None:
    band = measure_band(expected, scale, tail)
    assert math.isnan(band.lower)
    assert math.isnan(band.upper)
    assert band.expected == 1.0 if math.isfinite(expected) else math.isnan(band.expected)


def test_a_sample_at_the_cut_of_a_two_sided_model_lies_at_the_edge() -> None:
    from models.base import Scores

    model = build("gaussian_scorer", {"grace_period": 10})
    model.reserve(1)
    values = np.append(np.random.default_rng(0).normal(5.0, 2.0, 500), 13.0)
    out = Scores.empty(values.size)
    model.score_learn_many(np.zeros(values.size, dtype=np.int64), np.arange(values.size), values, out)
    band = measure_band(out.expected[-1], out.scale[-1], 1.0 - out.score[-1])
    assert band.upper == pytest.approx(13.0, rel=1e-6)
