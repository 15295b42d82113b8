"""Entries of history: one sample, one log line or one ready-made record, and the Kafka record each becomes.

Times stay apart from the bytes until the record is made, so that history can be shifted in time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple, Protocol, Self

import orjson

from pipeline.history.raw_time import shift_raw_time
from pipeline.samples.labels import NAME_LABEL, LabelSet

__all__ = ["Entry", "HistoryRecord", "LineEntry", "LineSource", "RawEntry", "SampleEntry", "SeriesText", "format_ts"]

_NS_PER_MS = 1_000_000
_NS_PER_SEC = 1_000_000_000
_FIRST_PLAIN_MS = 100_000_000_000


class HistoryRecord(NamedTuple):
    """A record as it is put on a topic.

    Attributes
    ----------
    timestamp_ms : int
        Broker timestamp, ms UTC: the event time, cut to the millisecond.
    key, value : bytes
        The key decides the partition.
    """

    timestamp_ms: int
    key: bytes
    value: bytes


class Entry(Protocol):
    """One entry of history."""

    @property
    def event_time_ns(self) -> int:
        """Event time as recorded, ns UTC."""

    def to_record(self, shift_ns: int = 0) -> HistoryRecord:
        """The record, its event time moved by `shift_ns` (whole milliseconds)."""

    def moved_to(self, event_time_ns: int) -> Self:
        """The same with another event time."""


def format_ts(event_time_ns: int) -> bytes:
    """An event time as the ``ts`` of a native record: whole milliseconds as a number, anything else as RFC 3339 text.

    A number would be taken for seconds when it is small, so times before March 1973 are written as text too.

    Examples
    --------
    >>> format_ts(1_392_388_200_000_000_000), format_ts(1_392_388_200_000_000_001), format_ts(0)
    (b'1392388200000', b'"2014-02-14T14:30:00.000000001Z"', b'"1970-01-01T00:00:00.000000000Z"')
    """
    ms, rest = divmod(event_time_ns, _NS_PER_MS)
    if rest == 0 and ms >= _FIRST_PLAIN_MS:
        return str(ms).encode()
    secs, fraction = divmod(event_time_ns, _NS_PER_SEC)
    return f'"{datetime.fromtimestamp(secs, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"'.encode()


class SeriesText:
    """A series as the fixed bytes around the time and the value of its records.

    Parameters
    ----------
    series : LabelSet
        The series.

    Examples
    --------
    >>> text = SeriesText(LabelSet({"__name__": "cpu", "host": "n1"}))
    >>> text.key, text.head
    (b'cpu{host="n1"}', b'{"name":"cpu","labels":{"host":"n1"},"ts":')
    """

    __slots__ = ("head", "key", "series")

    def __init__(self, series: LabelSet) -> None:
        self.series = series
        self.key = str(series).encode()
        labels = {name: value for name, value in series.pairs if name != NAME_LABEL}
        self.head = b'{"name":' + orjson.dumps(series.name) + b',"labels":' + orjson.dumps(labels) + b',"ts":'


class SampleEntry(NamedTuple):
    """A sample of one series: a native metric record.

    Attributes
    ----------
    event_time_ns : int
        ns UTC.
    text : SeriesText
        The series.
    value : float
        Finite.

    Examples
    --------
    >>> entry = SampleEntry(1_392_388_200_000_000_000, SeriesText(LabelSet({"__name__": "cpu"})), 0.25)
    >>> entry.to_record().value
    b'{"name":"cpu","labels":{},"ts":1392388200000,"value":0.25}'
    >>> entry.to_record(1_000_000).timestamp_ms
    1392388200001
    """

    event_time_ns: int
    text: SeriesText
    value: float

    def moved_to(self, event_time_ns: int) -> Self:
        """The same with another event time."""
        return self._replace(event_time_ns=event_time_ns)

    def to_record(self, shift_ns: int = 0) -> HistoryRecord:
        """The native metric record, its event time moved by `shift_ns`."""
        event_time_ns = self.event_time_ns + shift_ns
        value = self.text.head + format_ts(event_time_ns) + b',"value":' + orjson.dumps(self.value) + b"}"
        return HistoryRecord(event_time_ns // _NS_PER_MS, self.text.key, value)


class LineSource:
    """Where log lines come from: their labels as bytes.

    Parameters
    ----------
    labels : mapping of str to str
        Source labels; empty values are left out.
    key_names : collection of str, optional
        Labels that make the Kafka key; None = all.

    Examples
    --------
    >>> LineSource({"service": "zookeeper", "host": ""}).key
    b'{service="zookeeper"}'
    >>> LineSource({"service": "zookeeper", "host": "n1"}, {"service"}).key
    b'{service="zookeeper"}'
    """

    __slots__ = ("key", "labels_json")

    def __init__(self, labels: Mapping[str, str], key_names: Collection[str] | None = None) -> None:
        pairs = sorted((name, value) for name, value in labels.items() if value)
        in_key = (f'{name}="{value}"' for name, value in pairs if key_names is None or name in key_names)
        self.key = ("{" + ",".join(in_key) + "}").encode()
        self.labels_json = orjson.dumps(dict(pairs))


class LineEntry(NamedTuple):
    """A log line: a native log record.

    Attributes
    ----------
    event_time_ns : int
        ns UTC.
    source : LineSource
        Its labels.
    message : str
        The text.
    level : str
        Severity word, "" = none.

    Examples
    --------
    >>> LineEntry(1_438_191_704_747_000_000, LineSource({"service": "zk"}), "time out: 3200", "INFO").to_record().value
    b'{"ts":1438191704747,"level":"INFO","message":"time out: 3200","labels":{"service":"zk"}}'
    """

    event_time_ns: int
    source: LineSource
    message: str
    level: str

    def moved_to(self, event_time_ns: int) -> Self:
        """The same with another event time."""
        return self._replace(event_time_ns=event_time_ns)

    def to_record(self, shift_ns: int = 0) -> HistoryRecord:
        """The native log record, its event time moved by `shift_ns`."""
        event_time_ns = self.event_time_ns + shift_ns
        level = b'"level":' + orjson.dumps(self.level) + b"," if self.level else b""
        value = b"".join(
            (
                b'{"ts":',
                format_ts(event_time_ns),
                b",",
                level,
                b'"message":',
                orjson.dumps(self.message),
                b',"labels":',
                self.source.labels_json,
                b"}",
            )
        )
        return HistoryRecord(event_time_ns // _NS_PER_MS, self.source.key, value)


@dataclass(frozen=True, slots=True)
class RawEntry:
    """A record that is passed on as it stands in the file.

    Attributes
    ----------
    event_time_ns : int
        ns UTC.
    key, value : bytes
        Key derived from its labels; value as read.
    time_field : str
        Field that holds the time; "" = the record has none that can be used, so that it cannot be shifted.

    Examples
    --------
    >>> RawEntry(5_000_000_000, b"k", b"not json", "").to_record(1_000_000_000)
    HistoryRecord(timestamp_ms=6000, key=b'k', value=b'not json')
    """

    event_time_ns: int
    key: bytes
    value: bytes
    time_field: str

    def moved_to(self, event_time_ns: int) -> Self:
        """The same with another event time; only the time field of the bytes is rewritten."""
        value = shift_raw_time(self.value, self.time_field, event_time_ns) if self.time_field else self.value
        return replace(self, event_time_ns=event_time_ns, value=value)

    def to_record(self, shift_ns: int = 0) -> HistoryRecord:
        """The record, byte for byte, or moved by `shift_ns`."""
        entry = self.moved_to(self.event_time_ns + shift_ns) if shift_ns else self
        return HistoryRecord(entry.event_time_ns // _NS_PER_MS, entry.key, entry.value)
