"""Figures of the model pages: what each model flags on a recorded series of the Numenta Anomaly Benchmark (NAB)."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from models import registry
from models.base import BoolColumn, FloatColumn, IntColumn, Scores

__all__ = ["FIGURES", "Figure", "Flagged", "Recorded", "draw_figure", "flag_samples", "read_recorded"]

SERVER = "realKnownCause/ec2_request_latency_system_failure"
DATABASE = "realAWSCloudwatch/rds_cpu_utilization_cc0c53"
TAXIS = "realKnownCause/nyc_taxi"
SOURCES: dict[str, tuple[str, str]] = {
    SERVER: ("CPU, %", "CPU of a server at Amazon before the API servers failed, every 5 minutes"),
    DATABASE: ("CPU, %", "CPU of a database at Amazon, every 5 minutes"),
    TAXIS: ("passengers, 1,000", "Passengers of taxis in New York, every 30 minutes"),
}
"""Axis and sentence of each series."""

DAY = 288
"""Samples of a day at one every 5 minutes."""
_GAUSSIAN = {"model": "gaussian_scorer", "parameters": {"window_size": 2 * DAY, "grace_period": 100}}
_CHANGE = "the value and its change since the sample before"
_SEASONAL = {"alpha": 0.3, "beta": 0.001, "gamma": 0.3, "seasonality": 336}


class Figure(NamedTuple):
    """What a figure shows: the model's parameters, the series, from which day on it is drawn, and what the model is given."""

    parameters: dict[str, Any]
    source: str = SERVER
    first_day: float = 0.0
    given: str = ""


FIGURES: dict[str, Figure] = {
    "default": Figure({}),
    "adwin": Figure({}, DATABASE),
    "ew_scorer": Figure({"fading_factor": 0.1}),
    "gaussian_scorer": Figure({"window_size": 2 * DAY}),
    "half_space_trees": Figure({"limits": [0, 100], "window_size": DAY, "n_trees": 25, "n_features": 2}, given=_CHANGE),
    "holt_winters": Figure(_SEASONAL, TAXIS, 150.0),
    "kswin": Figure({"alpha": 1e-9, "window_size": DAY, "stat_size": 48}, DATABASE),
    "linear_regression": Figure({}, first_day=1.0, given="the sample before, from which it predicts the value"),
    "local_outlier_factor": Figure({"grace_period": 100, "n_features": 2}, given=_CHANGE),
    "loda": Figure({"grace_period": 2 * DAY, "n_features": 2}, given=_CHANGE),
    "one_class_svm": Figure(
        {"grace_period": 100, "n_features": 2},
        given="how far the value and its change are from their means, in standard deviations and without sign: it sees one side only",
    ),
    "page_hinkley": Figure({"threshold": 50.0, "delta": 0.5}, DATABASE),
    "predictive_anomaly_detection": Figure(
        {"forecaster": {"model": "holt_winters", "parameters": _SEASONAL}, "warmup_period": 1008, "n_std": 8.0}, TAXIS, 150.0
    ),
    "quantile_filter": Figure({"detector": _GAUSSIAN, "q": 0.995}),
    "quantile_scorer": Figure({"window_size": 2 * DAY, "grace_period": 100}),
    "random_cut_forest": Figure({"shingle_size": 4, "n_trees": 30, "tree_size": 128}),
    "river_model": Figure({"path": "river.anomaly.StandardAbsoluteDeviation", "grace_period": 100}),
    "snarimax": Figure({"p": 3, "m": 48, "sp": 7}, TAXIS, 150.0),
    "standard_absolute_deviation": Figure({"sub_stat": "median", "grace_period": 100}),
    "threshold_filter": Figure({"detector": _GAUSSIAN, "threshold": 0.999}),
}
"""The figure of each model: a day or two as window, a week as season, a change of level where a change is what is looked for."""

TAIL_CUT = 1e-4
HIGHEST_SHARE = 0.005
"""Tail below which the default detector's samples are red, and share of the highest scores that is red of other models."""

BAND_SCALES = 3.0
N_COLUMNS = 420
"""Columns of a drawing, of which each has the least and the greatest value in it: a figure stays small and hides no spike."""


class Recorded(NamedTuple):
    """A recorded series with its labels.

    Attributes
    ----------
    source : str
        Its key in `SOURCES`.
    event_time_ns : (N,) int64
    value : (N,) float64
    is_labelled : (N,) bool
        Within a window that people labelled as anomalous.
    """

    source: str
    event_time_ns: IntColumn
    value: FloatColumn
    is_labelled: BoolColumn

    @property
    def days(self) -> FloatColumn:
        """Days since the first sample, (N,) float64."""
        return np.asarray((self.event_time_ns - self.event_time_ns[0]) / 86_400e9)


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


def read_recorded(source: str, shared: Path) -> Recorded:
    """One of `SOURCES` out of NAB, which lies in the folder ``data/nab`` of `shared`.

    Raises
    ------
    FileNotFoundError
        It is not there.
    """
    folder = shared / "data" / "nab"
    with (folder / "data" / f"{source}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    seconds = np.array([_to_secs(row["timestamp"]) for row in rows])
    windows = json.loads((folder / "labels" / "combined_windows.json").read_text())[f"{source}.csv"]
    labelled = np.zeros(seconds.size, dtype=np.bool_)
    for first, last in windows:
        labelled |= (seconds >= _to_secs(first)) & (seconds <= _to_secs(last))
    value = np.array([float(row["value"]) for row in rows])
    return Recorded(source, seconds * 1_000_000_000, value / 1e3 if source == TAXIS else value, labelled)


def _to_secs(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def flag_samples(name: str, figure: Figure, recorded: Recorded) -> Flagged:
    """What the model says of the series; flagged are detections, or the `HIGHEST_SHARE` of the scores in the figure.

    The default detector's are those with a tail probability below `TAIL_CUT`.

    A model of two features is given what `Figure.given` says.
    """
    model = registry.build(name, figure.parameters)
    model.reserve(1)
    value = recorded.value
    before = np.concatenate([value[:1], value[:-1]])
    X = value
    if name == "linear_regression":
        X = np.column_stack([value, before])
    elif model.n_features == 2:
        X = np.column_stack([value, value - before])
    if name == "one_class_svm":
        X = np.abs(X - X.mean(axis=0)) / X.std(axis=0)
    out = Scores.empty(value.size)
    ready = model.score_learn_many(np.zeros(value.size, dtype=np.int64), recorded.event_time_ns, X, out)
    if name == registry.DEFAULT_MODEL:  # its tail is calibrated: the score is drawn in powers of ten
        score = -np.log10(1.0 - out.score)
        cut = -np.log10(TAIL_CUT)
        return Flagged(score, out.expected, out.scale, ready, ready & (score > cut), cut, "-log10 of tail")
    drawn = ready & (recorded.days >= figure.first_day)
    cut = float(np.quantile(out.score[drawn], 1.0 - HIGHEST_SHARE))
    flagged = ready & (out.score >= cut) & (out.score > 0.0)
    if flagged.sum() > 4.0 * HIGHEST_SHARE * value.size:  # a score that saturates: only what is above the cut
        flagged = ready & (out.score > cut)
    return Flagged(out.score, out.expected, out.scale, ready, flagged, cut, "score")


def thin(y: FloatColumn, n_columns: int = N_COLUMNS) -> IntColumn:
    """Which samples draw the same line: the first, least, greatest and last of each of `n_columns` stretches, in order.

    Examples
    --------
    >>> thin(np.array([0.0, 9.0, 1.0, 1.0, 1.0, -9.0, 2.0, 2.0]), 1).tolist()
    [0, 1, 5, 7]
    """
    if y.size <= 2 * n_columns:
        return np.arange(y.size)
    kept: set[int] = {0, y.size - 1}
    for part in np.array_split(np.arange(y.size), n_columns):
        seen = np.nan_to_num(y[part])
        kept |= {int(part[np.argmin(seen)]), int(part[np.argmax(seen)])}
    return np.array(sorted(kept))


def draw_figure(title: str, recorded: Recorded, found: Flagged, first_day: float = 0.0) -> str:
    """An SVG: the series with band and flagged samples above, the score and its cut below; warm-up grey, labelled windows yellow.

    The band, where the model gives one, is the expected value and `BAND_SCALES` scales to either side, within the axes.
    """
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    mpl.rcParams |= {"svg.hashsalt": "streamwarden", "svg.fonttype": "none", "path.simplify_threshold": 0.4, "font.size": 9}
    shown = recorded.days >= first_day
    days, value, labelled = recorded.days[shown], recorded.value[shown], recorded.is_labelled[shown]
    score, expected, scale, ready, flagged = (column[shown] for column in found[:5])
    figure, (above, below) = plt.subplots(2, 1, figsize=(9, 3.6), sharex=True, height_ratios=(2, 1), layout="constrained")
    reach = value.max() - value.min()
    above.set_ylim(value.min() - 0.08 * reach, value.max() + 0.08 * reach)
    if np.isfinite(expected[ready]).any():
        scales = BAND_SCALES * np.nan_to_num(scale)
        low, high = (np.clip(edge, *above.get_ylim()) for edge in (expected - scales, expected + scales))
        if scales.any():
            band = thin(high, N_COLUMNS // 2)
            above.fill_between(
                days[band],
                low[band],
                high[band],
                where=ready[band],
                color="#1f6f5c",
                alpha=0.25,
                linewidth=0,
                label=f"± {BAND_SCALES:g} scales",
            )
        middle = np.where(ready, np.clip(expected, *above.get_ylim()), np.nan)
        line = thin(middle, N_COLUMNS // 2)
        above.plot(days[line], middle[line], color="#1f6f5c", linewidth=0.6, label="expected")
    line = thin(value)
    above.plot(days[line], value[line], color="#3a5a8c", linewidth=0.7, label="value")
    above.plot(days[flagged], value[flagged], "o", color="#d22", markersize=3, label="flagged")
    drawn = np.where(ready, score, np.nan)
    line = thin(drawn)
    below.plot(days[line], drawn[line], color="#667", linewidth=0.7)
    if found.cut > 0.0:
        below.axhline(found.cut, color="#d22", linewidth=0.6, linestyle="--")
    edges = np.flatnonzero(np.diff(labelled.astype(np.int8), prepend=0, append=0))
    n_waited = int(np.argmax(ready))
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
        if n_waited:
            axes.axvspan(days[0], days[n_waited], color="#999", alpha=0.2, linewidth=0)
        for i in range(0, edges.size, 2):
            last = min(edges[i + 1], days.size - 1)
            label = "labelled" if axes is above and i == 0 else None
            axes.axvspan(days[edges[i]], days[last], color="#e9b44c", alpha=0.25, linewidth=0, label=label)
    inside = int((flagged & labelled).sum())
    told = f"{int(flagged.sum())} of {value.size:,} samples flagged, {inside} of them within labelled windows"
    above.set_title(f"{title}: {told}", loc="left", fontsize=10)
    above.set_ylabel(SOURCES[recorded.source][0])
    below.set_ylabel(found.score_name)
    below.set_xlabel("days since the first sample" + ("; grey: not scored yet" if n_waited else ""))
    below.set_xlim(days[0], days[-1])
    figure.legend(loc="outside lower center", ncols=5, fontsize=8, frameon=False)
    drawing = io.StringIO()
    figure.savefig(drawing, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    # Tenths of a point are finer than any screen shows, and a third of the bytes.
    return re.sub(r' d="[^"]+"', lambda path: re.sub(r"\d+\.\d+", _to_tenths, path[0]).replace("\n", ""), drawing.getvalue())


def _to_tenths(number: re.Match[str]) -> str:
    return f"{float(number[0]):.1f}".removesuffix(".0")
