"""Files of any readable form → one stream of entries in the order of their event times."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pipeline.errors import HistoryError
from pipeline.history.csv_file import read_csv
from pipeline.history.entry import Entry, LineEntry, SampleEntry
from pipeline.history.json_lines import guess_json_format, load_record, read_json_lines
from pipeline.history.options import HistoryOptions
from pipeline.history.parquet_file import read_parquet
from pipeline.history.source_file import ReadPosition, decode_lines, read_lines
from pipeline.history.text_file import read_text_lines

__all__ = ["History", "Span", "open_history"]

_JSON = (".jsonl", ".ndjson", ".json")
_TABLE = (".csv", ".tsv")
_TEXT = (".log", ".txt")
_PARQUET = (".parquet", ".pq")
_N_FIRST_ENTRIES = 100


@dataclass(frozen=True, slots=True)
class Span:
    """First and last event time of history and how many entries it has.

    Attributes
    ----------
    first_ns, last_ns : int
        ns UTC.
    n_entries : int
        At least 1.
    """

    first_ns: int
    last_ns: int
    n_entries: int


class History:
    """Files of history that belong together: all metrics, or all logs of one format.

    Parameters
    ----------
    paths : sequence of Path
        The files.
    options : HistoryOptions
        How to read them.

    Attributes
    ----------
    format : str
        Format of the records in the words of ``topics.yaml``: ``metric_json``, ``log_json`` or ``fluentd_json``.
    position : ReadPosition
        How far the latest walk through the files has come.

    Raises
    ------
    HistoryError
        A file is missing, of an unknown kind, or the files are of different formats.
    """

    def __init__(self, paths: Sequence[Path], options: HistoryOptions) -> None:
        if not paths:
            raise HistoryError(
                "found no file, expected at least one; name a CSV, JSON lines, Parquet or log file", code="HISTORY_FILE"
            )
        self.paths = tuple(paths)
        self._options = options
        n_bytes = 0
        for path in paths:
            if not path.is_file():
                found = "a folder" if path.is_dir() else "nothing there"
                cure = f"name its files, e.g. {path}/*.csv" if path.is_dir() else "correct the path"
                raise HistoryError(f"{path}: found {found}, expected a file of history; {cure}", code="HISTORY_FILE")
            n_bytes += path.stat().st_size
        self._readers = [_reader_of(path) for path in paths]
        self._n_bytes = n_bytes
        self.position = ReadPosition(n_bytes)
        formats = [_format_of(path, reader, options) for path, reader in zip(self.paths, self._readers, strict=True)]
        self.format = formats[0]
        for path, found in zip(self.paths, formats, strict=True):
            if found != self.format:
                raise HistoryError(
                    f"{path}: found {found}, expected {self.format} as in {self.paths[0]}; "
                    "read files of different formats one by one",
                    code="HISTORY_FORMAT",
                )

    def entries(self) -> Iterator[Entry]:
        """Every entry of every file, merged by event time; each file's own order is kept, files go in the order given.

        Every call walks through the files again.

        Raises
        ------
        HistoryError
            On the way: something in a file is not what it should be.
        """
        self.position = ReadPosition(self._n_bytes)
        walks = [self._walk(number) for number in range(len(self.paths))]
        if len(walks) == 1:
            return (entry for _, _, entry in walks[0])
        return (entry for _, _, entry in heapq.merge(*walks, key=lambda timed: timed[:2]))

    def _walk(self, number: int) -> Iterator[tuple[int, int, Entry]]:
        # A file that steps back in time keeps its own order: it is merged by the highest time it has reached.
        reached_ns = -(1 << 63)
        for entry in self._readers[number](self.paths[number], self._options, self.position, number):
            reached_ns = max(reached_ns, entry.event_time_ns)
            yield reached_ns, number, entry

    def measure_span(self) -> Span:
        """First and last event time and the number of entries; walks through the files once.

        Raises
        ------
        HistoryError
            There is no entry, or something in a file is not what it should be.
        """
        first_ns: int | None = None
        last_ns = 0
        n_entries = 0
        for entry in self.entries():
            event_time_ns = entry.event_time_ns
            if first_ns is None:
                first_ns = last_ns = event_time_ns
            elif event_time_ns > last_ns:
                last_ns = event_time_ns
            elif event_time_ns < first_ns:
                first_ns = event_time_ns
            n_entries += 1
        if first_ns is None:
            raise HistoryError(
                f"{', '.join(map(str, self.paths))}: found no sample, expected at least one; check the columns",
                code="HISTORY_FILE",
            )
        return Span(first_ns, last_ns, n_entries)


_Reader = Callable[[Path, HistoryOptions, ReadPosition | None, int], Iterator[Entry]]


def _stem(path: Path) -> str:
    return Path(path.stem).stem if path.suffix == ".gz" else path.stem


def _csv(path: Path, options: HistoryOptions, position: ReadPosition | None, number: int) -> Iterator[Entry]:
    lines = decode_lines(read_lines(path, position, number), str(path))
    return read_csv(lines, options, file=str(path), stem=_stem(path))


def _json(path: Path, options: HistoryOptions, position: ReadPosition | None, number: int) -> Iterator[Entry]:
    return read_json_lines(read_lines(path, position, number), options, file=str(path))


def _text(path: Path, options: HistoryOptions, position: ReadPosition | None, number: int) -> Iterator[Entry]:
    lines = decode_lines(read_lines(path, position, number), str(path))
    return read_text_lines(lines, options, file=str(path), stem=_stem(path))


def _parquet(path: Path, options: HistoryOptions, position: ReadPosition | None, number: int) -> Iterator[Entry]:
    return read_parquet(path, options, stem=_stem(path), position=position, file_number=number)


def _reader_of(path: Path) -> _Reader:
    ending = Path(path.stem).suffix.lower() if path.suffix == ".gz" else path.suffix.lower()
    for endings, reader in ((_TABLE, _csv), (_JSON, _json), (_PARQUET, _parquet), (_TEXT, _text)):
        if ending in endings and not (reader is _parquet and path.suffix == ".gz"):
            return reader
    listed = ", ".join((*_TABLE, *_JSON, *_PARQUET, *_TEXT))
    raise HistoryError(
        f"{path}: found a name ending in {path.suffix!r}, expected one of {listed} (all but Parquet also with .gz); "
        "rename the file",
        code="HISTORY_FORMAT",
    )


def _format_of(path: Path, reader: _Reader, options: HistoryOptions) -> str:
    if reader is _json:
        for line in islice(read_lines(path), _N_FIRST_ENTRIES):
            record = load_record(line)
            if record is not None:
                return guess_json_format(record)
        raise HistoryError(
            f"{path}: found no JSON object in its first lines, expected one a line; see docs/architecture.md for the formats",
            code="HISTORY_FORMAT",
        )
    for entry in islice(reader(path, options, None, 0), 1):
        if isinstance(entry, SampleEntry):
            return "metric_json"
        if isinstance(entry, LineEntry):
            return "log_json"
    raise HistoryError(f"{path}: found no sample, expected at least one; check the columns", code="HISTORY_FILE")


def open_history(paths: Sequence[Path | str], options: HistoryOptions | None = None) -> History:
    """History in files.

    Parameters
    ----------
    paths : sequence of Path or str
        CSV, TSV, JSON lines, Parquet or log files; all but Parquet may be packed (``.gz``).
    options : HistoryOptions, optional
        How to read them.

    Raises
    ------
    HistoryError
        See `History`.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "cpu.csv"
    >>> _ = path.write_text("timestamp,value\\n2014-02-14 14:30:00,0.5\\n2014-02-14 14:35:00,0.6\\n")
    >>> history = open_history([path])
    >>> history.format, [entry.to_record().value for entry in history.entries()][0]
    ('metric_json', b'{"name":"cpu","labels":{},"ts":1392388200000,"value":0.5}')
    >>> history.measure_span().n_entries
    2
    >>> folder.cleanup()
    """
    return History([Path(path) for path in paths], options or HistoryOptions())
