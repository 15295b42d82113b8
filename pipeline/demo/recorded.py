"""Recorded data beside the simulation: found in a folder, its event times moved so that it ends when the simulation ends."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from pipeline.clock import NS_PER_SEC
from pipeline.demo.judgement import Expectation
from pipeline.demo.network import SeriesMatch
from pipeline.demo.simulation import TimedEntry
from pipeline.history import History, HistoryOptions, LineEntry, open_history
from pipeline.history.shape import metric_name
from pipeline.history.times import parse_iso

__all__ = ["RECORDED_LABEL", "RecordedData", "find_recorded"]

RECORDED_LABEL = "dataset"
"""Label that tells recorded series from simulated ones."""

_NAB_FOLDER = "realAWSCloudwatch"
_LOG_SPAN_SECS = 2 * 3600.0
_MAX_FILES = 40
_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class RecordedData:
    """Files of recorded data.

    Attributes
    ----------
    folder : Path
        Where they were found.
    metric_files, log_files : tuple of Path
        CSV files; Parquet or log files with lines.
    label_file : Path or None
        NAB's windows of what people called anomalous.
    """

    folder: Path
    metric_files: tuple[Path, ...]
    log_files: tuple[Path, ...]
    label_file: Path | None

    @property
    def metric_services(self) -> frozenset[str]:
        """Values of the ``service`` label of its metrics."""
        return frozenset(_service(path) for path in self.metric_files)

    @property
    def log_services(self) -> frozenset[str]:
        """Values of the ``service`` label of its log lines."""
        return frozenset(_service(path) for path in self.log_files)

    def entries(self, end_ns: int) -> Iterator[TimedEntry]:
        """Every record in order of its moved event time; each file's newest record falls on `end_ns`.

        Log lines are spread evenly over two hours: recorded logs have gaps of days and times that go back.

        Raises
        ------
        HistoryError
            A file cannot be read.
        """
        walks = [_metric_entries(path, end_ns) for path in self.metric_files]
        walks += [_log_entries(path, end_ns) for path in self.log_files]
        return heapq.merge(*walks, key=lambda timed: timed.event_time_ns)

    def expectations(self, end_ns: int) -> tuple[Expectation, ...]:
        """Windows of the label file about the metric files, their times moved like those of their files."""
        if self.label_file is None:
            return ()
        windows = orjson.loads(self.label_file.read_bytes())
        found = []
        for path in self.metric_files:
            shift_ns = _shift(_open_metrics(path), end_ns)
            match = SeriesMatch(metric_name(path.stem), ((RECORDED_LABEL, _dataset(path)),))
            for first, last in windows.get(f"{path.parent.name}/{path.name}", ()):
                start_ns, stop_ns = (parse_iso(text, UTC) + shift_ns for text in (first, last))
                title = f"{path.stem}, {datetime.fromtimestamp((start_ns - shift_ns) // NS_PER_SEC, UTC):%Y-%m-%d %H:%M}"
                found.append(Expectation(path.stem, title, "recorded", None, (match,), start_ns, stop_ns))
        return tuple(found)


def _dataset(path: Path) -> str:
    return path.parent.name


def _service(path: Path) -> str:
    # Files have nothing to do with each other: each is a service, so that incidents do not mix them.
    return path.name.partition(".")[0].lower()


def _labels(path: Path) -> dict[str, str]:
    return {RECORDED_LABEL: _dataset(path), "service": _service(path)}


def _open_metrics(path: Path) -> History:
    return open_history([path], HistoryOptions(labels=_labels(path)))


def _shift(history: History, end_ns: int) -> int:
    return (end_ns - history.measure_span().last_ns) // _NS_PER_MS * _NS_PER_MS


def _metric_entries(path: Path, end_ns: int) -> Iterator[TimedEntry]:
    history = _open_metrics(path)
    shift_ns = _shift(history, end_ns)
    for entry in history.entries():
        event_time_ns = entry.event_time_ns + shift_ns
        yield TimedEntry(event_time_ns, history.format, entry.moved_to(event_time_ns))


def _log_entries(path: Path, end_ns: int) -> Iterator[TimedEntry]:
    history = open_history([path], HistoryOptions(labels=_labels(path)))
    lines = [entry for entry in history.entries() if isinstance(entry, LineEntry)]
    gap_ns = round(_LOG_SPAN_SECS * NS_PER_SEC / max(len(lines), 1))
    for i, line in enumerate(lines):
        event_time_ns = (end_ns - (len(lines) - i) * gap_ns) // _NS_PER_MS * _NS_PER_MS
        yield TimedEntry(event_time_ns, history.format, line.moved_to(event_time_ns))


def _files(folder: Path, patterns: Sequence[str]) -> tuple[Path, ...]:
    found = sorted(path for pattern in patterns for path in folder.rglob(pattern) if path.is_file())
    return tuple(found[:_MAX_FILES])


def find_recorded(folder: Path) -> RecordedData | None:
    """Recorded data in a folder; None when there is none.

    NAB's AWS CloudWatch files and loghub's Parquet files are taken alone where they are; else every CSV and log file.
    """
    if not folder.is_dir():
        return None
    metrics = _files(folder, (f"{_NAB_FOLDER}/*.csv",)) or _files(folder, ("*.csv", "*.csv.gz"))
    logs = _files(folder, ("loghub*/*.parquet",)) or _files(folder, ("*.log", "*.log.gz"))
    if not metrics and not logs:
        return None
    labels = _files(folder, ("combined_windows.json",))
    return RecordedData(folder, metrics, logs, labels[0] if labels else None)
