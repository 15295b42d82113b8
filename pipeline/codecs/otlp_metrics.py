"""OpenTelemetry metrics: one ``ExportMetricsServiceRequest`` a record, as the Collector's Kafka exporter writes it (``otlp_proto``).

Gauges and sums give one point a data point; histograms, exponential histograms and summaries give two, the count as
``<name>_count`` and the sum as ``<name>_sum``; buckets and quantiles are passed over.  Labels are the attributes of the resource and of
the data point, which goes first; `pipeline.codecs.otlp_value` says how values become text and which get another name.  Points without a
recorded or finite value are left out and counted as filtered.  Integers are read as 64-bit floats.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, cast

import numpy as np

from models.base import IntColumn
from pipeline.codecs.base import SeriesKey
from pipeline.codecs.excerpt import quote
from pipeline.codecs.metric_json_kernel import N_SPANS
from pipeline.codecs.otlp_metrics_kernel import COUNT_SUFFIX, GOOD, KINDS, SUM_SUFFIX, scan_metrics
from pipeline.codecs.otlp_value import read_attributes, rename_labels
from pipeline.codecs.private_schema import make_messages
from pipeline.codecs.protobuf_rows import ProtobufCodec, ScannedMessages, SlowSample
from pipeline.codecs.protobuf_text import decode_text, encode_length
from pipeline.errors import DecodeError

__all__ = ["OtlpMetricsCodec", "encode_gauges", "labels_of"]

_length = struct.Struct("<I")
_SUFFIXES = np.frombuffer(COUNT_SUFFIX.encode() + SUM_SUFFIX.encode().ljust(len(COUNT_SUFFIX), b"\0"), np.uint8).reshape(2, -1)
_RESOURCE_ATTRIBUTES = 1
_LENGTH_WIRE = 2
_NO_RECORDED_VALUE = 1

_NUMBER = [
    ("attributes", 7, "*bytes"),
    ("time", 3, "fixed64"),
    ("real", 4, "?double"),
    ("integer", 6, "?sfixed64"),
    ("flags", 8, "uint32"),
]


def _distribution(attributes: int, flags: int) -> list[tuple[str, int, str]]:
    return [
        ("attributes", attributes, "*bytes"),
        ("time", 3, "fixed64"),
        ("count", 4, "fixed64"),
        ("sum", 5, "?double"),
        ("flags", flags, "uint32"),
    ]


@cache
def _request_class() -> Any:
    # Attributes stay bytes: they are read once a series.
    schema = {
        "NumberPoint": _NUMBER,
        "HistogramPoint": _distribution(9, 10),
        "ExponentialPoint": _distribution(1, 10),
        "SummaryPoint": _distribution(7, 8),
        "Numbers": [("points", 1, "*NumberPoint")],
        "Histogram": [("points", 1, "*HistogramPoint")],
        "Exponential": [("points", 1, "*ExponentialPoint")],
        "Summary": [("points", 1, "*SummaryPoint")],
        "Metric": [
            ("name", 1, "bytes"),
            ("gauge", 5, "?Numbers"),
            ("sum", 7, "?Numbers"),
            ("histogram", 9, "?Histogram"),
            ("exponential", 10, "?Exponential"),
            ("summary", 11, "?Summary"),
        ],
        "Scope": [("metrics", 2, "*Metric")],
        "Resource": [("attributes", 1, "*bytes")],
        "ResourceMetrics": [("resource", 1, "?Resource"), ("scopes", 2, "*Scope")],
        "Request": [("resources", 1, "*ResourceMetrics")],
    }
    return make_messages("streamwarden.otlp_metrics", schema)["Request"]


def _join_fields(number: int, parts: Any) -> bytes:
    tag = encode_length(number << 3 | _LENGTH_WIRE)
    return b"".join(tag + encode_length(len(part)) + part for part in parts)


def labels_of(key: SeriesKey) -> dict[str, str]:
    """Labels of a series key of this codec: attributes of the resource, and the name, each after its length; those of the point.

    Raises
    ------
    DecodeError
        They are no attributes (``PROTOBUF``).
    SampleError
        A text is not UTF-8 (``LABELS_TYPE``).

    Examples
    --------
    >>> labels_of(_length.pack(0) + _length.pack(3) + b"cpu")
    {'__name__': 'cpu'}
    """
    raw = cast(bytes, key)
    parts = []
    at = 0
    for _ in range(2):
        (size,) = _length.unpack_from(raw, at)
        at += _length.size
        parts.append(raw[at : at + size])
        at += size
    labels = rename_labels({**read_attributes(parts[0]), **read_attributes(raw[at:])})
    labels["__name__"] = decode_text(parts[1], "the metric's name")
    return labels


def encode_gauges(samples: Iterable[tuple[str, int, float]]) -> bytes:
    """A request of gauges without attributes.

    Parameters
    ----------
    samples : iterable of (str, int, float)
        Name, ns since 1970, value.

    Examples
    --------
    >>> raw = encode_gauges([("cpu", 5, 0.5)])
    >>> [(sample.event_time_ns, sample.value) for sample in OtlpMetricsCodec().read_slowly(raw)]
    [(5, 0.5)]
    """
    request = _request_class()()
    scope = request.resources.add().scopes.add()
    for name, time_ns, value in samples:
        scope.metrics.add(name=name.encode()).gauge.points.add(time=time_ns, real=value)
    raw: bytes = request.SerializeToString()
    return raw


class OtlpMetricsCodec(ProtobufCodec):
    """Decodes OpenTelemetry metrics.

    Examples
    --------
    >>> from pipeline.codecs.record import RecordBatch
    >>> point = b"\\x19" + np.uint64(1_000).tobytes() + b"\\x21" + np.float64(0.5).tobytes()
    >>> gauge = b"\\x0a" + bytes([len(point)]) + point
    >>> metric = b"\\x0a\\x03cpu\\x2a" + bytes([len(gauge)]) + gauge
    >>> scope = b"\\x12" + bytes([len(metric)]) + metric
    >>> resource = b"\\x12" + bytes([len(scope)]) + scope
    >>> request = b"\\x0a" + bytes([len(resource)]) + resource
    >>> points = OtlpMetricsCodec().decode(RecordBatch.from_rows("m", 0, [(0, 0, None, request), (1, 0, None, b"?")]))
    >>> points.value.tolist(), points.event_time_ns.tolist(), points.labels_of(points.keys[0])
    ([0.5], [1000], {'__name__': 'cpu'})
    >>> points.bad[0].error.code
    'PROTOBUF'
    """

    name = "otlp_metrics"

    def unpack(self, value: bytes) -> bytes:
        """The request in a record is the record."""
        return value

    def scan(self, buffer: bytes, start: IntColumn, length: IntColumn) -> ScannedMessages:
        """Scan requests by the kernel."""
        n, size = len(start), len(buffer)
        status = np.empty(n, dtype=np.uint8)
        n_samples, n_skipped, n_prefix_bytes = (np.empty(n, dtype=np.int64) for _ in range(3))
        point, runs, prefixes = np.empty(5, dtype=np.uint64), np.empty((2, 2), dtype=np.int64), np.empty((2, 2), dtype=np.int64)

        def run(room: int, m: int, *, is_counting: bool) -> ScannedMessages:
            data = bytearray(max(size + room, 16))
            data[:size] = buffer
            value, hashes = np.empty(m), np.empty(m, dtype=np.uint64)
            event_time_ns, position = np.empty(m, dtype=np.int64), np.empty(m, dtype=np.int64)
            spans = np.empty((N_SPANS, m), dtype=np.int64)
            scan_metrics(
                np.frombuffer(data, np.uint8),
                np.ndarray(shape=(len(data) - 7,), dtype="<u8", buffer=data, strides=(1,)),
                KINDS,
                _SUFFIXES,
                start,
                length,
                status,
                n_samples,
                n_skipped,
                n_prefix_bytes,
                size,
                value,
                event_time_ns,
                spans,
                hashes,
                position,
                point,
                runs,
                prefixes,
                np.empty(2, dtype=np.uint64),
                is_counting,
            )
            return ScannedMessages(
                status == GOOD, n_samples, n_skipped, bytes(data), spans, hashes, event_time_ns, position, value
            )

        counted = run(0, 0, is_counting=True)
        return run(int(n_prefix_bytes[counted.is_sure].sum()), int(n_samples[counted.is_sure].sum()), is_counting=False)

    def read_slowly(self, message: bytes) -> Iterator[SlowSample]:
        """Samples of one request, by protobuf's own library.

        Raises
        ------
        DecodeError
            The bytes are no request, or a point has two values or no time (``PROTOBUF``).
        """
        from google.protobuf.message import DecodeError as ProtobufError

        try:
            request = _request_class().FromString(message)
        except ProtobufError as error:
            raise DecodeError(
                f"record: {error}; found {quote(message)}, expected an ExportMetricsServiceRequest; see to the producer's serialiser",
                code="PROTOBUF",
            ) from error
        for of_resource in request.resources:
            resource = _join_fields(_RESOURCE_ATTRIBUTES, of_resource.resource.attributes)
            for scope in of_resource.scopes:
                for metric in scope.metrics:
                    yield from _read_metric(metric, resource)

    def labels_of(self, key: SeriesKey) -> dict[str, str]:
        """See `labels_of` of this module."""
        return labels_of(key)


def _read_metric(metric: Any, resource: bytes) -> Iterator[SlowSample]:
    def prefix(suffix: str) -> bytes:
        name: bytes = metric.name + suffix.encode()
        return _length.pack(len(resource)) + resource + _length.pack(len(name)) + name

    numbers = [*metric.gauge.points, *metric.sum.points]
    for point in numbers:
        _require_time(point)
        if point.HasField("real") and point.HasField("integer"):
            raise DecodeError(f"a point of {quote(metric.name)}: found two values, expected one", code="PROTOBUF")
        value = point.real if point.HasField("real") else float(point.integer) if point.HasField("integer") else float("nan")
        yield SlowSample(prefix("") + _join_fields(7, point.attributes), point.time, _unless_absent(point, value))
    for attributes, points, has_always_sum in (
        (9, metric.histogram.points, False),
        (1, metric.exponential.points, False),
        (7, metric.summary.points, True),
    ):
        for point in points:
            _require_time(point)
            key = _join_fields(attributes, point.attributes)
            yield SlowSample(prefix(COUNT_SUFFIX) + key, point.time, _unless_absent(point, float(point.count)))
            if has_always_sum or point.HasField("sum"):
                yield SlowSample(prefix(SUM_SUFFIX) + key, point.time, _unless_absent(point, point.sum))


def _require_time(point: Any) -> None:
    if not point.time:
        raise DecodeError("a data point has no time, expected time_unix_nano; see to the producer's SDK", code="FIELD_MISSING")


def _unless_absent(point: Any, value: float) -> float:
    return float("nan") if point.flags & _NO_RECORDED_VALUE else value
