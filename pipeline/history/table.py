"""Rows of a table → entries: one walker for CSV and Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice

from pipeline.errors import HistoryError, SampleError
from pipeline.history.entry import Entry, LineEntry, LineSource, SampleEntry, SeriesText
from pipeline.history.log_line import find_level, first_time, read_leading_time
from pipeline.history.options import HistoryOptions
from pipeline.history.shape import TableShape, find_shape, is_missing, metric_name, read_value
from pipeline.history.times import TimeParser, choose_time_parser
from pipeline.samples.labels import NAME_LABEL, LabelSet

__all__ = ["N_SHAPE_ROWS", "Row", "read_table"]

N_SHAPE_ROWS = 200
"""Rows that are looked at to find a table's shape and the form of its times."""

Row = tuple[int, Sequence[object]]
"""Line or row number as the user counts it, and the cells."""


class _Times:
    """The event time of each row."""

    def __init__(self, column: int, name: str, parser: TimeParser, file: str) -> None:
        self._column = column
        self._name = name
        self._parser = parser
        self._file = file

    def read(self, number: int, cells: Sequence[object]) -> int:
        cell = cells[self._column] if self._column < len(cells) else None
        try:
            return self._parser(cell)
        except (ValueError, OverflowError) as error:
            raise HistoryError(
                f"{self._file}:{number}: column {self._name!r}: found {cell!r}, expected a time like those above it; "
                "correct the cell, or give --time-format",
                code="HISTORY_TIME",
            ) from error


class _Labels:
    """The labels of a row's cells; the options' labels fill in what is missing."""

    def __init__(self, names: Sequence[str], columns: Sequence[int], options: HistoryOptions) -> None:
        self._columns = [(names[i].strip(), i) for i in columns]
        self._added = options.labels

    def key(self, cells: Sequence[object]) -> tuple[object, ...]:
        return tuple(cells[i] if i < len(cells) else None for _, i in self._columns)

    def read(self, cells: Sequence[object]) -> dict[str, str]:
        labels = dict(self._added)
        for name, i in self._columns:
            cell = cells[i] if i < len(cells) else None
            if cell is not None and str(cell).strip():
                labels[name] = str(cell).strip()
        return labels


def read_table(names: Sequence[str], rows: Iterable[Row], options: HistoryOptions, *, file: str, stem: str) -> Iterator[Entry]:
    """Entries of a table's rows.

    Parameters
    ----------
    names : sequence of str
        Column names.
    rows : iterable of Row
        Cells as text or as typed values.
    options : HistoryOptions
        What the user said.
    file, stem : str
        The file for messages; its bare name for series names.

    Raises
    ------
    HistoryError
        No rows, no usable shape, or, on the way, a cell that is not what its column says.

    Examples
    --------
    >>> rows = [(2, ["2014-02-14 14:30:00", "0.5"]), (3, ["2014-02-14 14:35:00", ""])]
    >>> entries = read_table(["timestamp", "value"], rows, HistoryOptions(), file="a.csv", stem="a")
    >>> [(entry.text.key, entry.value) for entry in entries]
    [(b'a', 0.5)]
    """
    iterator = iter(rows)
    first = list(islice(iterator, N_SHAPE_ROWS))
    if not first:
        raise HistoryError(f"{file}: found no rows, expected at least one below the header", code="HISTORY_FILE")
    shape = find_shape(names, [cells for _, cells in first], options, file)
    walk = _walk_metrics if shape.kind == "metrics" else _walk_logs
    return walk(shape, names, first, chain(first, iterator), options, file, stem)


def _times(shape: TableShape, names: Sequence[str], first: Sequence[Row], options: HistoryOptions, file: str) -> _Times:
    assert shape.time is not None
    name = names[shape.time].strip()
    cells = [row[shape.time] for _, row in first if shape.time < len(row) and not is_missing(row[shape.time])]
    if not cells:
        raise HistoryError(
            f"{file}: column {name!r}: found only empty cells in the first {len(first)} rows, expected times; "
            "name another column with --time-column",
            code="HISTORY_TIME",
        )
    parser = choose_time_parser(cells, time_format=options.time_format, zone=options.timezone, where=f"{file}: column {name!r}")
    return _Times(shape.time, name, parser, file)


def _walk_metrics(
    shape: TableShape,
    names: Sequence[str],
    first: Sequence[Row],
    rows: Iterable[Row],
    options: HistoryOptions,
    file: str,
    stem: str,
) -> Iterator[Entry]:
    times = _times(shape, names, first, options, file)
    labels = _Labels(names, shape.labels, options)
    texts: dict[tuple[object, ...], SeriesText] = {}
    for number, cells in rows:
        event_time_ns = times.read(number, cells)
        source = labels.key(cells)
        for column in shape.values:
            cell = cells[column] if column < len(cells) else None
            if is_missing(cell):
                continue
            try:
                value = read_value(cell)
            except ValueError as error:
                raise HistoryError(
                    f"{file}:{number}: column {names[column]!r}: found {cell!r}, expected a finite number; "
                    "correct the cell, or leave it empty for a missing sample",
                    code="HISTORY_VALUE",
                ) from error
            key = (column if shape.name is None else cells[shape.name], *source)
            text = texts.get(key)
            if text is None:
                name = _series_name(shape, names, cells, column, options, f"{file}:{number}", stem)
                found = labels.read(cells)
                if shape.is_wide:
                    found.setdefault("source", stem)
                text = texts[key] = _series_text(name, found, f"{file}:{number}")
            yield SampleEntry(event_time_ns, text, value)


def _series_name(
    shape: TableShape,
    names: Sequence[str],
    cells: Sequence[object],
    column: int,
    options: HistoryOptions,
    where: str,
    stem: str,
) -> str:
    if shape.name is not None:
        cell = cells[shape.name] if shape.name < len(cells) else None
        if is_missing(cell):
            raise HistoryError(
                f"{where}: column {names[shape.name]!r}: found {cell!r}, expected a metric name; fill the cell",
                code="HISTORY_COLUMN",
            )
        return str(cell).strip()
    if shape.is_wide:
        return metric_name(names[column].strip())
    return options.name or metric_name(stem)


def _series_text(name: str, labels: dict[str, str], where: str) -> SeriesText:
    try:
        return SeriesText(LabelSet({**labels, NAME_LABEL: name}))
    except SampleError as error:
        raise HistoryError(f"{where}: {error}", code="HISTORY_COLUMN") from error


def _walk_logs(
    shape: TableShape,
    names: Sequence[str],
    first: Sequence[Row],
    rows: Iterable[Row],
    options: HistoryOptions,
    file: str,
    stem: str,
) -> Iterator[Entry]:
    read_time = _line_times(shape, names, first, options, file)
    labels = _Labels(names, shape.labels, options)
    sources: dict[tuple[object, ...], LineSource] = {}
    (message_column,) = shape.values
    for number, cells in rows:
        event_time_ns = read_time(number, cells)
        message = cells[message_column] if message_column < len(cells) else None
        if message is None or not str(message).strip():
            continue
        key = labels.key(cells)
        source = sources.get(key)
        if source is None:
            found = labels.read(cells)
            found.setdefault("service", stem.lower())
            source = sources[key] = LineSource(found)
        level = cells[shape.level] if shape.level is not None and shape.level < len(cells) else None
        line = cells[shape.line] if shape.line is not None and shape.line < len(cells) else message
        yield LineEntry(event_time_ns, source, str(message), str(level).upper() if level else find_level(str(line)))


def _line_times(
    shape: TableShape, names: Sequence[str], first: Sequence[Row], options: HistoryOptions, file: str
) -> Callable[[int, Sequence[object]], int]:
    if shape.time is not None:
        return _times(shape, names, first, options, file).read
    assert shape.line is not None
    line_column = shape.line
    previous_ns = first_time((str(cells[line_column]) for _, cells in first), options.timezone, file)

    def read(number: int, cells: Sequence[object]) -> int:
        del number
        nonlocal previous_ns
        head = read_leading_time(str(cells[line_column]), options.timezone)
        if head is not None:
            previous_ns = head[0]
        return previous_ns

    return read
