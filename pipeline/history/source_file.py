"""A file of history: opened, unpacked, read line by line, with how far reading has come."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from pipeline.errors import HistoryError

__all__ = ["ReadPosition", "decode_lines", "read_lines"]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class ReadPosition:
    """How far reading has come, in bytes of the files as they lie on disk.

    Parameters
    ----------
    n_total_bytes : int
        Of all files.

    Examples
    --------
    >>> position = ReadPosition(10)
    >>> position.move(0, 4)
    >>> position.n_read_bytes, position.n_total_bytes
    (4, 10)
    """

    def __init__(self, n_total_bytes: int) -> None:
        self.n_total_bytes = n_total_bytes
        self._by_file: dict[int, int] = {}

    @property
    def n_read_bytes(self) -> int:
        """Of all files."""
        return sum(self._by_file.values())

    def move(self, file_number: int, n_bytes: int) -> None:
        """Set how far one file is read."""
        self._by_file[file_number] = n_bytes


def read_lines(path: Path, position: ReadPosition | None = None, file_number: int = 0) -> Iterator[bytes]:
    """The file's lines with their ends, unpacked when its name ends in ``.gz``, without a byte order mark.

    Raises
    ------
    HistoryError
        It cannot be opened or is damaged (``HISTORY_FILE``).
    """
    n_lines = 0
    try:
        with path.open("rb") as raw:
            unpacked = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if path.suffix == ".gz" else raw
            lines = io.BufferedReader(cast(io.RawIOBase, unpacked)) if path.suffix == ".gz" else unpacked
            for line in lines:
                n_lines += 1
                if position is not None and n_lines & 1023 == 0:
                    position.move(file_number, raw.tell())
                yield line.removeprefix(_BYTE_ORDER_MARK) if n_lines == 1 else line
            if position is not None:
                position.move(file_number, raw.tell())
    except (OSError, EOFError, zlib.error) as error:
        where = f"{path}:{n_lines + 1}" if n_lines else str(path)
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise HistoryError(f"{where}: {reason}; expected a readable, undamaged file of history", code="HISTORY_FILE") from error


def decode_lines(lines: Iterable[bytes], file: str) -> Iterator[str]:
    """Lines as text.

    Raises
    ------
    HistoryError
        A line is not UTF-8 (``HISTORY_ENCODING``).

    Examples
    --------
    >>> list(decode_lines([b"a\\n", b"\\xc3\\xa9"], "a.csv"))
    ['a\\n', 'é']
    """
    for number, line in enumerate(lines, start=1):
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            raise HistoryError(
                f"{file}:{number}:{error.start + 1}: found byte 0x{line[error.start]:02x}, expected UTF-8 text; "
                "convert the file, e.g. with iconv -t UTF-8",
                code="HISTORY_ENCODING",
            ) from error
