"""Figures of the model pages: what each model flags on a real series shipped with river."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from river import datasets

from models import registry
from models.base import BoolColumn, FloatColumn, Scores

__all__ = ["FIGURE_PARAMETERS", "draw_figure", "flag_samples", "read_water_flow"]

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

WIDTH, HEIGHT, SPLIT = 760, 230, 150


def read_water_flow() -> FloatColumn:
    """River's WaterFlow: the flow in a pipeline, every hour for 53 days, with a leak and some interventions; (1268,) float64."""
    return np.array([flow for _, flow in datasets.WaterFlow()], dtype=np.float64)


def flag_samples(name: str, parameters: Mapping[str, Any], flow: FloatColumn) -> tuple[FloatColumn, BoolColumn]:
    """Scores of the series, and the samples flagged: detections, or the highest hundredth of the scores.

    The default detector's are those with a tail probability below 1e-4.

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
        return -np.log10(1.0 - out.score), ready & (out.score > 1.0 - 1e-4)
    cut = np.quantile(out.score[ready], 0.99)
    flagged = ready & (out.score >= cut) & (out.score > 0.0)
    if flagged.sum() > 0.05 * flow.size:  # a score that saturates: only what is above the cut
        flagged = ready & (out.score > cut)
    return out.score, flagged


def draw_figure(title: str, flow: FloatColumn, score: FloatColumn, flagged: BoolColumn) -> str:
    """An SVG: the series with the flagged samples above, the score below."""
    upper = _to_points(flow, 24, SPLIT - 8)
    lower = _to_points(score, SPLIT + 22, HEIGHT - 6)
    marks = "".join(f'<circle cx="{x}" cy="{y}" r="3"/>' for (x, y), is_flagged in zip(upper, flagged, strict=True) if is_flagged)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/><g fill="#444"><text x="4" y="14">{title}: flow per hour, '
        f'{int(flagged.sum())} of {flow.size} samples flagged</text><text x="4" y="{SPLIT + 14}">score</text></g>'
        f'<g fill="none" stroke-width="1"><path stroke="#36c" d="{_to_path(upper)}"/>'
        f'<path stroke="#888" d="{_to_path(lower)}"/></g>'
        f'<g fill="#d22">{marks}</g></svg>\n'
    )


def _to_points(values: FloatColumn, top: int, bottom: int) -> list[tuple[int, int]]:
    low, high = float(values.min()), float(values.max())
    span = high - low or 1.0
    step = (WIDTH - 8) / (values.size - 1)
    return [
        (round(4 + i * step), round(bottom - (value - low) / span * (bottom - top))) for i, value in enumerate(values.tolist())
    ]


def _to_path(points: list[tuple[int, int]]) -> str:
    return "M" + "L".join(f"{x} {y}" for x, y in points)
