"""Figures of the model pages: what each model flags on a real series shipped with river."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from river import datasets

from models import registry
from models.base import BoolColumn, FloatColumn, Scores

__all__ = ["FIGURE_PARAMETERS", "Flagged", "draw_figure", "flag_samples", "read_water_flow"]

DAY, WEEK = 24, 168
_GAUSSIAN = {"model": "gaussian_scorer", "parameters": {"window_size": WEEK, "grace_period": DAY}}
_SEASONAL = {"alpha": 0.3, "beta": 0.01, "gamma": 0.1, "seasonality": DAY}
FIGURE_PARAMETERS: dict[str, dict[str, Any]] = {
    "default": {},
    "adwin": {"delta": 0.01, "clock": 1},
    "ew_scorer": {"fading_factor": 0.1},
    "gaussian_scorer": {"window_size": WEEK, "grace_period": DAY},
    "half_space_trees": {"scale": "minmax", "window_size": WEEK, "n_trees": 25, "n_features": 2},
    "holt_winters": _SEASONAL,
    "kswin": {"alpha": 0.0001, "window_size": WEEK, "stat_size": DAY},
    "linear_regression": {"scale": "none", "learning_rate": 1e-5},
    "local_outlier_factor": {"window_size": WEEK, "grace_period": DAY, "n_features": 2},
    "loda": {"grace_period": WEEK, "n_features": 2},
    "one_class_svm": {"grace_period": DAY, "n_features": 2, "nu": 0.2, "learning_rate": 1e-5},
    "page_hinkley": {"threshold": 250.0, "delta": 1.0, "alpha": 0.99},
    "predictive_anomaly_detection": {
        "forecaster": {"model": "holt_winters", "parameters": _SEASONAL},
        "warmup_period": WEEK,
    },
    "quantile_filter": {"detector": _GAUSSIAN, "q": 0.99},
    "quantile_scorer": {"window_size": WEEK, "grace_period": DAY},
    "random_cut_forest": {"shingle_size": 4, "n_trees": 30, "tree_size": 128},
    "river_model": {"path": "river.anomaly.StandardAbsoluteDeviation", "grace_period": DAY},
    "snarimax": {"p": 3, "d": 0, "q": 1, "m": DAY, "sp": 2},
    "standard_absolute_deviation": {"sub_stat": "median", "grace_period": DAY},
    "threshold_filter": {"detector": _GAUSSIAN, "threshold": 0.995},
}
"""Parameters behind each figure: a week of hourly samples as window, a day as season."""

TAIL_CUT = 1e-4
BAND_SCALES = 3.0
BAND_STEP = 2
"""Of so many samples one is a corner of the band, so that a figure stays small."""


class Flagged(NamedTuple):
    """What a model says of a series, sample by sample.

    Attributes
    ----------
    score, expected, scale : (N,) float64
        Score; value expected and its scale, NaN where the model gives none.
    ready, is_flagged : (N,) bool
        Scored at all; among those drawn red.
    cut : float
        Score from which a sample is flagged.
    score_name : str
        What the score is, with its unit.
    """

    score: FloatColumn
    expected: FloatColumn
    scale: FloatColumn
    ready: BoolColumn
    is_flagged: BoolColumn
    cut: float
    score_name: str


def read_water_flow() -> FloatColumn:
    """River's WaterFlow: flow in a pipeline, litres a second, every hour for 53 days, with leaks and interventions; (1268,) float64."""
    return np.array([flow for _, flow in datasets.WaterFlow()], dtype=np.float64)


def flag_samples(name: str, parameters: Mapping[str, Any], flow: FloatColumn) -> Flagged:
    """What the model says of the series; flagged are detections, or the highest hundredth of the scores.

    The default detector's are those with a tail probability below `TAIL_CUT`.

    A model of two features is given the flow and its change since the hour before; a regression predicts the flow from the one
    before.
    """
    model = registry.build(name, parameters)
    model.reserve(1)
    before = np.concatenate([flow[:1], flow[:-1]])
    X = flow
    if model.n_features == 2:
        X = np.column_stack([flow, before if name == "linear_regression" else flow - before])
    slots = np.zeros(flow.size, dtype=np.int64)
    times = np.arange(flow.size, dtype=np.int64) * 3_600_000_000_000
    out = Scores.empty(flow.size)
    ready = model.score_learn_many(slots, times, X, out)
    if name == registry.DEFAULT_MODEL:  # its tail is calibrated: the cut is the engine's own, the score drawn in powers of ten
        score = -np.log10(1.0 - out.score)
        cut = -np.log10(TAIL_CUT)
        return Flagged(score, out.expected, out.scale, ready, ready & (score > cut), cut, "-log10 of the tail")
    cut = float(np.quantile(out.score[ready], 0.99))
    flagged = ready & (out.score >= cut) & (out.score > 0.0)
    if flagged.sum() > 0.05 * flow.size:  # a score that saturates: only what is above the cut
        flagged = ready & (out.score > cut)
    return Flagged(out.score, out.expected, out.scale, ready, flagged, cut, "score")


def draw_figure(title: str, flow: FloatColumn, found: Flagged) -> str:
    """An SVG: the series with band and flagged samples above, the score and its cut below, the warm-up shaded.

    The band, where the model gives one, is the expected value and `BAND_SCALES` scales to either side, within the axes.
    """
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    mpl.rcParams |= {"svg.hashsalt": "streamwarden", "svg.fonttype": "none", "path.simplify_threshold": 0.4, "font.size": 9}
    days = np.arange(flow.size) / DAY
    figure, (above, below) = plt.subplots(2, 1, figsize=(9, 3.6), sharex=True, height_ratios=(2, 1), layout="constrained")
    above.set_ylim(-0.06 * flow.max(), 1.12 * flow.max())
    if np.isfinite(found.expected[found.ready]).any():
        reach = BAND_SCALES * np.nan_to_num(found.scale)
        low, high = np.clip([found.expected - reach, found.expected + reach], *above.get_ylim())
        every = slice(None, None, BAND_STEP)
        shown = days[every], low[every], high[every]
        above.fill_between(*shown, where=found.ready[every], color="#1f6f5c", alpha=0.25, linewidth=0)
        expected = np.where(found.ready, np.clip(found.expected, *above.get_ylim()), np.nan)
        above.plot(days, expected, color="#1f6f5c", linewidth=0.6, label="expected")
    above.plot(days, flow, color="#3a5a8c", linewidth=0.8, label="flow")
    above.plot(days[found.is_flagged], flow[found.is_flagged], "o", color="#d22", markersize=3, label="flagged")
    below.plot(days, np.where(found.ready, found.score, np.nan), color="#667", linewidth=0.8)
    if found.cut > 0.0:
        below.axhline(found.cut, color="#d22", linewidth=0.6, linestyle="--")
    n_waited = int(np.argmax(found.ready))
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
        if n_waited:
            axes.axvspan(0.0, days[n_waited], color="#999", alpha=0.15, linewidth=0)
    above.set_title(f"{title}: {int(found.is_flagged.sum())} of {flow.size:,} samples flagged", loc="left", fontsize=10)
    above.set_ylabel("flow, l/s")
    below.set_ylabel(found.score_name)
    below.set_xlabel("days; grey: not scored yet")
    below.set_xlim(0.0, days[-1])
    above.legend(loc="lower right", fontsize=8, frameon=False)
    drawing = io.StringIO()
    figure.savefig(drawing, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    # Tenths of a point are finer than any screen shows, and a third of the bytes.
    return re.sub(r' d="[^"]+"', lambda path: re.sub(r"\d+\.\d+", _to_tenths, path[0]).replace("\n", ""), drawing.getvalue())


def _to_tenths(number: re.Match[str]) -> str:
    return f"{float(number[0]):.1f}".removesuffix(".0")
