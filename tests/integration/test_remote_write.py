"""Remote-write requests on a topic: they score as single samples do; and what Prometheus itself sends is read."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from pipeline.codecs.record import RecordBatch
from pipeline.codecs.remote_write import RemoteWriteCodec, encode_request
from pipeline.demo.brokers.ports import find_free_ports
from tests.integration.made_metrics import make_metrics
from tests.integration.running_worker import RunningWorker
from tests.integration.topic_set import Row, TopicSet
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

N_SERIES = 8


def pack(rows: list[Row]) -> list[Row]:
    """The same samples, a request for every step."""
    requests = []
    for start in range(0, len(rows), N_SERIES):
        step = [orjson.loads(row.value or b"") for row in rows[start : start + N_SERIES]]
        series = [({"__name__": one["name"], **one["labels"]}, [(one["ts"], one["value"])]) for one in step]
        requests.append(Row(encode_request(series), timestamp_ms=rows[start].timestamp_ms))
    return requests


def test_requests_and_single_samples_give_the_same_anomalies(
    topics: TopicSet, start_worker: Callable[..., RunningWorker]
) -> None:
    rows = make_metrics(300, seed=3)
    single = topics.add_source("single", 1)
    packed = topics.add_source("packed", 1, "remote_write")
    config_path = topics.create()
    topics.produce(single, rows, **{"compression.type": "lz4"})
    topics.produce(packed, [*pack(rows), Row(b"no request")], **{"compression.type": "zstd"})
    worker = start_worker(config_path).wait_ready()
    worker.wait_records(len(rows) + len(rows) // N_SERIES + 1)

    def told(topic: str) -> list[tuple[int, str, float]]:
        read = (orjson.loads(record.value or b"") for record in topics.output("anomalies"))
        return sorted((one["event_time_ns"], one["fingerprint"], one["score"]) for one in read if one["source"]["topic"] == topic)

    wait_until(lambda: len(told(packed)) == len(told(single)) > 10, 30, lambda: f"{len(told(packed))} of {len(told(single))}")
    assert told(packed) == told(single)
    assert [(letter.value, letter.header("sw-error-code")) for letter in topics.output("dead_letters")] == [
        (b"no request", b"PROTOBUF")
    ]
    assert worker.metric("samples_total", topic=packed, outcome="scored") == len(rows)
    assert worker.stop() == 0


def test_what_prometheus_sends_is_read(tmp_path: Path) -> None:
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.skip("needs Prometheus on the PATH (Debian: apt-get install prometheus)")
    web_port, receiver_port = find_free_ports(2)
    bodies: list[bytes] = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", receiver_port), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    (tmp_path / "prometheus.yml").write_text(
        f"global: {{scrape_interval: 1s, external_labels: {{region: eu-west-1}}}}\n"
        f"scrape_configs: [{{job_name: self, static_configs: [{{targets: ['127.0.0.1:{web_port}']}}]}}]\n"
        f"remote_write: [{{url: 'http://127.0.0.1:{receiver_port}/write'}}]\n"
    )
    with (tmp_path / "prometheus.log").open("wb") as log:
        prometheus = subprocess.Popen(
            [
                binary,
                f"--config.file={tmp_path}/prometheus.yml",
                f"--storage.tsdb.path={tmp_path}/data",
                f"--web.listen-address=127.0.0.1:{web_port}",
            ],
            stdout=log,
            stderr=log,
        )
    codec = RemoteWriteCodec()

    def decode() -> list[tuple[str, float]]:
        points = codec.decode(RecordBatch.from_rows("m", 0, [(i, 0, None, body) for i, body in enumerate(list(bodies))]))
        assert not points.bad
        labels = [points.labels_of(key) for key in points.keys]
        assert all(one["region"] == "eu-west-1" for one in labels)
        assert all(abs(ns / 1e9 - time.time()) < 300 for ns in points.event_time_ns.tolist())
        return [(one["__name__"], value) for one, value in zip(labels, points.value.tolist(), strict=True)]

    try:
        wait_until(lambda: {("up", 1.0)} <= set(decode()), 60)
    finally:
        prometheus.terminate()
        prometheus.wait(30)
        receiver.shutdown()
        receiver.server_close()
    assert len({name for name, _ in decode()}) > 100
