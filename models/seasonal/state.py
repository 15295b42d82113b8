"""State of the default detector: one structured row of running means, and four small arrays, per series."""

from __future__ import annotations

import numpy as np

from models.state_array import StateArray

__all__ = ["N_LAGS", "N_MEANS", "N_PARTS", "N_SPREADS", "PART_NAMES", "PART_WEIGHTS", "PRIOR", "ROW", "make_fresh_row"]

PART_NAMES = (
    "season",
    "season_slow",
    "season_log",
    "global",
    "global_log",
    "difference",
    "autoregression",
    "season_difference",
    "season_autoregression",
)
"""The nine parts of the point score, in the order of the part columns."""

PART_WEIGHTS = (1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.5, 0.25, 0.25)
"""What ``ln(1 + part)`` weighs in the point score."""

N_PARTS = len(PART_NAMES)
N_MEANS = 288
N_SPREADS = 48
# Eight weights and eight lags of the value's autoregression, six and six of the signed season part's.
N_LAGS = 8 + 8 + 6 + 6

ROW = np.dtype(
    [
        ("n", np.int64),
        ("last_time_ns", np.int64),
        # Everything linear is kept relative to the first value, so that float32 profiles do not lose large offsets.
        ("anchor", np.float64),
        ("interval_secs", np.float64),
        ("previous", np.float64),
        ("level", np.float64),
        ("quick_mean", np.float64),
        ("floor", np.float64),
        ("residual", np.float64),
        ("size", np.float64),
        ("log_quick_mean", np.float64),
        ("log_floor", np.float64),
        ("log_residual", np.float64),
        ("mean", np.float64),
        ("variance", np.float64),
        ("log_mean", np.float64),
        ("log_variance", np.float64),
        ("step", np.float64),
        ("step_floor", np.float64),
        ("slow_mean", np.float64),
        ("slow_spread", np.float64),
        ("ar_error", np.float64),
        ("ar_error_floor", np.float64),
        ("season_step", np.float64),
        ("season_step_floor", np.float64),
        ("season_ar_error", np.float64),
        ("season_ar_error_floor", np.float64),
        ("centre", np.float64),
        ("spread", np.float64),
        ("high", np.float64),
        ("excess", np.float64),
        ("point_score", np.float64),
        ("tail_probability", np.float64),
        # What tells a counter from a gauge: see `models.seasonal.counter_kernel`.
        ("kind", np.int32),
        ("n_rises", np.int32),
        ("n_run", np.int64),
        ("last_value", np.float64),
    ]
)

PRIOR = {"centre": 2.9, "spread": 0.65, "high": 3.0, "excess": 0.8, "tail_probability": 1.0}
"""Where a fresh row starts: pooled over the public labelled series (`benchmarks.quality`); `high` and `excess` in spreads."""


def make_fresh_row() -> StateArray:
    """Row of a series never seen, (1,) `ROW`.

    Examples
    --------
    >>> make_fresh_row()["centre"].tolist()
    [2.9]
    """
    rows = np.zeros(1, ROW)
    for field, value in PRIOR.items():
        rows[field] = value
    return rows
