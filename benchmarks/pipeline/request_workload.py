"""Frozen workloads whose messages are whole requests: what Prometheus and the OpenTelemetry Collector put on a topic."""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cramjam
import numpy as np
import numpy.typing as npt

from benchmarks.pipeline.workload import SPIKE_SDS, START_MS, WARM_SAMPLES, Message, Workload

__all__ = ["REQUEST_WORKLOADS", "OtlpWorkload", "RemoteWriteWorkload", "RequestWorkload"]

_INTERVAL_MS = 15_000
_SAMPLES_PER_TARGET = 40
_NS_PER_MS = 1_000_000
_N_VARINT_BYTES = 6
"""Of a time in ms from 2004 to 2109."""

_METRICS = (
    "node_cpu_seconds_busy_ratio",
    "node_memory_active_bytes",
    "node_disk_io_time_ratio",
    "node_network_receive_bytes",
    "container_cpu_usage_ratio",
    "container_memory_working_set_bytes",
    "go_goroutines",
    "process_open_fds",
    "http_requests_in_flight",
    "http_request_duration_mean_seconds",
)
_MODES = ("user", "system", "idle", "iowait")
_TIME_HOLE, _VALUE_HOLE = object(), object()


class Template(NamedTuple):
    """A request and the places in it where times and values go.

    Attributes
    ----------
    data : (N,) uint8
    time_at, value_at : (S,) int64
    """

    data: npt.NDArray[np.uint8]
    time_at: npt.NDArray[np.int64]
    value_at: npt.NDArray[np.int64]


def field(number: int, body: bytes) -> bytes:
    """A protobuf field of wire type 2.

    Examples
    --------
    >>> field(2, b"abc")
    b'\\x12\\x03abc'
    """
    return bytes([number << 3 | 2]) + varint(len(body)) + body


def varint(number: int) -> bytes:
    """A protobuf integer.

    Examples
    --------
    >>> varint(300)
    b'\\xac\\x02'
    """
    out = bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


@dataclass(frozen=True)
class RequestWorkload(Workload):
    """Requests of thousands of samples, one of every series a round.

    Targets (processes that are scraped) have 40 series each, 8 labels a series; a message holds those of some targets.  A round is 15 s
    of event time; values are as in `Workload`, and every `spike_every`th sample is 15 standard deviations off.
    """

    spike_every: int = 120_011
    samples_per_message: int = 2_000

    @abstractmethod
    def make_template(self, series: Sequence[int]) -> Template:
        """The request with these series."""

    @abstractmethod
    def encode_times(self, time_ms: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Times as they stand in a request: (S, some) bytes."""

    @abstractmethod
    def pack(self, request: bytes) -> bytes:
        """The value of the message."""

    def messages(self, n: int) -> Iterator[Message]:
        """The first `n` messages."""
        rng = random.Random(self.seed)
        gauss, size = rng.gauss, self.samples_per_message
        levels = [(rng.uniform(20, 80), rng.uniform(0.5, 5)) for _ in range(self.n_series)]
        shards = [range(first, min(first + size, self.n_series)) for first in range(0, self.n_series, size)]
        templates = [self.make_template(shard) for shard in shards]
        n_targets = -(-self.n_series // _SAMPLES_PER_TARGET)
        offset_ms = np.arange(self.n_series) // _SAMPLES_PER_TARGET * _INTERVAL_MS // n_targets
        n_sent = 0
        for i in range(n):
            turn, number = divmod(i, len(shards))
            shard, (data, time_at, value_at) = shards[number], templates[number]
            values = [gauss(*levels[one]) for one in shard]
            for k in range(-n_sent % self.spike_every, len(values), self.spike_every):
                if n_sent + k >= WARM_SAMPLES * self.n_series:
                    values[k] += SPIKE_SDS * levels[shard[k]][1]
            n_sent += len(values)
            time_ms = START_MS + turn * _INTERVAL_MS + offset_ms[shard.start : shard.stop]
            times, raw = self.encode_times(time_ms), np.array(values).view(np.uint8).reshape(-1, 8)
            data[time_at[:, None] + np.arange(times.shape[1])] = times
            data[value_at[:, None] + np.arange(8)] = raw
            yield Message(f"shard-{number}".encode(), self.pack(data.tobytes()), int(time_ms[-1]))


def _make_template(parts: list[object], n_time_bytes: int) -> Template:
    """A request from its pieces, holes among them."""
    at, places = 0, {_TIME_HOLE: list[int](), _VALUE_HOLE: list[int]()}
    pieces = []
    for part in parts:
        piece = part if isinstance(part, bytes) else bytes(8 if part is _VALUE_HOLE else n_time_bytes)
        if part in places:
            places[part].append(at)
        pieces.append(piece)
        at += len(piece)
    data = np.frombuffer(b"".join(pieces), np.uint8).copy()
    return Template(data, *(np.array(some, dtype=np.int64) for some in places.values()))


def _metric_of(i: int) -> tuple[str, str]:
    turn = i % _SAMPLES_PER_TARGET
    return _METRICS[turn // len(_MODES)], _MODES[turn % len(_MODES)]


class RemoteWriteWorkload(RequestWorkload):
    """Prometheus remote-write 1.0: a sample a time series, snappy's block format; Kafka compresses nothing on top."""

    format = "remote_write"

    def make_template(self, series: Sequence[int]) -> Template:
        """See `RequestWorkload.make_template`."""
        sample_size = 10 + _N_VARINT_BYTES
        parts: list[object] = []
        for i in series:
            (name, mode), target = _metric_of(i), i // _SAMPLES_PER_TARGET
            labels = {
                "__name__": name,
                "cluster": "prod-eu-1",
                "instance": f"10.{target >> 16}.{target >> 8 & 255}.{target & 255}:9100",
                "job": "node-exporter",
                "mode": mode,
                "namespace": "monitoring",
                "pod": f"node-exporter-{target:05}-{target * 2_654_435_761 % 2**32:08x}",
                "region": "eu-west-1",
            }
            body = b"".join(field(1, field(1, one.encode()) + field(2, text.encode())) for one, text in labels.items())
            head = b"\x0a" + varint(len(body) + 2 + sample_size) + body + b"\x12" + varint(sample_size) + b"\x09"
            parts += [head, _VALUE_HOLE, b"\x10", _TIME_HOLE]
        return _make_template(parts, _N_VARINT_BYTES)

    def encode_times(self, time_ms: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Varints of six bytes."""
        shifts = 7 * np.arange(_N_VARINT_BYTES)
        has_more = np.where(np.arange(_N_VARINT_BYTES) < _N_VARINT_BYTES - 1, 128, 0)
        return ((time_ms[:, None] >> shifts) & 127 | has_more).astype(np.uint8)

    def pack(self, request: bytes) -> bytes:
        """Snappy's block format."""
        return bytes(cramjam.snappy.compress_raw(request))


class OtlpWorkload(RequestWorkload):
    """OpenTelemetry metrics: gauges of resources, some data points a metric, as the Collector's Kafka exporter writes them."""

    format = "otlp_metrics"

    def make_template(self, series: Sequence[int]) -> Template:
        """See `RequestWorkload.make_template`."""
        parts: list[object] = []
        for first in range(series[0], series[-1] + 1, _SAMPLES_PER_TARGET):
            target = first // _SAMPLES_PER_TARGET
            attributes = {
                "service.name": "checkout",
                "host.name": f"node-{target:05}",
                "cloud.region": "eu-west-1",
                "k8s.cluster.name": "prod-eu-1",
                "k8s.namespace.name": "shop",
                "k8s.pod.name": f"checkout-{target:05}-{target * 2_654_435_761 % 2**32:08x}",
            }
            resource = field(1, b"".join(field(1, _attribute(name, text)) for name, text in attributes.items()))
            own = series[-1] + 1
            metrics: list[tuple[int, list[object]]] = [
                _gauge(range(at, min(at + len(_MODES), own))) for at in range(first, min(first + _SAMPLES_PER_TARGET, own), 4)
            ]
            scope = field(1, field(1, b"otelcol/hostmetricsreceiver") + field(2, b"0.116.0"))
            size = len(scope) + sum(1 + len(varint(n)) + n for n, _ in metrics)
            head = b"\x12" + varint(size) + scope
            parts += [b"\x0a" + varint(len(resource) + len(head) + size - len(scope)), resource, head]
            for n, metric in metrics:
                parts += [b"\x12" + varint(n), *metric]
        return _make_template(parts, 8)

    def encode_times(self, time_ms: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Nanoseconds, little-endian."""
        return (time_ms * _NS_PER_MS).astype("<u8").view(np.uint8).reshape(-1, 8)

    def pack(self, request: bytes) -> bytes:
        """Nothing: Kafka compresses it."""
        return request


def _attribute(name: str, text: str) -> bytes:
    return field(1, name.encode()) + field(2, field(1, text.encode()))


def _gauge(series: Sequence[int]) -> tuple[int, list[object]]:
    """A metric with a data point a series: its size, and its pieces."""
    name = _metric_of(series[0])[0].replace("_", ".")
    points: list[object] = []
    n_points = 0
    for i in series:
        attributes = field(7, _attribute("mode", _metric_of(i)[1])) + field(7, _attribute("unit.kind", "gauge"))
        size = 18 + len(attributes)
        points += [b"\x0a" + varint(size) + b"\x19", _TIME_HOLE, b"\x21", _VALUE_HOLE, attributes]
        n_points += 1 + len(varint(size)) + size
    head = field(1, name.encode()) + field(2, f"What {name} says of the node.".encode()) + field(3, b"1")
    head += b"\x2a" + varint(n_points)
    return len(head) + n_points, [head, *points]


def _make(kind: type[RequestWorkload], name: str, compression: str) -> list[RequestWorkload]:
    return [kind(f"{name}-{label}", n, compression) for label, n in (("2k", 2_000), ("20k", 20_000), ("200k", 200_000))]


REQUEST_WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for workload in (
        *_make(RemoteWriteWorkload, "remote-write", "none"),
        *_make(OtlpWorkload, "otlp", "lz4"),
    )
}
"""By name: ``remote-write-SERIES`` and ``otlp-SERIES``; 2,000 samples a message."""
