"""A bare loop over confluent-kafka's consumer that decodes whole requests with protobuf's own library and adds the values up.

Usage: ``confluent_requests.py BOOTSTRAP TOPIC N_MESSAGES remote_write|otlp_metrics``
"""

import os
import sys
import uuid
from collections.abc import Iterator

import cramjam
from confluent_kafka import Consumer
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from points import tell

from pipeline.codecs.private_schema import make_messages

bootstrap, topic, n_messages, record_format = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]


WriteRequest = make_messages(
    "prometheus",
    {
        "Label": [("name", 1, "bytes"), ("value", 2, "bytes")],
        "Sample": [("value", 1, "double"), ("timestamp", 2, "int64")],
        "TimeSeries": [("labels", 1, "*Label"), ("samples", 2, "*Sample")],
        "WriteRequest": [("timeseries", 1, "*TimeSeries")],
    },
)["WriteRequest"]


def read_prometheus(value: bytes) -> Iterator[float]:
    """Values of a remote-write request."""
    for series in WriteRequest.FromString(bytes(cramjam.snappy.decompress_raw(value))).timeseries:
        for sample in series.samples:
            yield sample.value


def read_otlp(value: bytes) -> Iterator[float]:
    """Values of the gauges of an OTLP request."""
    for resource in ExportMetricsServiceRequest.FromString(value).resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.gauge.data_points:
                    yield point.as_double


consumer = Consumer(
    {
        "bootstrap.servers": bootstrap,
        "group.id": f"bench-{uuid.uuid4().hex[:8]}",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "fetch.queue.backoff.ms": 10,
    }
)
consumer.subscribe([topic])
read = {"remote_write": read_prometheus, "otlp_metrics": read_otlp}[record_format]
total = 0.0
n = n_samples = told = 0
step = max(n_messages // 20, 1)
while n < n_messages:
    for message in consumer.consume(100, 1.0):
        n += 1
        for number in read(message.value()):
            total += number
            n_samples += 1
    if n - told >= step or n >= n_messages:
        told = n
        tell(n, n_samples=n_samples, mean=total / max(n_samples, 1))
# As in confluent_loop.py.
os._exit(0)
