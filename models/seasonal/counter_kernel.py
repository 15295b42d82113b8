"""Kernels that tell counters from gauges: a counter only grows, but for resets, and is scored by its rate.

A series is *watched* until it shows what it is.  A value below zero, or one that falls by less than half, proves a gauge for good.
A run of `RUN` samples without a fall, `RISES` of them rises, proves a counter, until it falls by less than half after all.  A fall
by more than half is a reset, as in Prometheus: the counter began anew at zero.  What it counted between the sample before and the
reset is lost, so the rate of that sample is only known not to be less; it counts as no less than the rate before.
"""

from __future__ import annotations

from models.jit import kernel
from models.state_array import Row

WATCHED, GAUGE, COUNTER = 0, 1, 2
RUN = 64
RISES = 32
RESET_SHARE = 0.5


@kernel
def is_fall(before: float, value: float) -> bool:
    """True when no counter goes from `before` to `value`: it fell, and not by a reset."""
    return value < 0.0 or (value < before and value >= RESET_SHARE * before)


@kernel
def tell_kind(row: Row, value: float) -> int:
    """What the series is, now that `value` is seen; the watch is kept in `row`, its kind is not changed."""
    if row["kind"] == GAUGE:
        return GAUGE
    before = row["last_value"]
    if row["n_run"] == 0:
        before = value
    if is_fall(before, value):
        return GAUGE
    if row["kind"] == COUNTER:
        return COUNTER
    if value < before:
        row["n_run"] = 0
        row["n_rises"] = 0
    row["n_run"] += 1
    if value > before:
        row["n_rises"] += 1
    return COUNTER if row["n_run"] >= RUN and row["n_rises"] >= RISES else WATCHED
