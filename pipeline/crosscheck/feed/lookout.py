"""Series of Lookout detectors, one CSV file an interval and partition, on S3."""

from __future__ import annotations

import random
from collections.abc import Mapping

from pipeline.config.providers import LookoutDetector
from pipeline.config.providers import LookoutProvider as LookoutSettings
from pipeline.crosscheck.feed.base import Place, call_patiently
from pipeline.crosscheck.lookout.interval_table import IntervalTable, object_key
from pipeline.crosscheck.lookout.naming import LookoutSeries, find_series
from pipeline.crosscheck.remote.aws import AwsClients
from pipeline.errors import ConfigError

__all__ = ["LookoutFeed"]


class LookoutFeed:
    """Writes intervals as they end.  An interval is written once: what a crash would write again is refused by S3 itself.

    Parameters
    ----------
    settings : LookoutProvider settings
        Detectors and bucket.
    clients : AwsClients
        For S3; its calls block.

    Raises
    ------
    ConfigError
        No bucket in the settings (``LOOKOUT_NO_BUCKET``).

    Attributes
    ----------
    n_written, n_there : int
        Files written, and files that were there already.
    """

    def __init__(self, settings: LookoutSettings, clients: AwsClients) -> None:
        if settings.s3 is None:
            raise ConfigError(
                "crosscheck.provider.s3: found none; expected the bucket the detectors read; add s3: {bucket: ..., role_arn: ...}",
                code="LOOKOUT_NO_BUCKET",
            )
        self._bucket = settings.s3
        self._detectors = settings.detectors
        self._clients = clients
        self._tables: dict[tuple[str, Place], IntervalTable] = {}
        # First offset that holds a sample of an interval: from there it can be made again.
        self._first_offsets: dict[tuple[str, Place], dict[int, int]] = {}
        self._names: dict[tuple[str, tuple[tuple[str, str], ...]], LookoutSeries | None] = {}
        self._random = random.Random(2)  # noqa: S311 - jitter, not a secret
        self.n_written = 0
        self.n_there = 0

    def add(self, place: Place, offset: int, labels: Mapping[str, str], event_time_ns: int, value: float) -> None:
        """Take in one sample; series that no detector watches are left out."""
        key = (place[0], tuple(sorted(labels.items())))
        if key not in self._names:
            self._names[key] = find_series(self._detectors, place[0], labels)
        series = self._names[key]
        if series is None:
            return
        own = (series.detector.name, place)
        table = self._tables.get(own)
        if table is None:
            table = self._tables[own] = IntervalTable(series.detector)
        table.add(series, event_time_ns, value)
        self._first_offsets.setdefault(own, {}).setdefault(series.interval_start_secs(event_time_ns), offset)

    def flush(self, *, everything: bool = False) -> None:
        """Write the intervals that are over.

        Raises
        ------
        ProviderError
            S3 refused, or is away for too long.
        """
        for (name, place), table in self._tables.items():
            for start_secs, text in table.close(everything=everything):
                self._write(table.detector, place, start_secs, text)
                first_offsets = self._first_offsets[name, place]
                for start in [start for start in first_offsets if start <= start_secs]:
                    del first_offsets[start]

    def safe_offset(self, place: Place, next_offset: int) -> int:
        """The first offset of an interval that is not written yet."""
        return min(
            (offset for (_, own), starts in self._first_offsets.items() if own == place for offset in starts.values()),
            default=next_offset,
        )

    def forget(self, place: Place) -> None:
        """Drop the intervals under way of a partition."""
        for own in [own for own in self._tables if own[1] == place]:
            del self._tables[own]
            self._first_offsets.pop(own, None)

    def _write(self, detector: LookoutDetector, place: Place, start_secs: int, text: str) -> None:
        from botocore.exceptions import ClientError

        key = object_key(self._bucket, detector.name, start_secs, f"{place[0]}-{place[1]}")

        def attempt() -> bool:
            client = self._clients.get("s3", self._bucket.endpoint_url, is_own=False)
            try:
                client.put_object(
                    Bucket=self._bucket.bucket, Key=key, Body=text.encode(), ContentType="text/csv", IfNoneMatch="*"
                )
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") == "PreconditionFailed":
                    return False
                raise
            return True

        if call_patiently("s3 PutObject", attempt, draw=self._random.random):
            self.n_written += 1
        else:
            self.n_there += 1
