"""State of the default detector: one structured row of running means, and four small arrays, per series."""

from __future__ import annotations

import numpy as np

from models.seasonal.tail_kernel import HIGH_TAIL, MIN_EXCESS, MIN_HIGH, MIN_STRAIN, QUIET_SAMPLES
from models.state_array import StateArray

__all__ = [
    "N_LAGS",
    "N_MEANS",
    "N_PARTS",
    "N_SPREADS",
    "PART_NAMES",
    "PART_WEIGHTS",
    "PRIOR",
    "ROW",
    "make_fresh_row",
    "upgrade_rows",
]

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
        # The tail of the point score: see `models.seasonal.tail_kernel`.
        ("high", np.float64),
        ("excess", np.float64),
        ("strain", np.float64),
        ("standing", np.float64),
        ("n_high", np.int32),
        ("n_far", np.int16),
        ("n_quiet", np.int16),
        ("point_score", np.float64),
        ("tail_probability", np.float64),
        # What tells a counter from a gauge: see `models.seasonal.counter_kernel`.
        ("kind", np.int32),
        ("n_rises", np.int32),
        ("n_run", np.int64),
        ("last_value", np.float64),
    ]
)

PRIOR = {"high": 4.1, "excess": 0.4, "strain": MIN_STRAIN, "n_quiet": QUIET_SAMPLES, "tail_probability": 1.0}
"""Where the tail of a fresh row starts: an ordinary series of the public sets and of synthetic noise, every alarm still to spend."""


def make_fresh_row() -> StateArray:
    """Row of a series never seen, (1,) `ROW`.

    Examples
    --------
    >>> make_fresh_row()["high"].tolist()
    [4.1]
    """
    rows = np.zeros(1, ROW)
    for field, value in PRIOR.items():
        rows[field] = value
    return rows


def upgrade_rows(old: StateArray) -> StateArray:
    """Rows of version 1, which told its tail from the highest fiftieth on, in spreads of the point score around a centre.

    Parameters
    ----------
    old : (S,) structured, with fields ``centre``, ``spread``, ``high`` and ``excess``

    Returns
    -------
    (S,) `ROW`
        Everything but the tail as it was; the tail where the old one put the highest tenth.

    Examples
    --------
    >>> old = np.zeros(1, [("n", np.int64), *((name, np.float64) for name in ("centre", "spread", "high", "excess"))])
    >>> old[0] = (7000, 3.0, 0.5, 6.0, 1.2)
    >>> rows = upgrade_rows(old)
    >>> rows["n"].tolist(), rows["high"].round(3).tolist(), rows["excess"].tolist()
    ([7000], [5.034], [0.6])
    """
    rows = np.zeros(old.shape, ROW)
    for field in (field for field in ROW.names or () if field in (old.dtype.names or ())):
        rows[field] = old[field]
    for field in ("strain", "n_quiet"):
        rows[field] = PRIOR[field]
    excess = old["spread"] * old["excess"]
    rows["high"] = np.maximum(old["centre"] + old["spread"] * old["high"] - np.log(HIGH_TAIL / 0.02) * excess, MIN_HIGH)
    rows["excess"] = np.maximum(excess, MIN_EXCESS)
    return rows
