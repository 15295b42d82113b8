"""Remote-write requests: the kernel against protobuf's own library, on requests that are whole, odd and broken."""

from __future__ import annotations

import math
import os
import random
import struct
from typing import Any

import cramjam
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.codecs.private_schema import make_messages
from pipeline.codecs.remote_write import RemoteWriteCodec
from pipeline.codecs.snappy_block import MAX_BLOCK_BYTES
from tests.unit.codecs import points_facts
from tests.unit.codecs.points_facts import batch_of

SCHEMA = {
    "Label": [("name", 1, "bytes"), ("value", 2, "bytes")],
    "Sample": [("value", 1, "double"), ("timestamp", 2, "int64")],
    "TimeSeries": [("labels", 1, "*Label"), ("samples", 2, "*Sample"), ("exemplars", 3, "*bytes"), ("histograms", 4, "*bytes")],
    "WriteRequest": [("timeseries", 1, "*TimeSeries"), ("metadata", 3, "*bytes"), ("odd", 40, "int64")],
}
MESSAGES = make_messages("tests.remote_write", SCHEMA)
STALE = struct.unpack("<d", (0x7FF0000000000002).to_bytes(8, "little"))[0]
SCANNED, SLOW = RemoteWriteCodec(), RemoteWriteCodec(is_scanned=False)


def make_request(draw: random.Random) -> Any:
    request = MESSAGES["WriteRequest"]()
    for _ in range(draw.randrange(5)):
        series = request.timeseries.add()
        names = [b"__name__", b"job", b"instance", b"region", "größe".encode(), b""][: draw.randrange(1, 7)]
        for name in names:
            series.labels.add(name=name, value=draw.choice([b"a", b"", b"\xff", b"node-1:9100", b"x" * 200]))
        for _ in range(draw.choice([0, 1, 1, 1, 3])):
            series.samples.add(
                value=draw.choice([0.0, -0.0, 1.5, 1e300, 5e-324, math.nan, math.inf, STALE, draw.gauss(0, 1)]),
                timestamp=draw.choice([0, 1, 1_790_000_000_000, 1_790_000_000_000, 7_258_118_399_999]),
            )
        if draw.random() < 0.2:
            series.exemplars.append(b"anything")
        if draw.random() < 0.2:
            series.histograms.append(b"\x08\x01")
    if draw.random() < 0.3:
        request.metadata.append(b"help")
    if draw.random() < 0.1:
        request.odd = -5
    return request


def assert_same(values: list[bytes | None]) -> dict[str, Any]:
    return points_facts.assert_same(SCANNED, SLOW, values)


def pack(raw: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(raw))


def test_samples_come_back_bit_for_bit() -> None:
    draw = random.Random(1)
    for _ in range(60):
        request = make_request(draw)
        scanned = assert_same([pack(request.SerializeToString()), None, request.SerializeToString()])
        expected = [
            struct.pack("<d", sample.value)
            for _ in range(2)
            for series in request.timeseries
            for sample in series.samples
            if math.isfinite(sample.value)
        ]
        assert scanned["value"] == b"".join(expected)


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32), cuts=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4))
def test_damaged_requests_get_the_verdict_of_the_library(seed: int, cuts: list[tuple[int, int]]) -> None:
    draw = random.Random(seed)
    values: list[bytes | None] = [make_request(draw).SerializeToString() for _ in range(3)]
    raw = bytearray(make_request(draw).SerializeToString())
    for at, byte in cuts:
        if raw:
            raw[at % len(raw)] = byte
    values += [bytes(raw), bytes(raw[: draw.randrange(len(raw) + 1)]), pack(bytes(raw))]
    assert_same(values)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=5), st.lists(st.binary(max_size=40), max_size=3))
def test_any_bytes(values: list[bytes], packed: list[bytes]) -> None:
    assert_same([*values, *map(pack, packed)])


def test_fields_out_of_order_are_left_to_the_library() -> None:
    """Labels after samples, a sample in two pieces, a time series in two pieces of one message: all legal protobuf."""
    label = MESSAGES["Label"](name=b"__name__", value=b"cpu").SerializeToString()
    other = MESSAGES["Label"](name=b"job", value=b"x").SerializeToString()
    sample = MESSAGES["Sample"](value=2.0, timestamp=5).SerializeToString()
    series = b"".join(
        [b"\x0a", bytes([len(label)]), label, b"\x12", bytes([len(sample)]), sample, b"\x0a", bytes([len(other)]), other]
    )
    found = assert_same([b"\x0a" + bytes([len(series)]) + series])
    assert found["labels"] == [{"__name__": "cpu", "job": "x"}]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"{}", "PROTOBUF"),
        (b"\x0a\x05", "PROTOBUF"),
        (b"\xff\xff\xff\xff\x0f" + b"\0" * 8, "SNAPPY_SIZE"),
        (MESSAGES["WriteRequest"](timeseries=[{"samples": [{"value": 1.0, "timestamp": -1}]}]).SerializeToString(), "TIME_RANGE"),
        (
            MESSAGES["WriteRequest"](
                timeseries=[{"samples": [{"value": 1.0, "timestamp": 7_258_118_400_000}]}]
            ).SerializeToString(),
            "TIME_RANGE",
        ),
    ],
)
def test_what_is_refused(value: bytes, code: str) -> None:
    assert assert_same([value])["bad"] == [(0, code)]


def test_a_block_may_claim_any_size() -> None:
    assert MAX_BLOCK_BYTES < 2**32
    for claimed in (MAX_BLOCK_BYTES + 1, 2**31, 2**32 - 1):
        header = bytearray()
        while claimed > 127:
            header.append(claimed & 127 | 128)
            claimed >>= 7
        assert assert_same([bytes([*header, claimed, 0, 65])])["bad"][0][1] == "SNAPPY_SIZE"


def test_a_large_request() -> None:
    request = MESSAGES["WriteRequest"]()
    for i in range(5_000):
        series = request.timeseries.add()
        series.labels.add(name=b"__name__", value=b"cpu")
        series.labels.add(name=b"host", value=b"n%d" % i)
        series.samples.add(value=float(i), timestamp=1_790_000_000_000 + i)
    points = SCANNED.decode(batch_of([pack(request.SerializeToString())]))
    assert points.value.tolist() == np.arange(5_000.0).tolist()
    assert points.position.tolist() == list(range(5_000))
    assert points.labels_of(points.keys[4_999]) == {"__name__": "cpu", "host": "n4999"}


def make_bytes(draw: random.Random) -> bytes:
    raw: bytes = make_request(draw).SerializeToString()
    return pack(raw) if draw.random() < 0.5 else raw


def test_messages_damaged_in_many_ways(times: int, luck: int) -> None:
    assert points_facts.compare_damaged(SCANNED, SLOW, make_bytes, 40 * times, seed=12 + luck) > 300 * times


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_soak() -> None:
    """Hundreds of thousands of damaged requests."""
    assert points_facts.compare_damaged(SCANNED, SLOW, make_bytes, 10_000, int(os.environ.get("SOAK_SEED", "20261126"))) > 0
