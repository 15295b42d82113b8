"""The rule of `pipeline.codecs.timestamps` as kernels; -1 = for that module to judge."""

from __future__ import annotations

import numpy as np

from models.jit import kernel_bare, kernel_inline
from models.state_array import StateArray
from pipeline.codecs.json_kernel import NINE, QUOTE, ZERO, byte_at

END_SECS = 7_258_118_400
NS = 1_000_000_000
END_NS = END_SECS * NS
DAYS_BEFORE_MONTH = np.array([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334], dtype=np.int64)


@kernel_inline
def unit_of(magnitude: float) -> int:
    """Nanoseconds a unit of a number of this size stands for; 0 = out of range."""
    if magnitude < 1e11:
        return NS
    if magnitude < 1e14:
        return 1_000_000
    if magnitude < 1e17:
        return 1_000
    return 1 if magnitude < 1e19 else 0


@kernel_inline
def time_of_integer(number: int) -> int:
    """Event time of a whole number from 0 on, ns UTC."""
    unit_ns = 1
    if number < 100_000_000_000:
        unit_ns = NS
    elif number < 100_000_000_000_000:
        unit_ns = 1_000_000
    elif number < 100_000_000_000_000_000:
        unit_ns = 1_000
    return number * unit_ns if 0 <= number < END_NS // unit_ns else -1


@kernel_inline
def time_of_float(number: float) -> int:
    """Event time of a number from 0 on, ns UTC, to the nearest microsecond; from 1e17 on, of whole nanoseconds."""
    unit_ns = unit_of(number)
    if not 0.0 <= number < 9e18 or unit_ns == 0:
        return -1
    whole = int(number)
    if whole >= END_NS // unit_ns:
        return -1
    event_time_ns = whole * unit_ns
    if unit_ns > 1:
        event_time_ns += int(np.rint((number - float(whole)) * float(unit_ns // 1_000))) * 1_000
    return event_time_ns if event_time_ns < END_NS else -1


@kernel_inline
def two_digits(data: StateArray, at: int) -> int:
    """The number two digits make; -1000 when they are none."""
    if ZERO <= data[at] <= NINE and ZERO <= data[at + 1] <= NINE:
        return int(data[at] - ZERO) * 10 + int(data[at + 1] - ZERO)
    return -1_000


@kernel_bare
def read_rfc3339(data: StateArray, at: int, end: int) -> tuple[int, int]:
    """Event time of the text whose first byte is at `at`, ns UTC, and the position after its quote; -1, -1 when not certain.

    Years 1970 to 2199; ``2026-11-24T10:00:00.5+02:00``, with Z, an offset with a colon, or none.
    """
    if end - at < 20:
        return -1, -1
    year = two_digits(data, at) * 100 + two_digits(data, at + 2)
    month = two_digits(data, at + 5)
    day = two_digits(data, at + 8)
    hour = two_digits(data, at + 11)
    minute = two_digits(data, at + 14)
    second = two_digits(data, at + 17)
    is_marked = data[at + 4] == 45 and data[at + 7] == 45 and data[at + 13] == 58 and data[at + 16] == 58
    if not is_marked or data[at + 10] not in (84, 116, 32) or not (1970 <= year < 2200 and 1 <= month <= 12 and day >= 1):
        return -1, -1
    is_leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0
    month_end = 31 if month == 12 else DAYS_BEFORE_MONTH[month] - DAYS_BEFORE_MONTH[month - 1]
    if month == 2 and is_leap:
        month_end += 1
    if day > month_end or not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60):
        return -1, -1
    years = year - 1970
    n_leap_days = (year - 1) // 4 - (year - 1) // 100 + (year - 1) // 400 - 477
    days = years * 365 + n_leap_days + DAYS_BEFORE_MONTH[month - 1] + day - 1
    if is_leap and month > 2:
        days += 1
    secs = days * 86_400 + hour * 3_600 + minute * 60 + second
    at += 19
    fraction_ns = 0
    if byte_at(data, at, end) == 46:
        at += 1
        first = at
        scale = NS
        while at < end and ZERO <= data[at] <= NINE:
            if scale > 1:
                scale //= 10
                fraction_ns += int(data[at] - ZERO) * scale
            at += 1
        if at == first:
            return -1, -1
    zone = byte_at(data, at, end)
    if zone | 32 == 122:
        at += 1
    elif zone in (43, 45):
        if end - at < 7 or data[at + 3] != 58:
            return -1, -1
        offset_hours = two_digits(data, at + 1)
        offset_minutes = two_digits(data, at + 4)
        if not (0 <= offset_hours < 24 and 0 <= offset_minutes < 60):
            return -1, -1
        offset_secs = offset_hours * 3_600 + offset_minutes * 60
        secs += offset_secs if zone == 45 else -offset_secs
        at += 6
    if byte_at(data, at, end) != QUOTE or not 0 <= secs < END_SECS:
        return -1, -1
    return secs * NS + fraction_ns, at + 1
