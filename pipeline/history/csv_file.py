"""CSV files: rows with their line numbers; comma, semicolon, tab or bar between the cells."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from pipeline.errors import HistoryError
from pipeline.history.entry import Entry
from pipeline.history.options import HistoryOptions
from pipeline.history.table import Row, read_table

__all__ = ["read_csv"]

_DELIMITERS = ",;\t|"


def read_csv(lines: Iterator[str], options: HistoryOptions, *, file: str, stem: str) -> Iterator[Entry]:
    """Entries of a CSV file with a header line.

    Raises
    ------
    HistoryError
        Empty, without a header, of uneven rows, or a cell is not what its column says.

    Examples
    --------
    >>> lines = iter(["ts,host,cpu\\n", "1392388200,n1,0.5\\n"])
    >>> [entry.text.key for entry in read_csv(lines, HistoryOptions(name="cpu"), file="a.csv", stem="a")]
    [b'cpu{host="n1"}']
    """
    header = next((line for line in lines if line.strip()), "")
    if not header:
        raise HistoryError(f"{file}: found an empty file, expected a header line and rows", code="HISTORY_FILE")
    delimiter = max(_DELIMITERS, key=header.count)
    names = next(csv.reader([header], delimiter=delimiter))
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise HistoryError(
            f"{file}:1: found column {repeated[0]!r} more than once, expected different names; rename one", code="HISTORY_COLUMN"
        )
    return read_table(names, _rows(lines, delimiter, len(names), file), options, file=file, stem=stem)


def _rows(lines: Iterator[str], delimiter: str, n_columns: int, file: str) -> Iterator[Row]:
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        for cells in reader:
            if not cells:
                continue
            if len(cells) != n_columns:
                raise HistoryError(
                    f"{file}:{reader.line_num + 1}: found {len(cells)} cells, expected {n_columns} as in the header; "
                    "quote cells that hold the delimiter",
                    code="HISTORY_COLUMN",
                )
            yield reader.line_num + 1, cells
    except csv.Error as error:
        raise HistoryError(f"{file}:{reader.line_num + 1}: {error}; expected CSV; mend quotes", code="HISTORY_FILE") from error
