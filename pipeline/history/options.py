"""What a reader is told about its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.errors import HistoryError

__all__ = ["UTC", "HistoryOptions", "load_timezone"]

UTC: tzinfo = ZoneInfo("UTC")


def load_timezone(name: str) -> tzinfo:
    """The time zone of an IANA name.

    Raises
    ------
    HistoryError
        No such zone (``HISTORY_TIMEZONE``).

    Examples
    --------
    >>> str(load_timezone("Europe/Berlin"))
    'Europe/Berlin'
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise HistoryError(
            f"time zone: found {name!r}, expected an IANA name; write e.g. --timezone Europe/Berlin",
            code="HISTORY_TIMEZONE",
        ) from error


@dataclass(frozen=True, slots=True)
class HistoryOptions:
    """How to read files whose own shape does not say everything.

    Attributes
    ----------
    time_column : str or None
        Column with the event time; None = found by its name.
    time_format : str or None
        `strptime` pattern of the times; None = found by trying.
    timezone : tzinfo
        Zone of times that carry none.
    name : str or None
        Metric name of a file with one value column, in place of the file's name.
    value_columns, label_columns : tuple of str
        Columns with values and with labels; empty = numbers are values, text is labels.
    labels : mapping of str to str
        Labels added to every series or line that lacks them.

    Examples
    --------
    >>> HistoryOptions(labels={"region": "eu-west-1"}).time_column is None
    True
    """

    time_column: str | None = None
    time_format: str | None = None
    timezone: tzinfo = UTC
    name: str | None = None
    value_columns: tuple[str, ...] = ()
    label_columns: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
