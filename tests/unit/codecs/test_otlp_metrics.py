"""OpenTelemetry metrics: the kernel against protobuf's own library, and both against OpenTelemetry's own messages."""

from __future__ import annotations

import math
import os
import random
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue

from pipeline.codecs.otlp_metrics import OtlpMetricsCodec
from tests.unit.codecs import points_facts
from tests.unit.codecs.points_facts import batch_of

SCANNED, SLOW = OtlpMetricsCodec(), OtlpMetricsCodec(is_scanned=False)
NOW_NS = 1_790_000_000_000_000_000


def assert_same(values: list[bytes | None]) -> dict[str, Any]:
    return points_facts.assert_same(SCANNED, SLOW, values)


def attributes(draw: random.Random) -> list[KeyValue]:
    values = [
        AnyValue(string_value="n1"),
        AnyValue(string_value=""),
        AnyValue(int_value=-7),
        AnyValue(bool_value=True),
        AnyValue(double_value=0.25),
        AnyValue(bytes_value=b"\x00\xff"),
        AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="a"), AnyValue(int_value=1)])),
        AnyValue(),
    ]
    names = draw.sample(["service.name", "host.name", "region", "shard", "größe"], draw.randrange(5))
    return [KeyValue(key=name, value=draw.choice(values)) for name in names]


def make_request(draw: random.Random) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    for _ in range(draw.randrange(3)):
        of_resource = request.resource_metrics.add(schema_url=draw.choice(["", "https://example.org"]))
        if draw.random() < 0.8:
            of_resource.resource.attributes.extend(attributes(draw))
        for _ in range(draw.randrange(3)):
            scope = of_resource.scope_metrics.add()
            if draw.random() < 0.5:
                scope.scope.name = "app"
            for _ in range(draw.randrange(4)):
                metric = scope.metrics.add(name=draw.choice(["cpu", "http.server.duration", ""]), unit=draw.choice(["", "s"]))
                kind = draw.choice(["gauge", "sum", "histogram", "exponential_histogram", "summary", "none"])
                if kind == "none":
                    continue
                holder = getattr(metric, kind)
                holder.SetInParent()
                for _ in range(draw.randrange(4)):
                    add_point(draw, holder, kind)
    return request


def add_point(draw: random.Random, holder: Any, kind: str) -> None:
    point = holder.data_points.add(
        time_unix_nano=NOW_NS + draw.randrange(10**9),
        start_time_unix_nano=draw.choice([0, 1]),
        attributes=attributes(draw),
        flags=draw.choice([0, 0, 0, 1, 2]),
    )
    if kind in ("gauge", "sum"):
        which = draw.randrange(3)
        if which == 0:
            point.as_double = draw.choice([0.0, -0.0, 1.5, math.nan, math.inf, 5e-324, draw.gauss(0, 1)])
        elif which == 1:
            point.as_int = draw.choice([0, -1, 2**62, -(2**63), 41])
        return
    point.count = draw.choice([0, 3, 2**64 - 1])
    if kind == "summary" or draw.random() < 0.7:
        point.sum = draw.choice([0.0, 12.5, math.nan])
    if kind == "histogram":
        point.bucket_counts.extend([1, 2])
        point.explicit_bounds.append(0.5)


def expect(request: ExportMetricsServiceRequest) -> list[tuple[str, int, float]]:
    """Name, time and value of every sample, as OpenTelemetry's own classes tell them."""
    found = []
    for of_resource in request.resource_metrics:
        for scope in of_resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                for point in getattr(metric, kind).data_points if kind else ():
                    if kind in ("gauge", "sum"):
                        value = point.WhichOneof("value")
                        pairs = [("", float(getattr(point, value)) if value else math.nan)]
                    else:
                        pairs = [("_count", float(point.count))]
                        if kind == "summary" or point.HasField("sum"):
                            pairs.append(("_sum", point.sum))
                    found += [
                        (metric.name + suffix, point.time_unix_nano, value)
                        for suffix, value in pairs
                        if math.isfinite(value) and not point.flags & 1
                    ]
    return found


def test_samples_are_those_of_opentelemetrys_own_messages() -> None:
    draw = random.Random(5)
    n = 0
    for _ in range(400):
        request = make_request(draw)
        raw = request.SerializeToString()
        found = assert_same([raw, None])
        expected = expect(request)
        assert found["bad"] == []
        assert [labels["__name__"] for labels in found["labels"]] == [name for name, _, _ in expected]
        assert found["time"] == [time_ns for _, time_ns, _ in expected]
        assert found["value"] == b"".join(struct.pack("<d", value) for _, _, value in expected)
        assert bool(SCANNED.scan(raw, *spans_of(raw)).is_sure.all()), "the kernel reads what SDKs write"
        n += len(expected)
    assert n > 500


def spans_of(raw: bytes) -> tuple[Any, Any]:
    return np.array([0]), np.array([len(raw)])


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32), cuts=st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=4))
def test_damaged_requests_get_the_verdict_of_the_library(seed: int, cuts: list[tuple[int, int]]) -> None:
    draw = random.Random(seed)
    values: list[bytes | None] = [make_request(draw).SerializeToString() for _ in range(3)]
    raw = bytearray(make_request(draw).SerializeToString())
    for at, byte in cuts:
        if raw:
            raw[at % len(raw)] = byte
    assert_same([*values, bytes(raw), bytes(raw[: draw.randrange(len(raw) + 1)])])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=5))
def test_any_bytes(values: list[bytes]) -> None:
    assert_same(values)


def point_request(**fields: Any) -> bytes:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="cpu")
    metric.gauge.data_points.add(**fields)
    return request.SerializeToString()


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"{}", "PROTOBUF"),
        (point_request(as_double=1.0), "FIELD_MISSING"),
        (point_request(as_double=1.0, time_unix_nano=2**63), "TIME_RANGE"),
    ],
)
def test_what_is_refused(value: bytes, code: str) -> None:
    assert assert_same([value])["bad"] == [(0, code)]


def test_attributes_of_the_point_go_before_those_of_the_resource() -> None:
    request = ExportMetricsServiceRequest()
    of_resource = request.resource_metrics.add()
    of_resource.resource.attributes.extend(
        [
            KeyValue(key="service.name", value=AnyValue(string_value="dag")),
            KeyValue(key="shard", value=AnyValue(string_value="of the resource")),
        ]
    )
    metric = of_resource.scope_metrics.add().metrics.add(name="tx.rate")
    shard = KeyValue(key="shard", value=AnyValue(int_value=3))
    metric.sum.data_points.add(time_unix_nano=NOW_NS, as_int=5, attributes=[shard])
    found = assert_same([request.SerializeToString()])
    assert found["labels"] == [{"service": "dag", "shard": "3", "__name__": "tx.rate"}]


def test_points_of_one_series_have_one_key() -> None:
    draw = random.Random(9)
    shared = [KeyValue(key="shard", value=AnyValue(string_value="1"))]
    values = []
    for i in range(3):
        request = ExportMetricsServiceRequest()
        of_resource = request.resource_metrics.add()
        of_resource.resource.attributes.extend([KeyValue(key="service.name", value=AnyValue(string_value="dag"))])
        metric = of_resource.scope_metrics.add().metrics.add(name="latency")
        metric.histogram.data_points.add(time_unix_nano=NOW_NS + i, count=draw.randrange(9), sum=1.0, attributes=shared)
        values.append(request.SerializeToString())
    points = SCANNED.decode(batch_of(values))
    assert len(set(points.keys)) == len(set(points.keys.hashes.tolist())) == 2  # type: ignore[attr-defined]


def make_bytes(draw: random.Random) -> bytes:
    raw: bytes = make_request(draw).SerializeToString()
    return raw


def test_messages_damaged_in_many_ways(times: int, luck: int) -> None:
    assert points_facts.compare_damaged(SCANNED, SLOW, make_bytes, 40 * times, seed=12 + luck) > 300 * times


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_soak() -> None:
    """Hundreds of thousands of damaged requests."""
    assert points_facts.compare_damaged(SCANNED, SLOW, make_bytes, 10_000, int(os.environ.get("SOAK_SEED", "20261126"))) > 0
