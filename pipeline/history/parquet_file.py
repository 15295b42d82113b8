"""Parquet files: the same shapes as CSV, with typed cells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import HistoryError
from pipeline.history.entry import Entry
from pipeline.history.options import HistoryOptions
from pipeline.history.source_file import ReadPosition
from pipeline.history.table import Row, read_table

__all__ = ["read_parquet"]

_BATCH_ROWS = 16_384


def read_parquet(
    path: Path, options: HistoryOptions, *, stem: str, position: ReadPosition | None = None, file_number: int = 0
) -> Iterator[Entry]:
    """Entries of a Parquet file; columns of nested types are left out.

    Timestamps without a zone are taken to be in the zone of the options.

    Raises
    ------
    HistoryError
        Not a Parquet file, no usable shape, or a cell is not what its column says.
    """
    try:
        file = pq.ParquetFile(path)
    except OSError as error:
        raise HistoryError(
            f"{path}: {error.strerror or error}; expected a readable file of history", code="HISTORY_FILE"
        ) from error
    except pa.ArrowException as error:
        raise HistoryError(
            f"{path}: {error}; expected a Parquet file; rename it if it is not one", code="HISTORY_FILE"
        ) from error
    fields = [field for field in file.schema_arrow if not pa.types.is_nested(field.type)]
    names = [field.name for field in fields]
    rows = _rows(file, names, path, position, file_number)
    return read_table(names, rows, options, file=str(path), stem=stem)


def _rows(file: pq.ParquetFile, names: list[str], path: Path, position: ReadPosition | None, file_number: int) -> Iterator[Row]:
    n_bytes = path.stat().st_size
    n_total = max(file.metadata.num_rows, 1)
    number = 0
    with file:
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=names):
            columns = [_cells(column) for column in batch.columns]
            for cells in zip(*columns, strict=True):
                number += 1
                yield number, cells
            if position is not None:
                position.move(file_number, n_bytes * number // n_total)


def _cells(column: pa.Array) -> list[object]:
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        # Python's datetime ends at microseconds: such times go through as text, which keeps all nine digits.
        column = column.cast(pa.string())
    elif pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
    elif pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    cells: list[object] = column.to_pylist()
    return cells
