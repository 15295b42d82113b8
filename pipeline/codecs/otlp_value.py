"""Attributes of OpenTelemetry as labels."""

from __future__ import annotations

import base64
import struct
from typing import Any

import orjson

from pipeline.codecs.protobuf_text import decode_text, walk_fields

__all__ = ["LABEL_BY_ATTRIBUTE", "read_attributes", "rename_labels"]

LABEL_BY_ATTRIBUTE = {"service.name": "service", "host.name": "host", "cloud.region": "region"}
"""Attributes that get the label's name used everywhere else here, so that series of all sources are grouped alike."""

_STRING, _BOOL, _INT, _DOUBLE, _ARRAY, _MAP, _BYTES = range(1, 8)
_LENGTH_WIRE = 2


def read_attributes(raw: bytes) -> dict[str, str]:
    """Attributes in a run of ``KeyValue`` fields, whatever their number; values that are not text as JSON, bytes in base64.

    Raises
    ------
    DecodeError
        The bytes are no such fields (``PROTOBUF``).
    SampleError
        A text is not UTF-8 (``LABELS_TYPE``).

    Examples
    --------
    >>> read_attributes(b"\\x3a\\x0b\\x0a\\x04host\\x12\\x03\\x0a\\x01a" + b"\\x3a\\x09\\x0a\\x03cpu\\x12\\x02\\x18\\x07")
    {'host': 'a', 'cpu': '7'}
    """
    return {
        key: _to_text(value) for _, wire, pair in walk_fields(raw) if wire == _LENGTH_WIRE for key, value in [_read_pair(pair)]
    }


def rename_labels(labels: dict[str, str]) -> dict[str, str]:
    """Labels with those of `LABEL_BY_ATTRIBUTE` under their other name, unless that is taken.

    Examples
    --------
    >>> rename_labels({"service.name": "dag", "cloud.region": "eu", "region": "us"})
    {'service': 'dag', 'cloud.region': 'eu', 'region': 'us'}
    """
    return {
        other if (other := LABEL_BY_ATTRIBUTE.get(name)) is not None and other not in labels else name: value
        for name, value in labels.items()
    }


def _read_pair(raw: bytes) -> tuple[str, Any]:
    key, value = "", None
    for number, wire, part in walk_fields(raw):
        if wire != _LENGTH_WIRE:
            continue
        if number == 1:
            key = decode_text(part, "the name of an attribute")
        elif number == 2:
            value = _read_value(part, key)
    return key, value


def _read_value(raw: bytes, key: str) -> Any:
    value: Any = None
    for number, wire, part in walk_fields(raw):
        if number == _STRING and wire == _LENGTH_WIRE:
            value = decode_text(part, f"attribute {key!r}")
        elif number == _BOOL and wire == 0:
            value = any(part)
        elif number == _INT and wire == 0:
            value = int.from_bytes(part, "little", signed=True)
        elif number == _DOUBLE and wire == 1:
            value = struct.unpack("<d", part)[0]
        elif number == _ARRAY and wire == _LENGTH_WIRE:
            value = [_read_value(one, key) for field, inner, one in walk_fields(part) if (field, inner) == (1, _LENGTH_WIRE)]
        elif number == _MAP and wire == _LENGTH_WIRE:
            pairs = [_read_pair(one) for field, inner, one in walk_fields(part) if (field, inner) == (1, _LENGTH_WIRE)]
            value = dict(pairs)
        elif number == _BYTES and wire == _LENGTH_WIRE:
            value = base64.b64encode(part).decode()
    return value


def _to_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
