"""Flat JSON logs: the bare record, as Fluentd's kafka2 output (``<format> @type json``) and Fluent Bit's kafka output write it.

========  ========================================================================  =============================================
what      field, the first that is there and of the right kind counts               otherwise
========  ========================================================================  =============================================
text      message, msg, log, MESSAGE (journald)                                     the record is refused
time      @timestamp, time, timestamp, ts, fluentd_time: a number or text           Kafka's timestamp of the record, since the
          (`pipeline.codecs.timestamps`)                                            output adds no time unless ``<inject>`` asks
                                                                                    for one; a text that is no time is refused
level     level, severity, loglevel, log_level, levelname, PRIORITY, log.level      what the head of the text says, since container
                                                                                    logs are bare lines (`pipeline.codecs.log_level`)
labels    every other short plain value, those of nested objects under dotted names (`pipeline.codecs.record_labels`):
          ``kubernetes.namespace_name``, ``kubernetes.labels.app``.  ``service``, ``host``, ``region``, ``namespace``, ``pod`` and
          ``container`` are also found where Kubernetes' metadata filter, ECS and journald put them.
========  ========================================================================  =============================================

Space around the text is cut off: container logs end in a newline.  A record with an empty text is well formed and holds nothing to
mine.  Of a key that is there twice the last counts.  Every number of a record must fit a 64-bit float.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

import msgspec

from pipeline.codecs.base import BadRecord, LogLines
from pipeline.codecs.event_times import read_times
from pipeline.codecs.json_fault import explain_json
from pipeline.codecs.json_rows import decode_rows
from pipeline.codecs.log_json import MESSAGE_NAMES, no_message
from pipeline.codecs.log_level import find_level, normalise_level
from pipeline.codecs.record import RecordBatch
from pipeline.codecs.record_labels import RecordLabels
from pipeline.codecs.timestamps import RawTime
from pipeline.errors import DecodeError

__all__ = ["FluentdJsonCodec"]

_MESSAGE_NAMES = (*MESSAGE_NAMES, "MESSAGE")
_TIME_NAMES = ("@timestamp", "time", "timestamp", "ts", "fluentd_time")
_LEVEL_NAMES = ("level", "severity", "loglevel", "log_level", "levelname", "PRIORITY", "log.level")
_SKIPPED = frozenset((*_MESSAGE_NAMES, *_TIME_NAMES)) - {"log"}
_SKIPPED_WITH_LOG = _SKIPPED | {"log"}

_take_row = attrgetter("row")


def _explain(value: bytes) -> DecodeError:
    error = explain_json(value, ())
    if error.code != "FIELD_TYPE" or value.lstrip()[:1] != b"{":
        return error
    # Well formed, an object, and no field has a rule: what is left are numbers the decoder has no room for.
    return DecodeError(
        "record: found a number that does not fit a 64-bit float, expected numbers that do; leave it out, or send it as text",
        code="VALUE_NOT_FINITE",
    )


def _message_of(record: dict[str, Any]) -> str | None:
    for name in _MESSAGE_NAMES:
        value = record.get(name)
        if isinstance(value, str):
            return value
    return None


def _time_of(record: dict[str, Any]) -> RawTime | None:
    for name in _TIME_NAMES:
        value = record.get(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return value
    return None


def _level_of(record: dict[str, Any], text: str) -> str:
    for name in _LEVEL_NAMES:
        value = record.get(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return normalise_level(value)
    log = record.get("log")
    value = log.get("level") if isinstance(log, dict) else None
    return normalise_level(value) if isinstance(value, str) else find_level(text)


class FluentdJsonCodec:
    """Decodes flat JSON logs.

    Examples
    --------
    >>> codec = FluentdJsonCodec()
    >>> value = b'{"log":"disk full\\\\n","kubernetes":{"pod_name":"api-1","labels":{"app":"api"}},"level":"warn"}'
    >>> lines = codec.decode(RecordBatch.from_rows("logs", 0, [(0, 1_700_000_000_000, None, value)]))
    >>> lines.message, lines.level, lines.event_time_ns.tolist(), lines.labels[0]["service"]
    (['disk full'], ['WARN'], [1700000000000000000], 'api')
    """

    name = "fluentd_json"

    def __init__(self) -> None:
        self._decode = msgspec.json.Decoder(dict[str, Any]).decode

    def decode(self, batch: RecordBatch) -> LogLines:
        """One line of every good record that has a text."""
        records, row, bad, n_empty = decode_rows(batch, self._decode, _explain)
        times = read_times(list(map(_time_of, records)), row, where="time", timestamp_ms=batch.timestamp_ms)
        bad = bad + times.bad
        kept: list[int] = []
        message: list[str] = []
        level: list[str] = []
        labels: list[Mapping[str, str]] = []
        for i in times.good if times.good is not None else range(len(records)):
            record = records[i]
            text = _message_of(record)
            if text is None:
                bad.append(BadRecord(int(row[i]), no_message(", ".join(_MESSAGE_NAMES))))
                continue
            text = text.strip()
            if not text:
                n_empty += 1
                continue
            kept.append(i)
            message.append(text)
            level.append(_level_of(record, text))
            labels.append(RecordLabels(record, _SKIPPED_WITH_LOG if isinstance(record.get("log"), str) else _SKIPPED))
        event_time_ns = times.event_time_ns
        if len(kept) < len(records):
            row, event_time_ns = row[kept], event_time_ns[kept]
        bad.sort(key=_take_row)
        return LogLines(row, event_time_ns, message, level, labels, bad, n_empty)
