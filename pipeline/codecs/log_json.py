"""Native JSON logs: ``{"ts": 1700000000000, "level": "INFO", "message": "ready", "labels": {"service": "api"}}``, a line a record.

=========  ==========================================  ===============================================================
field      other names, the first that is there counts  what it may be
=========  ==========================================  ===============================================================
message    msg, log                                    text; space around it is cut off
ts         time, timestamp, @timestamp                 a number or RFC 3339 text (`pipeline.codecs.timestamps`)
level      severity                                    text or a number (`pipeline.codecs.log_level`); may be missing
labels                                                 an object of texts, at most 40 and 3,000 characters; may be missing
=========  ==========================================  ===============================================================

``service``, ``region`` and ``host`` may stand beside `labels` as well as in it; in it they count.  null is the same as missing.
Further fields are skipped: of flat records whose every field is a label, `pipeline.codecs.fluentd_json` makes more.  Of a key that is
there twice the last counts, but each must be of the right kind.  A record with an empty message is well formed and holds nothing to
mine.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter

import msgspec

from pipeline.codecs.base import BadRecord, LogLines
from pipeline.codecs.event_times import read_times
from pipeline.codecs.excerpt import quote
from pipeline.codecs.json_fault import FieldRule, explain_json
from pipeline.codecs.json_rows import DECODE_FAILURES, decode_rows
from pipeline.codecs.label_fault import explain_labels
from pipeline.codecs.log_level import normalise_level
from pipeline.codecs.record import RecordBatch
from pipeline.codecs.timestamps import RawTime
from pipeline.errors import DecodeError, RecordError, SampleError

__all__ = ["MAX_LABELS", "MAX_LABEL_CHARACTERS", "MESSAGE_NAMES", "LogJsonCodec", "no_message"]

MAX_LABELS = 40
MAX_LABEL_CHARACTERS = 3_000
"""So that what the miner adds (metric name, template, level) still fits a label set."""

MESSAGE_NAMES = ("message", "msg", "log")

_MESSAGE_CURE = "send the text of the line"
_TEXT_CURE = "send it as text, or leave it out"
_RULES = (
    FieldRule(MESSAGE_NAMES, ("text", "null"), False, "", _MESSAGE_CURE),
    FieldRule(
        ("ts", "time", "timestamp", "@timestamp"),
        ("a number", "text", "null"),
        False,
        "TIME_RANGE",
        "send seconds or milliseconds since 1970, or RFC 3339 text",
    ),
    FieldRule(("level", "severity"), ("a number", "text", "null"), False, "VALUE_NOT_FINITE", "send a severity word"),
    FieldRule(("service", "region", "host"), ("text", "null"), False, "", _TEXT_CURE),
)
_MAX_CACHED = 4_096
_MAX_CACHED_BYTES = 4_096


class _Record(msgspec.Struct, gc=False):
    message: str | None = None
    msg: str | None = None
    log: str | None = None
    level: str | int | float | None = None
    severity: str | int | float | None = None
    ts: int | float | str | None = None
    time: int | float | str | None = None
    timestamp: int | float | str | None = None
    at_timestamp: int | float | str | None = msgspec.field(default=None, name="@timestamp")
    service: str | None = None
    region: str | None = None
    host: str | None = None
    # Parsed once for every spelling: most lines of a source have the same.
    labels: msgspec.Raw = msgspec.Raw(b"{}")


_labels_decoder = msgspec.json.Decoder(dict[str, str] | None)
_take_row = attrgetter("row")


def no_message(names: str) -> DecodeError:
    """The error of a record without a text; `names` are the fields where one is looked for."""
    return DecodeError(f"message: found none of {names}, expected text; {_MESSAGE_CURE}", code="FIELD_MISSING")


def _explain(value: bytes) -> DecodeError:
    return explain_json(value, _RULES)


def _message_of(record: _Record) -> str | None:
    if record.message is not None:
        return record.message
    return record.msg if record.msg is not None else record.log


def _time_of(record: _Record) -> RawTime | None:
    for raw in (record.ts, record.time, record.timestamp):
        if raw is not None:
            return raw
    return record.at_timestamp


class LogJsonCodec:
    """Decodes native JSON logs.

    Label mappings are shared by the lines that have the same: read them, do not change them.

    Examples
    --------
    >>> codec = LogJsonCodec()
    >>> value = b'{"ts":1700000000000,"level":"warning","msg":"disk full","labels":{"service":"api"}}'
    >>> rows = [(0, 0, None, value), (1, 0, None, b'{"ts":1,"message":" "}'), (2, 0, None, b'{"ts":1,"message":7}')]
    >>> lines = codec.decode(RecordBatch.from_rows("logs", 0, rows))
    >>> lines.message, lines.level, lines.event_time_ns.tolist(), lines.labels
    (['disk full'], ['WARN'], [1700000000000000000], [{'service': 'api'}])
    >>> lines.n_empty, lines.bad[0].row, lines.bad[0].error.code
    (1, 2, 'FIELD_TYPE')
    """

    name = "log_json"

    def __init__(self) -> None:
        self._decode = msgspec.json.Decoder(_Record).decode
        self._labels_by_key: dict[object, dict[str, str]] = {}

    def decode(self, batch: RecordBatch) -> LogLines:
        """One line of every good record that has a text."""
        records, row, bad, n_empty = decode_rows(batch, self._decode, _explain)
        times = read_times(list(map(_time_of, records)), row)
        bad = bad + times.bad
        kept: list[int] = []
        message: list[str] = []
        level: list[str] = []
        labels: list[Mapping[str, str]] = []
        for i in times.good if times.good is not None else range(len(records)):
            record = records[i]
            text = _message_of(record)
            try:
                if text is None:
                    raise no_message(", ".join(MESSAGE_NAMES))
                line_labels = self._labels_of(record)
            except RecordError as error:
                bad.append(BadRecord(int(row[i]), error))
                continue
            text = text.strip()
            if not text:
                n_empty += 1
                continue
            kept.append(i)
            message.append(text)
            level.append(normalise_level(record.level if record.level is not None else record.severity))
            labels.append(line_labels)
        event_time_ns = times.event_time_ns
        if len(kept) < len(records):
            row, event_time_ns = row[kept], event_time_ns[kept]
        bad.sort(key=_take_row)
        return LogLines(row, event_time_ns, message, level, labels, bad, n_empty)

    def _labels_of(self, record: _Record) -> dict[str, str]:
        raw = bytes(record.labels)
        is_plain = record.service is None and record.region is None and record.host is None
        key = raw if is_plain else (raw, record.service, record.region, record.host)
        known = self._labels_by_key.get(key)
        if known is not None:
            return known
        try:
            labels = _labels_decoder.decode(raw) or {}
        except DECODE_FAILURES as error:
            raise explain_labels(raw) from error
        if not is_plain:
            beside = {"service": record.service, "region": record.region, "host": record.host}
            labels = {**{name: value for name, value in beside.items() if value}, **labels}
        n_characters = sum(len(name) + len(value) for name, value in labels.items())
        if len(labels) > MAX_LABELS or n_characters > MAX_LABEL_CHARACTERS:
            raise SampleError(
                f"labels: found {len(labels)} of {n_characters} characters ({quote(raw)}), expected at most {MAX_LABELS} labels and "
                f"{MAX_LABEL_CHARACTERS} characters; move free text into the message",
                code="LABELS_SIZE",
            )
        if len(raw) <= _MAX_CACHED_BYTES:
            if len(self._labels_by_key) >= _MAX_CACHED:
                self._labels_by_key.clear()
            self._labels_by_key[key] = labels
        return labels
