"""JSON lines: ready-made records, one a line, passed on byte for byte.

A line that is no usable record is passed on too: the engine dead-letters it, here as on Kafka.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from pipeline.errors import HistoryError, SampleError
from pipeline.history.entry import LineSource, RawEntry
from pipeline.history.options import HistoryOptions
from pipeline.history.raw_time import find_raw_time
from pipeline.samples.labels import NAME_LABEL, LabelSet

__all__ = ["guess_json_format", "load_record", "read_json_lines", "record_key"]

_N_FIRST_LINES = 1_000
_SOURCE_FIELDS = ("service", "region", "host", "hostname", "node", "container_name")


def load_record(line: bytes) -> dict[str, Any] | None:
    """The JSON object of a line; None when it is none.

    Examples
    --------
    >>> load_record(b'{"ts":1}'), load_record(b"[1]")
    ({'ts': 1}, None)
    """
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return record if isinstance(record, dict) else None


def record_key(record: Mapping[str, Any]) -> bytes:
    """The Kafka key of a ready-made record: its series for a metric, its source labels for a log line.

    A record without usable labels gets an empty key: its partition is fixed, as everything about a replay is.

    Examples
    --------
    >>> record_key({"name": "cpu", "labels": {"host": "n1"}, "ts": 1, "value": 2})
    b'cpu{host="n1"}'
    >>> record_key({"message": "started", "service": "gateway", "region": "eu-west-1"})
    b'{region="eu-west-1",service="gateway"}'
    >>> record_key({})
    b''
    """
    labels = record.get("labels")
    name = record.get("name")
    if isinstance(name, str):
        try:
            return str(LabelSet({**(labels if isinstance(labels, dict) else {}), NAME_LABEL: name})).encode()
        except (SampleError, TypeError):
            return b""
    sources = labels if isinstance(labels, dict) else record
    texts = {label: sources[label] for label in _SOURCE_FIELDS if isinstance(sources.get(label), str)}
    return LineSource(texts).key if texts else b""


def guess_json_format(record: Mapping[str, Any]) -> str:
    """The format of ``topics.yaml`` that a ready-made record has.

    Examples
    --------
    >>> guess_json_format({"name": "cpu", "value": 1}), guess_json_format({"ts": 1, "message": "x"})
    ('metric_json', 'log_json')
    """
    if "value" in record:
        return "metric_json"
    return "log_json" if "message" in record and "ts" in record else "fluentd_json"


def read_json_lines(lines: Iterable[bytes], options: HistoryOptions, *, file: str) -> Iterator[RawEntry]:
    """Entries of a JSON lines file; empty lines are left out.

    A line without a usable time takes that of the line before it; lines at the head take the first one there is.

    Raises
    ------
    HistoryError
        None of the first lines has a time (``HISTORY_TIME``).

    Examples
    --------
    >>> lines = [b"oops", b'{"name":"cpu","ts":1392388200,"value":1}']
    >>> [(e.event_time_ns, e.key, e.time_field) for e in read_json_lines(lines, HistoryOptions(), file="a.jsonl")]
    [(1392388200000000000, b'', ''), (1392388200000000000, b'cpu', 'ts')]
    """
    previous_ns: int | None = None
    waiting: list[tuple[bytes, bytes]] = []
    for line in lines:
        value = line.rstrip(b"\r\n")
        if not value.strip():
            continue
        record = load_record(value)
        key = b"" if record is None else record_key(record)
        found = None if record is None else find_raw_time(record, options.timezone)
        if found is None:
            if previous_ns is not None:
                yield RawEntry(previous_ns, key, value, "")
                continue
            waiting.append((key, value))
            if len(waiting) >= _N_FIRST_LINES:
                break
            continue
        field, event_time_ns = found
        for waiting_key, waiting_value in waiting:
            yield RawEntry(event_time_ns, waiting_key, waiting_value, "")
        waiting.clear()
        previous_ns = event_time_ns
        yield RawEntry(event_time_ns, key, value, field)
    if waiting:
        raise HistoryError(
            f"{file}: found no time in the first {len(waiting)} lines, e.g. {waiting[0][1][:80]!r}; expected JSON objects with "
            "ts, timestamp, @timestamp or time; add one",
            code="HISTORY_TIME",
        )
