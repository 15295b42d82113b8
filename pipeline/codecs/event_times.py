"""Event times of the records of a batch: a whole column at once when it can be, else one by one, the faulty ones told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.codecs.base import BadRecord
from pipeline.codecs.timestamps import END_NS, RawTime, parse_time, parse_times
from pipeline.errors import DecodeError

__all__ = ["EventTimes", "read_times"]

_NS_PER_MS = 1_000_000
_CURE = "send seconds or milliseconds since 1970, or RFC 3339 text"


class EventTimes(NamedTuple):
    """Event times of decoded records.

    Attributes
    ----------
    event_time_ns : (M,) int64
        ns UTC; what stands at a faulty record means nothing.
    good : list of int or None
        Which of the M records have a time; None = all.
    bad : list of BadRecord
        Those that have none, by row.
    """

    event_time_ns: npt.NDArray[np.int64]
    good: list[int] | None
    bad: list[BadRecord]


def read_times(
    raw_times: Sequence[RawTime | None],
    row: npt.NDArray[np.int64],
    *,
    where: str = "ts",
    timestamp_ms: npt.NDArray[np.int64] | None = None,
) -> EventTimes:
    """Event times of decoded records.

    Parameters
    ----------
    raw_times : sequence of M
        Timestamps as decoded, None = the record has none.
    row : (M,) int64
        Rows of the records.
    where : str
        Field to name in errors.
    timestamp_ms : (N,) int64, optional
        Kafka's timestamps of the batch, by row, ms UTC, -1 = none: what a record without a time of its own counts from.

    Examples
    --------
    >>> read_times([1_700_000_000, None], np.array([0, 3])).bad[0].error.code
    'FIELD_MISSING'
    >>> read_times(["1970-01-01T00:00:01Z", None], np.array([0, 1]), timestamp_ms=np.array([5, 2_000])).event_time_ns
    array([1000000000, 2000000000])
    """
    column = parse_times(raw_times) if raw_times else np.empty(0, dtype=np.int64)
    if column is not None:
        return EventTimes(column, None, [])
    event_time_ns = np.empty(len(raw_times), dtype=np.int64)
    good: list[int] = []
    bad: list[BadRecord] = []
    for i, raw in enumerate(raw_times):
        try:
            if raw is not None:
                event_time_ns[i] = parse_time(raw, where)
            else:
                event_time_ns[i] = _kafka_time(int(timestamp_ms[row[i]]) if timestamp_ms is not None else -1, where)
            good.append(i)
        except DecodeError as error:
            bad.append(BadRecord(int(row[i]), error))
    return EventTimes(event_time_ns, good if bad else None, bad)


def _kafka_time(timestamp_ms: int, where: str) -> int:
    event_time_ns = timestamp_ms * _NS_PER_MS
    if not 0 <= event_time_ns < END_NS:
        raise DecodeError(f"{where}: found none, expected the record's time; {_CURE}", code="FIELD_MISSING")
    return event_time_ns
