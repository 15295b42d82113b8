"""The way into Lookout: samples of a detector's series as one CSV file an interval, in the layout the detector reads.

``s3://bucket/prefix/detector/20260101/1205/metrics-3.csv`` holds what partition 3 of the topic ``metrics`` has of the interval that
begins at 12:05 UTC: a header, then a row for each set of dimension values with the aggregate of every measure.  A series lives in
one partition, so the files of an interval have no row in common.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pipeline.clock import NS_PER_SEC
from pipeline.config.providers import LookoutBucket, LookoutDetector
from pipeline.crosscheck.lookout.naming import INTERVAL_SECS, LookoutSeries

__all__ = ["TIMESTAMP_COLUMN", "TIMESTAMP_FORMAT", "IntervalTable", "object_key", "templated_path"]

TIMESTAMP_COLUMN = "timestamp"
TIMESTAMP_FORMAT = "yyyy-MM-dd HH:mm:ss"
"""As Lookout writes formats."""


def templated_path(bucket: LookoutBucket, detector: str) -> str:
    """Where a detector looks for the data of an interval, in Lookout's notation.

    Examples
    --------
    >>> bucket = LookoutBucket(bucket="metrics", role_arn="arn:aws:iam::1:role/r")
    >>> templated_path(bucket, "dag")
    's3://metrics/streamwarden/dag/{{yyyyMMdd}}/{{HHmm}}/'
    """
    return f"s3://{bucket.bucket}/{bucket.prefix.strip('/')}/{detector}/{{{{yyyyMMdd}}}}/{{{{HHmm}}}}/"


def object_key(bucket: LookoutBucket, detector: str, start_secs: int, part: str) -> str:
    """Key of one file of an interval.

    Examples
    --------
    >>> bucket = LookoutBucket(bucket="metrics", role_arn="arn:aws:iam::1:role/r")
    >>> object_key(bucket, "dag", 1767269100, "metrics-3")
    'streamwarden/dag/20260101/1205/metrics-3.csv'
    """
    start = datetime.fromtimestamp(start_secs, UTC)
    return f"{bucket.prefix.strip('/')}/{detector}/{start:%Y%m%d}/{start:%H%M}/{part}.csv"


@dataclass(slots=True)
class _Cell:
    total: float = 0.0
    n_samples: int = 0


@dataclass(slots=True)
class IntervalTable:
    """Open intervals of one detector.

    Samples go in, whole intervals come out when the watermark has passed their end by `delay_secs`.  The same samples give the
    same bytes, and an interval has one key: writing it again after a crash changes nothing.

    Parameters
    ----------
    detector : LookoutDetector
        Its measures and dimensions.

    Attributes
    ----------
    n_late : int
        Samples of intervals that were given out already: left out.

    Examples
    --------
    >>> detector = LookoutDetector.model_validate(
    ...     {"name": "dag", "measures": {"tps": {"metric": "dag_tps"}}, "dimensions": {"node": "node"}, "delay_secs": 0})
    >>> table = IntervalTable(detector)
    >>> series = LookoutSeries(detector, "tps", (("node", "n1"),))
    >>> for second, value in ((0, 1.0), (200, 3.0), (300, 7.0)):
    ...     table.add(series, second * 10**9, value)
    >>> [(start, text.splitlines()) for start, text in table.close()]
    [(0, ['timestamp,node,tps', '1970-01-01 00:00:00,n1,2.0'])]
    """

    detector: LookoutDetector
    n_late: int = 0
    _watermark_secs: float = -math.inf
    _closed_until_secs: float = -math.inf
    _rows_by_start: dict[int, dict[tuple[str, ...], dict[str, _Cell]]] = field(default_factory=dict)

    def add(self, series: LookoutSeries, event_time_ns: int, value: float) -> None:
        """Take in one sample; NaN and infinities are left out."""
        self._watermark_secs = max(self._watermark_secs, event_time_ns / NS_PER_SEC)
        start_secs = series.interval_start_secs(event_time_ns)
        if start_secs < self._closed_until_secs:
            self.n_late += 1
            return
        if not math.isfinite(value):
            return
        row = self._rows_by_start.setdefault(start_secs, {}).setdefault(tuple(one for _, one in series.dimensions), {})
        cell = row.setdefault(series.measure, _Cell())
        cell.total += value
        cell.n_samples += 1

    def close(self, *, everything: bool = False) -> Iterator[tuple[int, str]]:
        """Intervals that are over, oldest first: when they begin, and their file.

        Parameters
        ----------
        everything : bool
            True = the ones under way too.
        """
        length_secs = INTERVAL_SECS[self.detector.interval]
        for start_secs in sorted(self._rows_by_start):
            end_secs = start_secs + length_secs
            if not everything and end_secs + self.detector.delay_secs > self._watermark_secs:
                return
            self._closed_until_secs = max(self._closed_until_secs, end_secs)
            yield start_secs, self._write(start_secs, self._rows_by_start.pop(start_secs))

    def _write(self, start_secs: int, rows: dict[tuple[str, ...], dict[str, _Cell]]) -> str:
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        measures = list(self.detector.measures)
        writer.writerow([TIMESTAMP_COLUMN, *self.detector.dimensions, *measures])
        stamp = f"{datetime.fromtimestamp(start_secs, UTC):%Y-%m-%d %H:%M:%S}"
        for values, row in sorted(rows.items()):
            writer.writerow([stamp, *values, *(self._aggregate(name, row.get(name)) for name in measures)])
        return out.getvalue()

    def _aggregate(self, measure: str, cell: _Cell | None) -> str:
        if cell is None:
            return ""
        is_sum = self.detector.measures[measure].aggregation == "SUM"
        return repr(cell.total if is_sum else cell.total / cell.n_samples)
