"""Plain log files: one record a line, the time at its head."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice

from pipeline.errors import HistoryError
from pipeline.history.entry import LineEntry, LineSource
from pipeline.history.log_line import first_time, parse_line
from pipeline.history.options import HistoryOptions

__all__ = ["read_text_lines"]

_N_FIRST_LINES = 1_000


def read_text_lines(lines: Iterable[str], options: HistoryOptions, *, file: str, stem: str) -> Iterator[LineEntry]:
    """Entries of a log file; empty lines are left out, the service is called like the file unless a label says otherwise.

    Raises
    ------
    HistoryError
        Empty, or no time at the head of any of the first lines.

    Examples
    --------
    >>> lines = ["2026-11-24T10:00:00Z INFO started", "  details"]
    >>> [(entry.message, entry.level) for entry in read_text_lines(lines, HistoryOptions(), file="a.log", stem="a")]
    [('INFO started', 'INFO'), ('  details', '')]
    """
    texts = (text for line in lines if (text := line.rstrip("\r\n")).strip())
    first = list(islice(texts, _N_FIRST_LINES))
    if not first:
        raise HistoryError(f"{file}: found an empty file, expected log lines", code="HISTORY_FILE")
    previous_ns = first_time(first, options.timezone, file)
    labels = {"service": stem.lower(), **options.labels}
    source = LineSource(labels)
    for text in chain(first, texts):
        parsed = parse_line(text, options.timezone, previous_ns)
        assert parsed is not None
        previous_ns = parsed.event_time_ns
        yield LineEntry(parsed.event_time_ns, source, parsed.message, parsed.level)
