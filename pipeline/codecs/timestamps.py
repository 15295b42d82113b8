"""Timestamps of records: numbers and RFC 3339 text → event time, ns UTC.

The rule for numbers, by magnitude alone, so that a record means the same in any company:

================================  ============  =================================
number                            taken as      of a float, kept to the nearest
================================  ============  =================================
0 ≤ ts < 100,000,000,000          seconds       microsecond
< 100,000,000,000,000             milliseconds  microsecond
< 100,000,000,000,000,000         microseconds  microsecond
from there on                     nanoseconds   nanosecond
================================  ============  =================================

Integers are exact.  A float of seconds has a resolution of 0.24 µs in this century, so its digits below the microsecond are
noise; rounded, it is the number the producer wrote.  Text is RFC 3339: any offset, a missing one counts as UTC, a space before it
is allowed (Ruby and so Fluentd write one), fractions are kept to the nanosecond (further digits are cut), a 60th second is the
first of the next minute.  Event times lie in 1970-01-01 ≤ t < 2200-01-01, where differences of two always fit 64 bits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from pipeline.clock import NS_PER_SEC
from pipeline.codecs.excerpt import quote
from pipeline.errors import DecodeError

__all__ = ["END_NS", "RawTime", "parse_number", "parse_rfc3339", "parse_time", "parse_times"]

RawTime = int | float | str
"""A timestamp as JSON has it."""

END_NS = 7_258_118_400 * NS_PER_SEC
"""First instant that is out of range: 2200-01-01 UTC."""

_UNITS = (
    (0, 10**11, 10**9),
    (10**11, 10**14, 10**6),
    (10**14, 10**17, 10**3),
    (10**17, END_NS, 1),
)
_EXACT_BELOW = 2**53
_CURE = "send seconds or milliseconds since 1970, or RFC 3339 text such as 2026-11-24T10:00:00.5Z"
_TEXT = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?: ?(?:[Zz]|([+-])(\d\d):?(\d\d)))?", re.ASCII)
_EPOCH_ORDINAL = datetime(1970, 1, 1, tzinfo=UTC).toordinal()


def _range_error(raw: RawTime, where: str) -> DecodeError:
    return DecodeError(
        f"{where}: found {quote(str(raw))}, expected a time from 1970-01-01 up to 2200-01-01; {_CURE}", code="TIME_RANGE"
    )


def parse_number(number: int | float, where: str = "ts") -> int:
    """Event time, ns UTC, of a number; its magnitude tells the unit (see the module).

    Raises
    ------
    DecodeError
        Before 1970, from 2200 on, or not finite (``TIME_RANGE``).

    Examples
    --------
    >>> {parse_number(n) for n in (1_700_000_000, 1_700_000_000.0, 1_700_000_000_000, 1_700_000_000_000_000_000)}
    {1700000000000000000}
    >>> parse_number(1_700_000_000.123)
    1700000000123000000
    """
    for least, below, unit_ns in _UNITS:
        if least <= number < below:
            whole = int(number)
            event_time_ns = whole * unit_ns
            if isinstance(number, float) and unit_ns > 1:
                event_time_ns += round((number - whole) * (unit_ns // 1_000)) * 1_000
            if event_time_ns < END_NS:
                return event_time_ns
            break
    raise _range_error(number, where)


def parse_rfc3339(text: str, where: str = "ts") -> int:
    """Event time, ns UTC, of RFC 3339 text.

    Raises
    ------
    DecodeError
        Not such text (``TIME_FORMAT``), or out of range (``TIME_RANGE``).

    Examples
    --------
    >>> parse_rfc3339("2023-11-14T22:13:20.000000001Z"), parse_rfc3339("2023-11-15 00:13:20,5+02:00")
    (1700000000000000001, 1700000000500000000)
    """
    found = _TEXT.fullmatch(text)
    if found is not None:
        date, hour, minute, second, fraction, sign, offset_hour, offset_minute = found.groups()
        try:
            days = datetime.fromisoformat(date).toordinal() - _EPOCH_ORDINAL
        except ValueError:
            days = None
        hours, minutes, secs = int(hour), int(minute), int(second)
        offset_secs = 0
        if sign is not None:
            offset_hours, offset_minutes = int(offset_hour), int(offset_minute)
            if offset_hours > 23 or offset_minutes > 59:
                days = None
            offset_secs = (offset_hours * 60 + offset_minutes) * (60 if sign == "+" else -60)
        if days is not None and hours < 24 and minutes < 60 and secs <= 60:
            whole = days * 86_400 + hours * 3_600 + minutes * 60 + secs - offset_secs
            event_time_ns = whole * NS_PER_SEC + (int(fraction[:9].ljust(9, "0")) if fraction else 0)
            if 0 <= event_time_ns < END_NS:
                return event_time_ns
            raise _range_error(text, where)
    raise DecodeError(f"{where}: found {quote(text)}, expected a time; {_CURE}", code="TIME_FORMAT")


def parse_time(raw: RawTime, where: str = "ts") -> int:
    """Event time, ns UTC, of a timestamp in either form.

    Raises
    ------
    DecodeError
        ``TIME_FORMAT`` or ``TIME_RANGE``.

    Examples
    --------
    >>> parse_time("1970-01-01T00:00:01Z") == parse_time(1)
    True
    """
    return parse_rfc3339(raw, where) if isinstance(raw, str) else parse_number(raw, where)


def parse_times(raw: Sequence[RawTime | None]) -> npt.NDArray[np.int64] | None:
    """Event times of a whole column of numbers of one unit; None when they must be parsed one by one.

    Gives what `parse_number` gives, or nothing.

    Parameters
    ----------
    raw : sequence of M
        Timestamps as decoded; not empty.

    Returns
    -------
    (M,) int64, ns UTC, or None

    Examples
    --------
    >>> parse_times([1_700_000_000_000, 1_700_000_000_001])
    array([1700000000000000000, 1700000000001000000])
    >>> parse_times([1_700_000_000, "1970-01-01T00:00:00Z"]) is None
    True
    """
    try:
        column = np.array(raw)
    except (ValueError, OverflowError):
        return None
    if column.dtype.kind not in "if":
        return None
    lowest, highest = column.min(), column.max()
    for least, below, unit_ns in _UNITS:
        if highest < below:
            if lowest < least or highest >= END_NS // unit_ns:
                return None
            if column.dtype.kind == "i":
                exact: npt.NDArray[np.int64] = column.astype(np.int64, copy=False) * unit_ns
                return exact
            # An integer among floats has become a float: exact below 2**53 only.
            if highest >= _EXACT_BELOW:
                return None
            whole = np.floor(column)
            rounded_us = np.rint((column - whole) * (unit_ns // 1_000)).astype(np.int64)
            event_time_ns: npt.NDArray[np.int64] = whole.astype(np.int64) * unit_ns + rounded_us * 1_000
            return event_time_ns
    return None
