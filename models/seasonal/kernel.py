"""Kernels of the default detector: nine parts and their point score.

What tells counters from gauges and how rare a point score is have files of their own; every other helper stands in this one.  The
arithmetic of one sample is `score_learn`, the batch call loops over it.  A sample is
always scored by the state before it.  ``n`` counts the samples learned before.
"""

from __future__ import annotations

import math

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn
from models.jit import kernel_bare, kernel_inline
from models.prefetch_kernel import prefetch
from models.seasonal.counter_kernel import COUNTER, GAUGE, tell_kind
from models.seasonal.tail_kernel import get_tail_probability, learn_tail
from models.state_array import StateArray

DAY_NS = 86_400_000_000_000
MEAN_NS = DAY_NS // 288
SPREAD_NS = DAY_NS // 48
MAX_VALUE = 1e100
MAX_Z = 1e4
Z_AFTER = 20
CLIP_AFTER = 50
BOUND_AFTER = 8

# Weight of the newest value in an exponentially weighted mean of the given half-life, in samples.
HALF_1 = 0.5
HALF_2 = 0.2928932188134524
HALF_5 = 0.12944943670387588
HALF_300 = 0.002307826694538846
HALF_6000 = 0.00011551788047710244

QUICK = 0.1
SLOW = 0.0005
MEAN_WEIGHT = 0.06
SPREAD_WEIGHT = 0.006
RESIDUAL_WEIGHT = 0.0001
FLOOR_SHARE = 0.2
LOG_SHARE = 0.05
AR_STEP = 0.02
AR_ERROR_WEIGHT = 0.003
# Faster sampling than this does not learn the profile faster.
FULL_INTERVAL_SECS = 30.0

AHEAD = 8
MANY_SERIES = 4_096
"""Of more series than this the state does not fit into the cache, and that of later samples is fetched before their turn."""


@kernel_inline
def clip_from(x: float, bound: float, n: int) -> float:
    """`x` within plus and minus `bound`, once the series is past its first samples."""
    return max(-bound, min(bound, x)) if n >= CLIP_AFTER else x


@kernel_inline
def bound_deviation(deviation: float, mean_deviation: float, weight: float, n: int) -> float:
    """`deviation`, limited so that no single sample can more than double a mean absolute deviation learned at `weight`."""
    if n >= BOUND_AFTER and mean_deviation > 0.0:
        limit = mean_deviation / weight
        return max(-limit, min(limit, deviation))
    return deviation


@kernel_inline
def get_z(deviation: float, scale: float, n: int) -> float:
    """Signed deviation in scales, within `MAX_Z`; 0.0 for the first samples."""
    if n < Z_AFTER or deviation == 0.0:
        return 0.0
    return max(-MAX_Z, min(MAX_Z, deviation / scale))


@kernel_bare
def step_autoregression(lags: FloatColumn, slot: int, first: int, order: int, x: float) -> float:
    """Error of the linear prediction of `x` from the `order` values before it; then one normalised LMS step, and shift.

    Weights stand at ``lags[slot, first : first + order]``, the values before (newest first) behind them.
    """
    past = first + order
    prediction = 0.0
    power = 0.0
    for j in range(order):
        prediction += lags[slot, first + j] * lags[slot, past + j]
        power += lags[slot, past + j] * lags[slot, past + j]
    error = x - prediction
    gain = AR_STEP * error / (power + 1.0)
    for j in range(order):
        lags[slot, first + j] += gain * lags[slot, past + j]
    for j in range(order - 1, 0, -1):
        lags[slot, past + j] = lags[slot, past + j - 1]
    lags[slot, past] = x
    return error


@kernel_bare
def score_learn(
    rows: StateArray,
    means: StateArray,
    spreads: StateArray,
    counts: StateArray,
    lags: FloatColumn,
    parts: FloatColumn,
    slot: int,
    time_ns: int,
    value: float,
) -> tuple[float, float]:
    """Expected value and scale before the sample; then parts, point score and tail go to the state, and it is learned.

    Parameters
    ----------
    rows : (S,) structured, see `models.seasonal.state.ROW`
    means : (S, 288) float32
    spreads : (S, 2, 48) float32; mean absolute residual of the value, and of its logarithm
    counts : (S, 336) uint8; visits of the buckets of `means` (288) and `spreads` (48), saturating
    lags : (S, 28) float64
    parts : (S, 9) float64; parts of the latest sample
    """
    row = rows[slot]
    n = row["n"]
    if n == 0:
        row["anchor"] = value
        row["previous"] = 0.0
        row["last_time_ns"] = time_ns
    v = value - row["anchor"]
    share = 1.0 / (n + 1)

    # How often a bucket is visited: fast series must not overwrite their profile within one visit.
    gap_secs = (time_ns - row["last_time_ns"]) * 1e-9
    if gap_secs > 0.0:
        gap_secs = min(gap_secs, 4.0 * row["interval_secs"]) if row["interval_secs"] > 0.0 else gap_secs
        row["interval_secs"] += (gap_secs - row["interval_secs"]) * (0.01 if row["interval_secs"] > 0.0 else 1.0)
    row["last_time_ns"] = time_ns
    pace = min(1.0, row["interval_secs"] / FULL_INTERVAL_SECS) if row["interval_secs"] > 0.0 else 1.0

    # Prediction: the profile between its two nearest centres, and the local level.
    time_of_day_ns = time_ns % DAY_NS
    bucket = (time_of_day_ns + MEAN_NS // 2) // MEAN_NS
    beyond = (time_of_day_ns - bucket * MEAN_NS) / MEAN_NS
    neighbour = (bucket + 1 if beyond >= 0.0 else bucket - 1) % 288
    bucket %= 288
    here = np.float64(means[slot, bucket]) if counts[slot, bucket] > 0 else row["quick_mean"] - row["level"]
    base = here
    if beyond != 0.0 and counts[slot, bucket] > 0 and counts[slot, neighbour] > 0:
        base += abs(beyond) * (np.float64(means[slot, neighbour]) - here)
    prediction = base + row["level"]
    r = v - prediction

    # Spread around it.
    half_hour = time_of_day_ns // SPREAD_NS
    visits = counts[slot, 288 + half_hour]
    spread = np.float64(spreads[slot, 0, half_hour]) if visits > 0 else row["residual"]
    tiny = 1e-9 * row["size"] + 1e-290
    scale = 0.5 * spread + 0.5 * row["residual"] + FLOOR_SHARE * row["floor"] + tiny
    z = get_z(r, scale, n)

    # The same on the logarithmic scale.
    unit = LOG_SHARE * row["size"]
    u = 0.0
    log_r = 0.0
    if unit > 0.0:
        u = math.asinh(value / unit)
        log_r = u - math.asinh((prediction + row["anchor"]) / unit)
    log_spread = np.float64(spreads[slot, 1, half_hour]) if visits > 0 else row["log_residual"]
    log_scale = 0.5 * log_spread + 0.5 * row["log_residual"] + FLOOR_SHARE * row["log_floor"] + 1e-9
    log_z = get_z(log_r, log_scale, n)

    global_z = get_z(v - row["mean"], math.sqrt(row["variance"]) + tiny, n)
    log_global_z = get_z(u - row["log_mean"], math.sqrt(row["log_variance"]) + 1e-9, n)

    step = abs(v - row["previous"])
    step_scale = row["step"] + 0.05 * row["step_floor"] + tiny
    step_z = get_z(step, step_scale, n)

    slow_scale = row["slow_spread"] + tiny
    x = max(-20.0, min(20.0, (v - row["slow_mean"]) / slow_scale)) if n > 0 else 0.0
    ar_error = abs(step_autoregression(lags, slot, 0, 8, x))
    ar_scale = row["ar_error"] + 0.05 * row["ar_error_floor"] + 0.001
    ar_z = get_z(ar_error, ar_scale, n)

    season_step = abs(z - lags[slot, 24])
    season_step_scale = row["season_step"] + 0.05 * row["season_step_floor"] + 0.001
    season_step_z = get_z(season_step, season_step_scale, n - Z_AFTER)
    season_ar_error = abs(step_autoregression(lags, slot, 16, 6, max(-20.0, min(20.0, z))))
    season_ar_scale = row["season_ar_error"] + 0.05 * row["season_ar_error_floor"] + 0.001
    season_ar_z = get_z(season_ar_error, season_ar_scale, n - Z_AFTER)

    s1 = parts[slot, 0] + HALF_1 * (abs(z) - parts[slot, 0])
    s5 = parts[slot, 1] + HALF_5 * (abs(z) - parts[slot, 1])
    sl1 = parts[slot, 2] + HALF_1 * (abs(log_z) - parts[slot, 2])
    g5 = parts[slot, 3] + HALF_5 * (abs(global_z) - parts[slot, 3])
    gl1 = parts[slot, 4] + HALF_1 * (abs(log_global_z) - parts[slot, 4])
    a1 = parts[slot, 6] + HALF_1 * (ar_z - parts[slot, 6])
    sd1 = parts[slot, 7] + HALF_1 * (season_step_z - parts[slot, 7])
    sa2 = parts[slot, 8] + HALF_2 * (season_ar_z - parts[slot, 8])
    parts[slot, 0] = s1
    parts[slot, 1] = s5
    parts[slot, 2] = sl1
    parts[slot, 3] = g5
    parts[slot, 4] = gl1
    parts[slot, 5] = step_z
    parts[slot, 6] = a1
    parts[slot, 7] = sd1
    parts[slot, 8] = sa2
    # One logarithm for the nine: the weights are quarters, and the product stays below 1e85.
    whole = (1.0 + s1) * (1.0 + s5) * (1.0 + sl1)
    half = (1.0 + g5) * (1.0 + gl1) * (1.0 + a1)
    quarter = (1.0 + step_z) * (1.0 + sd1) * (1.0 + sa2)
    whole *= whole
    y = 0.25 * math.log(whole * whole * (half * half) * quarter)
    row["point_score"] = y
    row["tail_probability"] = get_tail_probability(row, y)
    if n >= CLIP_AFTER:
        learn_tail(row, y, row["tail_probability"], n - CLIP_AFTER)

    # Learn.
    r = clip_from(r, 4.0 * scale, n)
    log_r = clip_from(log_r, 4.0 * log_scale, n)
    row["level"] += HALF_6000 * r
    count = counts[slot, bucket]
    means[slot, bucket] = here + max(MEAN_WEIGHT * pace, 1.0 / (count + 2.0)) * r
    if count < 255:
        counts[slot, bucket] = count + 1
    weight = max(SPREAD_WEIGHT * pace, 1.0 / (visits + 2.0))
    spreads[slot, 0, half_hour] = spread + weight * (abs(r) - spread)
    spreads[slot, 1, half_hour] = log_spread + weight * (abs(log_r) - log_spread)
    if visits < 255:
        counts[slot, 288 + half_hour] = visits + 1
    weight = max(RESIDUAL_WEIGHT, share)
    row["residual"] += weight * (abs(r) - row["residual"])
    row["log_residual"] += weight * (abs(log_r) - row["log_residual"])

    deviation = bound_deviation(v - row["quick_mean"], row["floor"], share, n)
    row["floor"] += share * (abs(deviation) - row["floor"]) if n > 0 else 0.0
    row["quick_mean"] += QUICK * deviation if n > 0 else v
    deviation = bound_deviation(u - row["log_quick_mean"], row["log_floor"], share, n)
    row["log_floor"] += share * (abs(deviation) - row["log_floor"]) if n > 1 else 0.0
    row["log_quick_mean"] += QUICK * deviation if n > 1 else u
    row["size"] += share * (bound_deviation(abs(value), row["size"], share, n) - row["size"])

    deviation = bound_deviation(v - row["mean"], math.sqrt(row["variance"]), math.sqrt(share) / 3.0, n)
    row["mean"] += share * deviation
    row["variance"] += share * ((1.0 - share) * deviation * deviation - row["variance"])
    deviation = u - row["log_mean"] if n > 0 else 0.0
    row["log_mean"] += share * deviation
    row["log_variance"] += share * ((1.0 - share) * deviation * deviation - row["log_variance"])

    if n > 0:
        row["step_floor"] += share * (bound_deviation(step, row["step_floor"], share, n) - row["step_floor"])
        row["step"] += max(HALF_300, share) * (clip_from(step, 8.0 * step_scale, n) - row["step"])
    weight = max(SLOW, share)
    deviation = bound_deviation(v - row["slow_mean"], row["slow_spread"], weight, n)
    row["slow_mean"] += weight * deviation
    row["slow_spread"] += weight * (abs(deviation) - row["slow_spread"])
    row["ar_error_floor"] += share * (ar_error - row["ar_error_floor"])
    row["ar_error"] += max(AR_ERROR_WEIGHT, share) * (clip_from(ar_error, 5.0 * ar_scale, n) - row["ar_error"])
    # The season part is 0.0 for the first samples: what follows it starts to learn when it does.
    if n >= Z_AFTER:
        share = 1.0 / (n + 1 - Z_AFTER)
        row["season_step_floor"] += share * (season_step - row["season_step_floor"])
        clipped = clip_from(season_step, 8.0 * season_step_scale, n)
        row["season_step"] += max(HALF_300, share) * (clipped - row["season_step"])
        row["season_ar_error_floor"] += share * (season_ar_error - row["season_ar_error_floor"])
        clipped = clip_from(season_ar_error, 5.0 * season_ar_scale, n)
        row["season_ar_error"] += max(AR_ERROR_WEIGHT, share) * (clipped - row["season_ar_error"])
    row["previous"] = v
    row["n"] = n + 1
    return prediction + row["anchor"], scale


@kernel_bare
def forget(
    rows: StateArray,
    means: StateArray,
    spreads: StateArray,
    counts: StateArray,
    lags: FloatColumn,
    parts: FloatColumn,
    fresh: StateArray,
    slot: int,
) -> None:
    """Return what was learned of `slot` to that of a series never seen; what is known of its kind stays."""
    row = rows[slot]
    kind, n_run, n_rises, last_value = row["kind"], row["n_run"], row["n_rises"], row["last_value"]
    rows[slot] = fresh[0]
    row["kind"], row["n_run"], row["n_rises"], row["last_value"] = kind, n_run, n_rises, last_value
    means[slot, :] = 0.0
    spreads[slot, :, :] = 0.0
    counts[slot, :] = 0
    lags[slot, :] = 0.0
    parts[slot, :] = 0.0


@kernel_bare
def score_learn_many(
    rows: StateArray,
    means: StateArray,
    spreads: StateArray,
    counts: StateArray,
    lags: FloatColumn,
    parts: FloatColumn,
    fresh: StateArray,
    grace_period: int,
    slots: IntColumn,
    times_ns: IntColumn,
    values: FloatColumn,
    score: FloatColumn,
    expected: FloatColumn,
    scale: FloatColumn,
    ready: BoolColumn,
    points: FloatColumn,
    part_columns: FloatColumn,
) -> None:
    """Score, then learn, each sample in order; `points` and `part_columns` are filled when they have rows.

    `fresh` is the row of a series never seen.  A counter is scored by its rate a second, and what is expected of the rate is put
    in terms of the counter again.
    """
    n_columns = part_columns.shape[1] if part_columns.shape[0] else 0
    for i in range(slots.size):
        if rows.size > MANY_SERIES and i + AHEAD < slots.size:
            later = slots[i + AHEAD]
            later_of_day_ns = times_ns[i + AHEAD] % DAY_NS
            later_bucket = (later_of_day_ns + MEAN_NS // 2) // MEAN_NS % 288
            later_half_hour = later_of_day_ns // SPREAD_NS
            prefetch(rows, (later,))
            prefetch(rows, (later + 1,))
            prefetch(means, (later, later_bucket))
            prefetch(counts, (later, later_bucket))
            prefetch(counts, (later, 288 + later_half_hour))
            prefetch(spreads, (later, 0, later_half_hour))
            prefetch(spreads, (later, 1, later_half_hour))
            for k in range(0, 28, 8):
                prefetch(lags, (later, k))
            prefetch(parts, (later, 0))
            prefetch(parts, (later, 8))
        slot = slots[i]
        row = rows[slot]
        score[i] = 0.0
        expected[i] = math.nan
        scale[i] = math.nan
        ready[i] = False
        for j in range(n_columns):
            part_columns[i, j] = math.nan
        if points.size:
            points[i] = math.nan
        if not math.isfinite(values[i]):
            continue
        value = max(-MAX_VALUE, min(MAX_VALUE, values[i]))
        base, unit = 0.0, 1.0
        if row["kind"] != GAUGE:
            before = row["last_value"]
            last_ns = row["last_time_ns"]
            kind = tell_kind(row, value)
            row["last_value"] = value
            if kind != row["kind"]:
                if row["kind"] + kind != GAUGE:  # a watched series that turns out to be a gauge has learned the right thing
                    forget(rows, means, spreads, counts, lags, parts, fresh, slot)
                row["kind"] = kind
            if kind == COUNTER:
                unit = (times_ns[i] - last_ns) * 1e-9
                if unit <= 0.0:
                    unit = row["interval_secs"] if row["interval_secs"] > 0.0 else 1.0
                is_reset = value < before
                base = 0.0 if is_reset else before
                value = min((value - base) / unit, MAX_VALUE)
                if is_reset and row["n"] > 0:  # what was counted before the reset is lost: no less than the rate until then
                    value = max(value, row["previous"] + row["anchor"])
        is_ready = row["n"] >= grace_period
        centre, spread = score_learn(rows, means, spreads, counts, lags, parts, slot, times_ns[i], value)
        if is_ready:
            ready[i] = True
            score[i] = 1.0 - row["tail_probability"]
            expected[i] = base + centre * unit
            scale[i] = spread * unit
        if points.size:
            points[i] = row["point_score"]
        for j in range(n_columns):
            part_columns[i, j] = parts[slot, j]
