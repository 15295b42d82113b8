"""Native metric JSON: ``{"name": "cpu", "labels": {"host": "n1"}, "ts": 1700000000000, "value": 0.5}``, one sample a record.

`labels` may be missing or null.  `ts` is a number or RFC 3339 text (the rule: `pipeline.codecs.timestamps`).  `value` is a
finite JSON number, read as a 64-bit float.  Further fields are skipped.  Of a key that is there twice the last counts, but each
must be of the right kind; of a label that is there twice the last counts.  A ``__name__`` among the labels gives way to `name`.
"""

from __future__ import annotations

from operator import attrgetter
from typing import NamedTuple, cast

import msgspec
import numpy as np
import numpy.typing as npt

from pipeline.codecs.base import BadRecord, Points, SeriesKey
from pipeline.codecs.decimal_kernel import EXACT_POWERS, POWERS_OF_FIVE
from pipeline.codecs.event_times import read_times
from pipeline.codecs.excerpt import quote
from pipeline.codecs.json_fault import FieldRule, explain_json, json_kind
from pipeline.codecs.json_rows import DECODE_FAILURES, decode_rows
from pipeline.codecs.key_slices import KeySlices, view_words
from pipeline.codecs.label_fault import explain_labels
from pipeline.codecs.metric_json_kernel import GOOD, LABELS_LENGTH, N_SPANS, UNSURE, hash_keys, scan_metrics
from pipeline.codecs.record import RecordBatch
from pipeline.codecs.skeletons import Skeletons
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


class _Judged(NamedTuple):
    records: list[_Record]
    row: npt.NDArray[np.int64]
    event_time_ns: npt.NDArray[np.int64]
    bad: list[BadRecord]
    n_empty: int


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

    Records are scanned by a kernel.  What it is not sure about (errors, and rarities such as escapes in the names of fields, more
    than 19 digits, deep nesting) is judged by the typed decoder, record by record: the kernel decides nothing that the typed
    decoder would decide otherwise.

    Parameters
    ----------
    is_scanned : bool
        False = the typed decoder reads every record.

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

    def __init__(self, *, is_scanned: bool = True) -> None:
        self._decode = msgspec.json.Decoder(_Record).decode
        self._is_scanned = is_scanned
        self._skeletons = Skeletons()

    def decode(self, batch: RecordBatch) -> Points:
        """One point of every good record."""
        return self._scan(batch) if self._is_scanned else self._decode_typed(batch)

    def _scan(self, batch: RecordBatch) -> Points:
        n = len(batch)
        status = np.empty(n, dtype=np.uint8)
        value = np.empty(n + 1)
        event_time_ns = np.empty(n, dtype=np.int64)
        spans = np.empty((N_SPANS, n), dtype=np.int64)
        hashes = np.empty(n, dtype=np.uint64)
        data, words = np.frombuffer(batch.buffer, np.uint8), view_words(batch.buffer)
        kept = self._skeletons
        n_other = scan_metrics(
            data,
            words,
            np.ascontiguousarray(batch.value_start),
            np.ascontiguousarray(batch.value_length),
            EXACT_POWERS,
            POWERS_OF_FIVE,
            kept.rows,
            kept.index,
            kept.texts,
            kept.words,
            kept.totals,
            status,
            value,
            value.view(np.uint64),
            event_time_ns,
            spans,
            hashes,
        )
        row = np.arange(n, dtype=np.int64)
        bad: list[BadRecord] = []
        n_empty = 0
        if n_other:
            unsure = np.flatnonzero(status == UNSURE)
            n_empty = n_other - len(unsure)
            judged = self._judge(batch.select(unsure))
            bad = [BadRecord(int(unsure[one.row]), one.error) for one in judged.bad]
            good = unsure[judged.row]
            value[good] = list(map(_take_value, judged.records))
            event_time_ns[good] = judged.event_time_ns
            spans[:, good] = _find_spans(batch, good, judged.records)
            hash_keys(data, words, spans, good, hashes)
            status[good] = GOOD
            row = np.flatnonzero(status == GOOD)
            value, event_time_ns, spans, hashes = value[row], event_time_ns[row], spans.take(row, axis=1), hashes[row]
        return Points(
            row=row,
            position=np.zeros(len(row), dtype=np.int64),
            event_time_ns=event_time_ns,
            value=value[: len(row)],
            keys=KeySlices(batch.buffer, spans, hashes),
            labels_of=labels_of,
            bad=bad,
            n_empty=n_empty,
        )

    def _decode_typed(self, batch: RecordBatch) -> Points:
        judged = self._judge(batch)
        return Points(
            row=judged.row,
            position=np.zeros(len(judged.records), dtype=np.int64),
            event_time_ns=judged.event_time_ns,
            value=np.array(list(map(_take_value, judged.records)), dtype=np.float64),
            keys=list(map(_join, map(_take_name_and_labels, judged.records))),
            labels_of=labels_of,
            bad=judged.bad,
            n_empty=judged.n_empty,
        )

    def _judge(self, batch: RecordBatch) -> _Judged:
        records, row, bad, n_empty = decode_rows(batch, self._decode, _explain)
        times = read_times(list(map(_take_ts, records)), row)
        event_time_ns = times.event_time_ns
        if times.good is not None:
            bad = sorted(bad + times.bad, key=_take_row)
            records = [records[i] for i in times.good]
            row, event_time_ns = row[times.good], event_time_ns[times.good]
        return _Judged(records, row, event_time_ns, bad, n_empty)


_take_row = attrgetter("row")


def _find_spans(batch: RecordBatch, rows: npt.NDArray[np.int64], records: list[_Record]) -> npt.NDArray[np.int64]:
    """Where raw names and labels lie in the buffer: where the same bytes first stand in the record."""
    spans = np.empty((N_SPANS, len(rows)), dtype=np.int64)
    for i, (row, record) in enumerate(zip(rows.tolist(), records, strict=True)):
        start = int(batch.value_start[row])
        end = start + int(batch.value_length[row])
        name, labels = bytes(record.name), bytes(record.labels)
        labels_start = batch.buffer.find(labels, start, end)
        # The default for a record without labels need not stand in it.
        spans[:, i] = batch.buffer.find(name, start, end), len(name), max(labels_start, start), len(labels)
        if labels_start < 0:
            spans[LABELS_LENGTH, i] = -1
    return spans
