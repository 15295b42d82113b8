"""The shape of a table: which column is the time, which hold values, names and labels, and which is a log line.

Three shapes of metrics are read:

* one series: a time column and one column of values (NAB's files); the series is called like the file;
* wide: a time column and several number columns, each a series called like the column;
* long: a time column, a name column, a value column; every other column is a label.

Text columns of the first two are labels.  A table with a column called like a log line, and none called value, is read as logs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.errors import HistoryError
from pipeline.history.options import HistoryOptions

__all__ = ["MISSING", "TableShape", "find_shape", "is_missing", "metric_name", "read_value"]

MISSING = frozenset({"", "nan", "null", "none", "na", "n/a"})
"""Cells, in lower case, that mean there is no sample."""

_TIME_COLUMNS = ("timestamp", "time", "event_time", "@timestamp", "datetime", "ts", "date")
_NAME_COLUMNS = ("name", "metric", "metric_name", "__name__")
_VALUE_COLUMNS = ("value", "y")
_MESSAGE_COLUMNS = ("content", "message", "log", "line")
_LEVEL_COLUMNS = ("level", "severity")
_NOT_IN_NAME = re.compile(r"[^a-zA-Z0-9_:]+")


@dataclass(frozen=True, slots=True)
class TableShape:
    """Column numbers by role.

    Attributes
    ----------
    kind : {"metrics", "logs"}
        What the rows hold.
    time : int or None
        Column of the event time; None only for logs, whose lines may carry it.
    name : int or None
        Column of metric names: the long shape.
    values : tuple of int
        Value columns; for logs the one column of lines.
    labels : tuple of int
        Label columns.
    level : int or None
        Column of severity words, for logs.
    line : int or None
        Column of whole log lines, for logs without a time column: the time is looked for at its start.
    """

    kind: Literal["metrics", "logs"]
    time: int | None
    name: int | None
    values: tuple[int, ...]
    labels: tuple[int, ...]
    level: int | None = None
    line: int | None = None

    @property
    def is_wide(self) -> bool:
        """Whether the columns, not the file, name the series."""
        return self.name is None and len(self.values) > 1


def metric_name(text: str) -> str:
    """`text` as a metric name: anything but letters, digits, ``_`` and ``:`` becomes ``_``.

    Examples
    --------
    >>> metric_name("iio_us-east-1_i-a2eb1cd9_NetworkIn"), metric_name("2xx rate")
    ('iio_us_east_1_i_a2eb1cd9_NetworkIn', '_2xx_rate')
    """
    name = _NOT_IN_NAME.sub("_", text) or "_"
    return f"_{name}" if name[0].isdigit() else name


def is_missing(cell: object) -> bool:
    """Whether a cell says that there is no sample.

    Examples
    --------
    >>> is_missing(" NaN "), is_missing(None), is_missing(float("nan")), is_missing("0")
    (True, True, True, False)
    """
    if cell is None:
        return True
    if isinstance(cell, float):
        return math.isnan(cell)
    return isinstance(cell, str) and cell.strip().lower() in MISSING


def read_value(cell: object) -> float:
    """The finite number in a cell that is not missing.

    Raises
    ------
    ValueError
        There is none.

    Examples
    --------
    >>> read_value("1e3"), read_value(True)
    (1000.0, 1.0)
    """
    if not isinstance(cell, str | int | float):
        raise ValueError(f"{cell!r} is not a number")
    # Python reads "1_000" as a number; files do not mean it so.
    if isinstance(cell, str) and "_" in cell:
        raise ValueError(f"{cell!r} is not a number")
    value = float(cell)
    if not math.isfinite(value):
        raise ValueError(f"{cell!r} is not finite")
    return value


def _is_number_column(rows: Sequence[Sequence[object]], column: int) -> bool:
    n_numbers = 0
    for row in rows:
        cell = row[column] if column < len(row) else None
        if is_missing(cell):
            continue
        try:
            read_value(cell)
        except ValueError:
            return False
        n_numbers += 1
    return n_numbers > 0


def _first_of(names: Sequence[str], candidates: Sequence[str]) -> int | None:
    lowered = [name.strip().lower() for name in names]
    return next((lowered.index(candidate) for candidate in candidates if candidate in lowered), None)


def _column(names: Sequence[str], wanted: str, option: str, where: str) -> int:
    for i, name in enumerate(names):
        if name.strip() == wanted:
            return i
    raise HistoryError(
        f"{where}: expected a column {wanted!r} ({option}), found {', '.join(repr(name) for name in names)}; correct {option}",
        code="HISTORY_COLUMN",
    )


def find_shape(names: Sequence[str], rows: Sequence[Sequence[object]], options: HistoryOptions, where: str) -> TableShape:
    """The shape of a table, from its column names and its first rows.

    Parameters
    ----------
    names : sequence of str
        Column names.
    rows : sequence of rows
        The first rows; a column counts as numbers when every cell of them that is not missing is one, or when it is called so.
    options : HistoryOptions
        What the user said; it goes before what is found.
    where : str
        The file, for messages.

    Raises
    ------
    HistoryError
        A named column is not there, or nothing can be a time or a value (``HISTORY_COLUMN``).

    Examples
    --------
    >>> find_shape(["timestamp", "value"], [["2014-02-14 14:30:00", "0.1"]], HistoryOptions(), "a.csv").values
    (1,)
    >>> rows = [["1", "n1", "0.1", ""], ["2", "n1", "0.2", "7"]]
    >>> find_shape(["ts", "host", "cpu", "mem"], rows, HistoryOptions(), "a.csv").labels
    (1,)
    """
    time = _first_of(names, _TIME_COLUMNS)
    if options.time_column is not None:
        time = _column(names, options.time_column, "--time-column", where)
    labels = [_column(names, name, "--label-column", where) for name in options.label_columns]
    values = [_column(names, name, "--value-column", where) for name in options.value_columns]
    value = _first_of(names, _VALUE_COLUMNS)
    if not values and value is None and _first_of(names, _MESSAGE_COLUMNS) is not None:
        return _log_shape(names, time, labels)
    name = None if options.name is not None or values else _first_of(names, _NAME_COLUMNS)
    if name is not None and value is not None:
        values = [value]
    elif not values:
        name = None
        others = (i for i in range(len(names)) if i not in {time, *labels})
        values = [i for i in others if i == value or _is_number_column(rows, i)]
    if not options.label_columns:
        labels = [i for i in range(len(names)) if i not in {time, name, *values}]
    listed = ", ".join(repr(column) for column in names)
    if not values:
        raise HistoryError(
            f"{where}: expected a column of numbers, or of log lines ({', '.join(_MESSAGE_COLUMNS)}), found {listed}; "
            "name the numbers with --value-column",
            code="HISTORY_COLUMN",
        )
    if time is None:
        raise HistoryError(
            f"{where}: expected a time column ({', '.join(_TIME_COLUMNS)}), found {listed}; name it with --time-column",
            code="HISTORY_COLUMN",
        )
    return TableShape("metrics", time, name, tuple(values), tuple(labels))


def _log_shape(names: Sequence[str], time: int | None, labels: Sequence[int]) -> TableShape:
    # Only columns the user named are labels of log lines: the parsed parts of a line would make a source of every line.
    message = _first_of(names, _MESSAGE_COLUMNS)
    line = _first_of(names, _MESSAGE_COLUMNS[::-1])
    assert message is not None
    return TableShape(
        "logs", time, None, (message,), tuple(labels), _first_of(names, _LEVEL_COLUMNS), line if time is None else None
    )
