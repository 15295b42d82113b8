"""How far a sample may be ahead of its record: beyond that a wrong clock would move the watermark."""

from __future__ import annotations

import numpy as np

from models.base import IntColumn
from pipeline.clock import NS_PER_SEC
from pipeline.codecs.record import RecordBatch
from pipeline.engine.explanation import format_duration
from pipeline.engine.outcome import RecordOutcomes
from pipeline.errors import SampleError

__all__ = ["FutureLimit"]

_NS_PER_MS = 1_000_000
_LATEST_MS = 7_258_118_400_000
"""Broker timestamps from here on are as good as none."""


class FutureLimit:
    """What a sample's event time is held against: its record's broker timestamp, and so much more.

    Parameters
    ----------
    future_secs : float
        See `SourceTopic.future_secs`.

    Examples
    --------
    >>> batch = RecordBatch.from_rows("m", 0, [(0, 1_000, None, b""), (1, 1_000, None, b"")])
    >>> times = np.array([2_000_000_000, 9_000_000_000])
    >>> FutureLimit(5.0).refuse(batch, np.arange(2), times, RecordOutcomes(batch, [], 0))
    array([0])
    """

    def __init__(self, future_secs: float) -> None:
        self._future_ns = min(round(future_secs * NS_PER_SEC), _LATEST_MS * _NS_PER_MS)

    def refuse(self, batch: RecordBatch, row: IntColumn, event_time_ns: IntColumn, outcomes: RecordOutcomes) -> IntColumn | None:
        """Let fail what is too far ahead of its record's broker timestamp; which ones remain, None = all.

        Parameters
        ----------
        batch : RecordBatch
            The records.
        row, event_time_ns : (B,) int64
            Record and event time of each sample.
        outcomes : RecordOutcomes
            Of the records; mutated.
        """
        timestamp_ms = batch.timestamp_ms[row]
        is_dated = (timestamp_ms >= 0) & (timestamp_ms < _LATEST_MS)
        limit_ns = np.where(is_dated, timestamp_ms, 0) * _NS_PER_MS + self._future_ns
        is_future = is_dated & (event_time_ns > limit_ns)
        if not is_future.any():
            return None
        for i in np.flatnonzero(is_future).tolist():
            ahead_ns = int(event_time_ns[i]) - int(timestamp_ms[i]) * _NS_PER_MS
            outcomes.fail(
                int(row[i]),
                SampleError(
                    f"the sample's time is {format_duration(ahead_ns)} ahead of the record's own, expected at most "
                    f"{format_duration(self._future_ns)}; set the producer's clock right, or raise future_secs of the topic",
                    code="TIME_FUTURE",
                ),
            )
        return np.flatnonzero(~is_future)
