"""The event time inside a ready-made JSON record: found, read, and rewritten when history is shifted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

import orjson

from pipeline.history.times import parse_iso, parse_number

__all__ = ["find_raw_time", "shift_raw_time"]

_TIME_FIELDS = ("ts", "timestamp", "@timestamp", "time")
_NS_PER_SEC = 1_000_000_000
_NS_PER_MS = 1_000_000
_MS_FROM = 100_000_000_000


def find_raw_time(record: Mapping[str, Any], zone: tzinfo) -> tuple[str, int] | None:
    """The field that holds the time and the time, ns UTC; None when no field can be read as one.

    Examples
    --------
    >>> from zoneinfo import ZoneInfo
    >>> find_raw_time({"ts": 1392388200.5, "value": 1}, ZoneInfo("UTC"))
    ('ts', 1392388200500000000)
    >>> find_raw_time({"ts": None}, ZoneInfo("UTC")) is None
    True
    """
    for name in _TIME_FIELDS:
        cell = record.get(name)
        try:
            if isinstance(cell, str):
                return name, parse_iso(cell, zone)
            if isinstance(cell, int | float) and not isinstance(cell, bool):
                return name, parse_number(cell)
        except (ValueError, OverflowError):
            continue
    return None


def shift_raw_time(value: bytes, field: str, event_time_ns: int) -> bytes:
    """The record with another time in `field`, in the form it had: text, seconds or milliseconds.

    Examples
    --------
    >>> shift_raw_time(b'{"ts":1392388200,"value":1}', "ts", 1_700_000_000_250_000_000)
    b'{"ts":1700000000.25,"value":1}'
    """
    record = orjson.loads(value)
    cell = record[field]
    if isinstance(cell, str):
        secs, fraction_ns = divmod(event_time_ns, _NS_PER_SEC)
        record[field] = f"{datetime.fromtimestamp(secs, UTC):%Y-%m-%dT%H:%M:%S}.{fraction_ns:09d}Z"
    elif abs(cell) < _MS_FROM:
        secs, fraction_ns = divmod(event_time_ns, _NS_PER_SEC)
        record[field] = secs if fraction_ns == 0 else round(event_time_ns / _NS_PER_SEC, 3)
    else:
        record[field] = event_time_ns // _NS_PER_MS
    return orjson.dumps(record)
