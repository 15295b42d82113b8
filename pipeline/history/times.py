"""Event times of files: which form a column's times have, and the parser for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, tzinfo

from pipeline.errors import HistoryError

__all__ = ["TimeParser", "choose_time_parser", "datetime_to_ns", "parse_iso", "parse_number"]

TimeParser = Callable[[object], int]
"""Cell → event time, ns UTC.  Raises ValueError for what it cannot read."""

_NS_PER_SEC = 1_000_000_000
_FRACTION = re.compile(r"[.,](\d{1,9})\d*")
# A number of seconds has at most this magnitude (the year 5138), of milliseconds a thousand times it, and so on.
_SECONDS_BELOW = 100_000_000_000
_PATTERNS = (
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%d %b %Y %H:%M:%S",
    "%d/%b/%Y:%H:%M:%S %z",
    "%a %b %d %H:%M:%S %Y",
    "%a, %d %b %Y %H:%M:%S %z",
)


def datetime_to_ns(moment: datetime, zone: tzinfo) -> int:
    """ns UTC of a datetime; one without a zone is taken to be in `zone`.

    Examples
    --------
    >>> from zoneinfo import ZoneInfo
    >>> datetime_to_ns(datetime(1970, 1, 1, 1, 0, 0, 5), ZoneInfo("Europe/Berlin"))
    5000
    """
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
    whole = aware.replace(microsecond=0)
    return int(whole.timestamp()) * _NS_PER_SEC + aware.microsecond * 1_000


def parse_iso(text: str, zone: tzinfo) -> int:
    """ns UTC of an ISO 8601 or RFC 3339 text; up to nine digits of fraction are kept.

    Raises
    ------
    ValueError
        It is none.

    Examples
    --------
    >>> from zoneinfo import ZoneInfo
    >>> parse_iso("1970-01-01 00:00:01.000000002", ZoneInfo("UTC")), parse_iso("1970-01-01T01:00:00+01:00", ZoneInfo("UTC"))
    (1000000002, 0)
    """
    fraction_ns = 0
    found = _FRACTION.search(text)
    if found is not None:
        fraction_ns = int(found.group(1).ljust(9, "0"))
        text = text[: found.start()] + text[found.end() :]
    return datetime_to_ns(datetime.fromisoformat(text), zone) + fraction_ns


def parse_number(number: float) -> int:
    """ns UTC of a number of seconds, milliseconds, microseconds or nanoseconds since 1970; its magnitude tells which.

    Raises
    ------
    ValueError
        Not finite, or too large for any of the units.

    Examples
    --------
    >>> parse_number(1_392_388_200) == parse_number(1_392_388_200_000) == parse_number(1_392_388_200_000_000)
    True
    """
    unit_ns = _NS_PER_SEC
    ceiling = _SECONDS_BELOW
    while unit_ns >= 1:
        if -ceiling < number < ceiling:
            if isinstance(number, int):
                return number * unit_ns
            whole = int(number)
            return whole * unit_ns + round((number - whole) * unit_ns)
        unit_ns //= 1_000
        ceiling *= 1_000
    raise ValueError(f"{number!r} is too large for a time")


def _read_number(cell: object) -> int:
    if isinstance(cell, bool) or not isinstance(cell, int | float | str):
        raise ValueError(f"{cell!r} is not a number")
    if isinstance(cell, str):
        text = cell.strip()
        return parse_number(int(text) if text.lstrip("+-").isdigit() else float(text))
    return parse_number(cell)


def _read_iso(zone: tzinfo) -> TimeParser:
    def read(cell: object) -> int:
        if isinstance(cell, datetime):
            return datetime_to_ns(cell, zone)
        if isinstance(cell, date):
            return datetime_to_ns(datetime(cell.year, cell.month, cell.day), zone)  # noqa: DTZ001 - the zone is added there
        if not isinstance(cell, str):
            raise ValueError(f"{cell!r} is not a date and time")
        return parse_iso(cell.strip(), zone)

    return read


def _read_pattern(pattern: str, zone: tzinfo) -> TimeParser:
    def read(cell: object) -> int:
        if not isinstance(cell, str):
            raise ValueError(f"{cell!r} is not text")
        return datetime_to_ns(datetime.strptime(cell.strip(), pattern), zone)  # noqa: DTZ007 - the zone is added there

    return read


def _fits(parser: TimeParser, cells: Sequence[object]) -> bool:
    try:
        for cell in cells:
            parser(cell)
    except (ValueError, OverflowError):
        return False
    return True


def choose_time_parser(cells: Sequence[object], *, time_format: str | None, zone: tzinfo, where: str) -> TimeParser:
    """The parser that reads all of a column's first times.

    Parameters
    ----------
    cells : sequence
        The first times of the column, not empty.
    time_format : str or None
        `strptime` pattern; None = try numbers, ISO 8601, then a few unambiguous patterns.
    zone : tzinfo
        Zone of times that carry none.
    where : str
        File and column, for the message.

    Raises
    ------
    HistoryError
        Nothing fits all of them (``HISTORY_TIME``).

    Examples
    --------
    >>> from zoneinfo import ZoneInfo
    >>> choose_time_parser(["2014-02-14 14:30:00"], time_format=None, zone=ZoneInfo("UTC"), where="a.csv")("1970-01-01 00:00:01")
    1000000000
    """
    if time_format is not None:
        parser = _read_pattern(time_format, zone)
        if not _fits(parser, cells):
            raise HistoryError(
                f"{where}: found {cells[0]!r}, expected a time of the form {time_format!r}; correct --time-format",
                code="HISTORY_TIME",
            )
        return parser
    for candidate in (_read_number, _read_iso(zone), *(_read_pattern(pattern, zone) for pattern in _PATTERNS)):
        if _fits(candidate, cells):
            return candidate
    raise HistoryError(
        f"{where}: found {cells[0]!r}, expected a time: seconds, milliseconds, microseconds or nanoseconds since 1970, or "
        "ISO 8601; for any other form give --time-format, e.g. '%d/%m/%Y %H:%M'",
        code="HISTORY_TIME",
    )
