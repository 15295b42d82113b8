"""Kernels of the default detector's tail: how rare a point score is among those of its own series.

Point scores are alike from series to series: nine in ten lie below about 4, and what is beyond falls off exponentially, by e in
half a unit on quiet series and in several on spiky ones.  So the tail keeps two slow figures of the series, where its highest tenth
begins and how far it reaches beyond on average, and never lets either fall below what the quietest noise has.

Three counts keep it honest.  *High samples in a row* teach less and less: an incident is not what the series is like.  *Alarms* are
budgeted: a series that keeps opening more than one in a thousand samples has its excess stretched until it does not.  *Far samples
in a row*, 240 of them, become what the series is compared with, until it falls back.
"""

from __future__ import annotations

import math

from models.jit import kernel_bare
from models.state_array import Row

HIGH_TAIL = 0.1
LOG_SHARE_OF_HIGH = -1.6094379124341003
CENTRE_SHARE = 0.7
MIN_TAIL = 1e-15

# Where the highest tenth begins moves by half a unit times the weight, Robbins-Monro.
HIGH_STEP = 0.5
HIGH_PRIOR = 1000.0
HIGH_WEIGHT = 0.00005
MIN_HIGH = 3.5
EXCESS_PRIOR = 15.0
EXCESS_MEMORY = 2500.0
MIN_EXCESS = 0.3
# No sample teaches more than this many mean excesses, and in a young series such a one counts a tenth at first.
EXCESS_CLIP = 7.0
YOUNG_WEIGHT = 0.1
YOUNG_SAMPLES = 500

# This many high samples in a row halve what the next one teaches.
RUN = 60
MAX_RUN = 10_000

ALARM_TAIL = 0.001
QUIET_SAMPLES = 30
STRAIN_STEP = 0.25
MIN_STRAIN = -1.0

# Far: beyond a tail of 1e-5, with nothing standing.
FAR = 9.210340371976182
STANDING_AFTER = 240
STANDING_RISE = 0.02
STANDING_FALL = 0.1


@kernel_bare
def get_reach(row: Row) -> float:
    """Mean excess beyond `high`, stretched as the alarms of the series demand."""
    return float(row["excess"] * math.exp(row["strain"]) if row["strain"] > 0.0 else row["excess"])


@kernel_bare
def get_tail_probability(row: Row, y: float) -> float:
    """Share of the series' samples expected above the point score `y`: exponential beyond the highest tenth."""
    high = row["high"]
    if y > high:
        above = y - max(high, row["standing"])
        return float(max(HIGH_TAIL * math.exp(-above / get_reach(row)), MIN_TAIL)) if above > 0.0 else HIGH_TAIL
    centre = CENTRE_SHARE * high
    if y > centre:
        return float(0.5 * math.exp(LOG_SHARE_OF_HIGH * (y - centre) / (high - centre)))
    return float(1.0 - 0.5 * y / centre)


@kernel_bare
def learn_tail(row: Row, y: float, tail_probability: float, n: int) -> None:
    """Let the tail know of the point score `y`, whose tail probability it was; `n` counts those it was told before."""
    above = y - row["high"]
    is_far = False
    weight = HIGH_STEP * max(HIGH_WEIGHT, 1.0 / (n + HIGH_PRIOR))
    if above > 0.0:
        influence = RUN / (RUN + row["n_high"])
        reach = get_reach(row)
        is_far = above > FAR * reach
        clipped = min(above, EXCESS_CLIP * reach)
        if above > clipped:
            influence *= min(1.0, YOUNG_WEIGHT + n / YOUNG_SAMPLES)
        row["excess"] += influence * (clipped - row["excess"]) / (EXCESS_PRIOR + min(HIGH_TAIL * n, EXCESS_MEMORY))
        row["excess"] = max(row["excess"], MIN_EXCESS)
        row["high"] += influence * weight * (1.0 - HIGH_TAIL) / HIGH_TAIL
        row["n_high"] = min(row["n_high"] + 1, MAX_RUN)
    else:
        row["high"] = max(row["high"] - weight, MIN_HIGH)
        row["n_high"] = max(row["n_high"] - 1, 0)

    is_alarm = tail_probability < ALARM_TAIL
    n_alarms = 1.0 if is_alarm and row["n_quiet"] >= QUIET_SAMPLES else 0.0
    row["n_quiet"] = 0 if is_alarm else min(row["n_quiet"] + 1, QUIET_SAMPLES)
    row["strain"] = max(row["strain"] + STRAIN_STEP * (n_alarms - ALARM_TAIL), MIN_STRAIN)

    row["n_far"] = min(row["n_far"] + 1, STANDING_AFTER + 1) if is_far else max(row["n_far"] - 1, 0)
    if y <= row["standing"]:
        row["standing"] += STANDING_FALL * (y - row["standing"])
    elif row["n_far"] > STANDING_AFTER or row["standing"] > row["high"]:
        standing = max(row["standing"], row["high"])
        row["standing"] = standing + STANDING_RISE * (y - standing)
