"""Native metric JSON: ``{"name": "cpu", "labels": {"host": "n1"}, "ts": 1700000000000, "value": 0.5}``, one sample a record.

`labels` may be missing or null.  `ts` is a number or RFC 3339 text (the rule: `pipeline.codecs.timestamps`).  `value` is a
finite JSON number, read as a 64-bit float.  Further fields are skipped.  Of a key that is there twice the last counts, but each
must be of the right kind; of a label that is there twice the last counts.  A ``__name__`` among the labels gives way to `name`.
"""

from __future__ import annotations

from operator import attrgetter
from typing import cast

import msgspec
import numpy as np

from pipeline.codecs.base import Points, SeriesKey
from pipeline.codecs.event_times import read_times
from pipeline.codecs.excerpt import quote
from pipeline.codecs.json_fault import FieldRule, explain_json, json_kind
from pipeline.codecs.json_rows import DECODE_FAILURES, decode_rows
from pipeline.codecs.label_fault import explain_labels
from pipeline.codecs.record import RecordBatch
from pipeline.errors import DecodeError

__all__ = ["MetricJsonCodec", "labels_of"]

_NAME_CURE = "send the metric's name as text"
_TS_CURE = "send seconds or milliseconds since 1970, or RFC 3339 text"
_RULES = (
    FieldRule(("name",), ("text",), True, "", _NAME_CURE),
    FieldRule(("value",), ("a number",), True, "VALUE_NOT_FINITE", "send a JSON number, neither quoted nor null"),
    FieldRule(("ts",), ("a number", "text", "null"), False, "TIME_RANGE", _TS_CURE),
)


class _Record(msgspec.Struct, gc=False):
    # Name and labels stay raw: together they are the series key, parsed once a series.
    name: msgspec.Raw
    value: float
    ts: int | float | str | None = None
    labels: msgspec.Raw = msgspec.Raw(b"{}")


_take_name_and_labels = attrgetter("name", "labels")
_take_value = attrgetter("value")
_take_ts = attrgetter("ts")
_join = b"".join
_name_decoder = msgspec.json.Decoder(str)
_labels_decoder = msgspec.json.Decoder(dict[str, str])


def labels_of(key: SeriesKey) -> dict[str, str]:
    """Labels of a series key of this codec: the name as JSON text, followed by the labels as a JSON object.

    Raises
    ------
    DecodeError
        The name is not text (``FIELD_TYPE``) or not UTF-8 (``JSON_UTF8``).
    SampleError
        The labels are not an object of texts (``LABELS_TYPE``).

    Examples
    --------
    >>> labels_of(b'"cpu"{"host":"n1"}')
    {'host': 'n1', '__name__': 'cpu'}
    """
    raw = cast(bytes, key)
    try:
        split = _find_name_end(raw)
        name = _name_decoder.decode(raw[:split])
    except DECODE_FAILURES as error:
        if isinstance(error, UnicodeDecodeError):
            raise DecodeError(f"name: {quote(raw)} is not UTF-8; see to the producer's encoding", code="JSON_UTF8") from error
        found = f"{json_kind(raw)} {quote(raw)}"
        raise DecodeError(f"name: found {found}, expected text; {_NAME_CURE}", code="FIELD_TYPE") from error
    raw_labels = raw[split:]
    if raw_labels in (b"{}", b"null"):
        return {"__name__": name}
    try:
        labels = _labels_decoder.decode(raw_labels)
    except DECODE_FAILURES as error:
        raise explain_labels(raw_labels) from error
    labels["__name__"] = name
    return labels


def _find_name_end(raw: bytes) -> int:
    if raw[:1] != b'"':
        raise ValueError
    end = raw.index(b'"', 1)
    while (end - len(raw[:end].rstrip(b"\\"))) % 2:
        end = raw.index(b'"', end + 1)
    return end + 1


def _explain(value: bytes) -> DecodeError:
    return explain_json(value, _RULES)


class MetricJsonCodec:
    """Decodes native metric JSON.

    The series key is the raw bytes of name and labels joined: other spellings of one label set are other keys of one series.

    Examples
    --------
    >>> codec = MetricJsonCodec()
    >>> value = b'{"name":"cpu","labels":{"host":"n1"},"ts":1700000000000,"value":0.5}'
    >>> points = codec.decode(RecordBatch.from_rows("m", 0, [(0, 0, None, value), (1, 0, None, b'{"name":"cpu"}')]))
    >>> points.value.tolist(), points.event_time_ns.tolist(), points.labels_of(points.keys[0])
    ([0.5], [1700000000000000000], {'host': 'n1', '__name__': 'cpu'})
    >>> points.bad[0].row, points.bad[0].error.code
    (1, 'FIELD_MISSING')
    """

    name = "metric_json"

    def __init__(self) -> None:
        self._decode = msgspec.json.Decoder(_Record).decode

    def decode(self, batch: RecordBatch) -> Points:
        """One point of every good record."""
        records, row, bad, n_empty = decode_rows(batch, self._decode, _explain)
        times = read_times(list(map(_take_ts, records)), row)
        event_time_ns = times.event_time_ns
        if times.good is not None:
            bad = sorted(bad + times.bad, key=_take_row)
            records = [records[i] for i in times.good]
            row, event_time_ns = row[times.good], event_time_ns[times.good]
        return Points(
            row=row,
            position=np.zeros(len(records), dtype=np.int64),
            event_time_ns=event_time_ns,
            value=np.array(list(map(_take_value, records)), dtype=np.float64),
            keys=list(map(_join, map(_take_name_and_labels, records))),
            labels_of=labels_of,
            bad=bad,
            n_empty=n_empty,
        )


_take_row = attrgetter("row")
