"""Prometheus remote-write 1.0: one ``WriteRequest`` a record, protobuf in snappy's block format, as Prometheus sends it over HTTP.

A request that is not compressed is read as well.  Each sample of each time series is a point; its labels, ``__name__`` among them,
are those of the series.  Samples that hold no finite number (Prometheus marks the end of a series with a NaN of its own) are left out
and counted as filtered.  Metadata, exemplars and native histograms are passed over.  Of a label that is there twice the last counts.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, cast

import cramjam
import numpy as np

from models.base import IntColumn
from pipeline.codecs.base import SeriesKey
from pipeline.codecs.excerpt import quote
from pipeline.codecs.key_slices import view_words
from pipeline.codecs.metric_json_kernel import N_SPANS
from pipeline.codecs.private_schema import make_messages
from pipeline.codecs.protobuf_rows import ProtobufCodec, ScannedMessages, SlowSample
from pipeline.codecs.protobuf_text import decode_text, encode_length, walk_fields
from pipeline.codecs.remote_write_kernel import GOOD, scan_requests
from pipeline.codecs.snappy_block import unpack_block
from pipeline.errors import DecodeError

__all__ = ["RemoteWriteCodec", "encode_request", "labels_of"]

_NS_PER_MS = 1_000_000
_LABEL_TAG = b"\n"
_SERIES_FIELD, _LABEL_FIELD, _SAMPLE_FIELD, _NAME_FIELD, _VALUE_FIELD = 1, 1, 2, 1, 2
_LENGTH_WIRE = 2
_FIRST_BYTES = b"\n\x1a"
"""A request begins with a time series or with metadata."""


@cache
def _request_class() -> Any:
    # Labels stay bytes: they are read once a series.
    schema = {
        "Sample": [("value", 1, "double"), ("timestamp", 2, "int64")],
        "TimeSeries": [("labels", 1, "*bytes"), ("samples", 2, "*Sample")],
        "WriteRequest": [("timeseries", 1, "*TimeSeries")],
    }
    return make_messages("streamwarden.remote_write", schema)["WriteRequest"]


def labels_of(key: SeriesKey) -> dict[str, str]:
    """Labels of a series key of this codec: the label messages of a time series, as they stand in it.

    Raises
    ------
    DecodeError
        They are no messages (``PROTOBUF``).
    SampleError
        A label is not UTF-8 (``LABELS_TYPE``).

    Examples
    --------
    >>> labels_of(b"\\x0a\\x0f\\x0a\\x08__name__\\x12\\x03cpu")
    {'__name__': 'cpu'}
    """
    labels: dict[str, str] = {}
    for number, wire, label in walk_fields(cast(bytes, key)):
        if (number, wire) != (_LABEL_FIELD, _LENGTH_WIRE):
            continue
        parts = {_NAME_FIELD: b"", _VALUE_FIELD: b""}
        for part, part_wire, raw in walk_fields(label):
            if part in parts and part_wire == _LENGTH_WIRE:
                parts[part] = raw
        name = decode_text(parts[_NAME_FIELD], "the name of a label")
        labels[name] = decode_text(parts[_VALUE_FIELD], f"label {name!r}")
    return labels


def encode_request(series: Iterable[tuple[Mapping[str, str], Iterable[tuple[int, float]]]]) -> bytes:
    """A request as Prometheus sends it: labels sorted by name, snappy's block format.

    Parameters
    ----------
    series : iterable of (mapping, iterable of (int, float))
        Labels, ``__name__`` among them, and samples: ms since 1970, value.

    Examples
    --------
    >>> raw = encode_request([({"job": "dag", "__name__": "cpu"}, [(1_000, 0.5), (2_000, 0.7)])])
    >>> [sample.value for sample in RemoteWriteCodec().read_slowly(unpack_block(raw))]
    [0.5, 0.7]
    """
    parts = []
    for labels, samples in series:
        body = b"".join(
            _field(_LABEL_FIELD, _field(_NAME_FIELD, name.encode()) + _field(_VALUE_FIELD, value.encode()))
            for name, value in sorted(labels.items())
        )
        for time_ms, value in samples:
            body += _field(_SAMPLE_FIELD, b"\x09" + struct.pack("<d", value) + b"\x10" + encode_length(time_ms))
        parts.append(_field(_SERIES_FIELD, body))
    return bytes(cramjam.snappy.compress_raw(b"".join(parts)))


def _field(number: int, raw: bytes) -> bytes:
    return bytes([number << 3 | _LENGTH_WIRE]) + encode_length(len(raw)) + raw


class RemoteWriteCodec(ProtobufCodec):
    """Decodes remote-write requests.

    Examples
    --------
    >>> import cramjam
    >>> from pipeline.codecs.record import RecordBatch
    >>> labels = b"\\x0a\\x0f\\x0a\\x08__name__\\x12\\x03cpu"
    >>> sample = b"\\x12\\x0c\\x09" + np.float64(0.5).tobytes() + b"\\x10\\xe9\\x07"
    >>> request = b"\\x0a" + bytes([len(labels + sample)]) + labels + sample
    >>> value = bytes(cramjam.snappy.compress_raw(request))
    >>> points = RemoteWriteCodec().decode(RecordBatch.from_rows("m", 0, [(0, 0, None, value), (1, 0, None, b"?")]))
    >>> points.value.tolist(), points.event_time_ns.tolist(), points.labels_of(points.keys[0])
    ([0.5], [1001000000], {'__name__': 'cpu'})
    >>> points.bad[0].error.code
    'PROTOBUF'
    """

    name = "remote_write"

    def unpack(self, value: bytes) -> bytes:
        """The request in a record, unpacked if it is packed.

        Raises
        ------
        DecodeError
            It is neither packed nor begins as a request does (``PROTOBUF``), or is too large (``SNAPPY_SIZE``).
        """
        request = unpack_block(value)
        if request is not None:
            return request
        if value and value[0] not in _FIRST_BYTES:
            raise DecodeError(
                f"record: found {quote(value)}, expected a remote-write request (protobuf, snappy's block format); see to the "
                "producer's encoding",
                code="PROTOBUF",
            )
        return value

    def scan(self, buffer: bytes, start: IntColumn, length: IntColumn) -> ScannedMessages:
        """Scan requests by the kernel."""
        n = len(start)
        data, words = np.frombuffer(buffer.ljust(1, b"\0"), np.uint8), view_words(buffer)
        status = np.empty(n, dtype=np.uint8)
        n_samples, n_skipped = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
        none = np.empty(0, dtype=np.int64)
        no_words, no_spans = none.view(np.uint64), np.empty((N_SPANS, 0), dtype=np.int64)
        counts = (status, n_samples, n_skipped)
        scan_requests(data, words, start, length, *counts, no_words, none, no_spans, no_words, none, True)
        is_sure = status == GOOD
        m = int(n_samples[is_sure].sum())
        value = np.empty(m)
        event_time_ns, position = np.empty(m, dtype=np.int64), np.empty(m, dtype=np.int64)
        spans, hashes = np.empty((N_SPANS, m), dtype=np.int64), np.empty(m, dtype=np.uint64)
        scan_requests(data, words, start, length, *counts, value.view(np.uint64), event_time_ns, spans, hashes, position, False)
        return ScannedMessages(is_sure, n_samples, n_skipped, buffer, spans, hashes, event_time_ns, position, value)

    def read_slowly(self, message: bytes) -> Iterator[SlowSample]:
        """Samples of one request, by protobuf's own library.

        Raises
        ------
        DecodeError
            The bytes are no request (``PROTOBUF``).
        """
        from google.protobuf.message import DecodeError as ProtobufError

        try:
            request = _request_class().FromString(message)
        except ProtobufError as error:
            raise DecodeError(
                f"record: {error}; found {quote(message)}, expected a remote-write request; see to the producer's serialiser",
                code="PROTOBUF",
            ) from error
        for series in request.timeseries:
            key = b"".join(_LABEL_TAG + encode_length(len(label)) + label for label in series.labels)
            for sample in series.samples:
                yield SlowSample(key, sample.timestamp * _NS_PER_MS, sample.value)

    def labels_of(self, key: SeriesKey) -> dict[str, str]:
        """See `labels_of` of this module."""
        return labels_of(key)
