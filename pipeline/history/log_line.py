"""Plain log lines: the time at their head, the severity word, the text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime, tzinfo
from typing import NamedTuple

from pipeline.errors import HistoryError
from pipeline.history.times import datetime_to_ns, parse_iso, parse_number

__all__ = ["ParsedLine", "find_level", "parse_line", "read_leading_time"]

_LEVEL = re.compile(r"\b(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL|SEVERE|EMERGENCY|ALERT)\b", re.IGNORECASE)
_LEVEL_WITHIN_CHARACTERS = 80

_Reader = Callable[[re.Match[str], tzinfo], int]


def _iso(found: re.Match[str], zone: tzinfo) -> int:
    return parse_iso(f"{found['date']}T{found['time']}{found['zone'] or ''}", zone)


def _strptime(pattern: str) -> _Reader:
    def read(found: re.Match[str], zone: tzinfo) -> int:
        return datetime_to_ns(datetime.strptime(found["text"], pattern), zone)  # noqa: DTZ007 - the zone is added there

    return read


def _epoch(found: re.Match[str], zone: tzinfo) -> int:
    del zone  # seconds since 1970 have none
    return parse_number(int(found["text"]))


# Each is tried at the head of the line, behind an optional bracket or alert mark ("- " in BGL and Thunderbird).
_FORMS: tuple[tuple[re.Pattern[str], _Reader], ...] = tuple(
    (re.compile(r"^(?:- )?\[?" + pattern + r"\]?,?\s*"), reader)
    for pattern, reader in (
        (r"(?P<date>\d{4}-\d\d-\d\d)[ T](?P<time>\d\d:\d\d:\d\d(?:[.,]\d{1,9})?)(?P<zone>Z|[+-]\d\d:?\d\d)?", _iso),
        (r"(?P<text>1\d{9})(?= )", _epoch),
        (r"(?P<text>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)", _strptime("%Y/%m/%d %H:%M:%S")),
        (r"(?P<text>\d\d/\d\d/\d\d \d\d:\d\d:\d\d)", _strptime("%y/%m/%d %H:%M:%S")),
        (r"(?P<text>\d{6} \d{6})(?= )", _strptime("%y%m%d %H%M%S")),
        (r"(?P<text>[A-Z][a-z]{2} [A-Z][a-z]{2} +\d\d? \d\d:\d\d:\d\d \d{4})", _strptime("%a %b %d %H:%M:%S %Y")),
        (r"(?P<text>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})", _strptime("%d/%b/%Y:%H:%M:%S %z")),
    )
)


class ParsedLine(NamedTuple):
    """A line in parts.

    Attributes
    ----------
    event_time_ns : int
        ns UTC; of the line before when the line itself has no time.
    level : str
        Upper-case severity word, "" = none found.
    message : str
        What follows the time.
    """

    event_time_ns: int
    level: str
    message: str


def read_leading_time(line: str, zone: tzinfo) -> tuple[int, int] | None:
    """The time at the head of a line and where the text after it begins; None when there is none.

    Examples
    --------
    >>> from zoneinfo import ZoneInfo
    >>> read_leading_time("1970-01-01 00:00:01,500 INFO started", ZoneInfo("UTC"))
    (1500000000, 24)
    >>> read_leading_time("[Sun Dec 04 04:47:44 2005] [notice] ok", ZoneInfo("UTC"))
    (1133671664000000000, 27)
    >>> read_leading_time("  at java.lang.Thread.run", ZoneInfo("UTC")) is None
    True
    """
    for pattern, reader in _FORMS:
        found = pattern.match(line)
        if found is not None:
            try:
                return reader(found, zone), found.end()
            except (ValueError, OverflowError):
                continue
    return None


def find_level(text: str) -> str:
    """The first severity word near the head of a text, in upper case; "" = none.

    Examples
    --------
    >>> find_level("[main] warning: disk is nearly full"), find_level("all is well")
    ('WARNING', '')
    """
    found = _LEVEL.search(text, 0, _LEVEL_WITHIN_CHARACTERS)
    return found.group(1).upper() if found is not None else ""


def parse_line(line: str, zone: tzinfo, previous_ns: int | None) -> ParsedLine | None:
    """A line in parts; None when neither it nor any line before has a time.

    Examples
    --------
    >>> from zoneinfo import ZoneInfo
    >>> parse_line("1970-01-01T00:00:01Z ERROR disk full", ZoneInfo("UTC"), None)
    ParsedLine(event_time_ns=1000000000, level='ERROR', message='ERROR disk full')
    """
    head = read_leading_time(line, zone)
    if head is None:
        return None if previous_ns is None else ParsedLine(previous_ns, find_level(line), line)
    event_time_ns, start = head
    message = line[start:]
    return ParsedLine(event_time_ns, find_level(message), message)


def first_time(lines: Iterable[str], zone: tzinfo, where: str) -> int:
    """The first time found at the head of any of `lines`.

    Raises
    ------
    HistoryError
        There is none (``HISTORY_TIME``).
    """
    first = ""
    for line in lines:
        first = first or line
        head = read_leading_time(line, zone)
        if head is not None:
            return head[0]
    raise HistoryError(
        f"{where}: found {first[:60]!r}, expected a time at the head of the lines, such as 2026-11-24T10:00:00Z; "
        "convert the file to JSON lines with ts and message, or to CSV with --time-format",
        code="HISTORY_TIME",
    )
