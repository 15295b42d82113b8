"""Disks that are full: the broker's, under which Kafka ends itself and the worker waits, and that of the worker's log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.demo.brokers.apache_kafka import ApacheKafka
from pipeline.demo.brokers.ports import find_free_ports
from pipeline.demo.probe import parse_metrics
from tests.integration.made_metrics import make_metrics
from tests.integration.running_worker import RunningWorker
from tests.integration.slow_broker import set_quota
from tests.integration.small_disk import mounted
from tests.integration.test_audit import audit
from tests.integration.test_restart import assert_all_arrives, assert_nothing_lost
from tests.integration.topic_set import Row, TopicSet
from tests.waiting import wait_until

pytestmark = pytest.mark.integration


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own for the broker."""
    with mounted(tmp_path / "disk", "300m") as folder:
        yield folder


def fill(path: Path) -> None:
    """Take all the room there is."""
    with path.open("wb", buffering=0) as file:
        for n_bytes in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(n_bytes))
            except OSError:
                continue


@pytest.mark.soak
@pytest.mark.kafka
def test_the_brokers_disk_is_full(
    small_disk: Path, make_kafka: Callable[..., ApacheKafka], tmp_path: Path, start_worker: Callable[..., RunningWorker]
) -> None:
    data = small_disk / "data"
    data.mkdir()
    kafka = make_kafka(properties={"log.dirs": str(data)})
    (node,) = kafka.nodes
    topics = TopicSet(kafka.bootstrap, "full", tmp_path)
    source = topics.add_source("metrics")
    topics.config["detectors"][0]["threshold"] = {"type": "fixed", "score": 0.999}
    topics.config["worker"]["max_poll_records"] = 200
    config_path = topics.create()
    worker = start_worker(config_path).wait_ready()
    rows = make_metrics(2_000, seed=71, jump_every=31)
    topics.produce(source, rows[:1_000])
    worker.wait_records(1_000)
    # So slow that most of it is still to be told when the disk is full.
    set_quota(kafka.bootstrap, 3_000)
    topics.produce(source, rows[1_000:])
    wait_until(lambda: worker.metric("lag_records") > 0, 20)
    filler = small_disk / "filler"
    fill(filler)
    wait_until(lambda: not node.is_running, 90, lambda: "Kafka goes on with a full disk")
    assert "No space left on device" in node.log_path.read_text()
    n_before = worker.state().n_records
    time.sleep(5.0)
    assert worker.exit_code is None
    assert worker.state().n_records <= n_before + 2 * 200, "what cannot be told is not read"
    assert worker.metric("lag_records") > 0
    assert worker.metric("events_total", event="broker_unavailable") + worker.metric("events_total", event="library_warned") > 0

    filler.unlink()
    node.start()
    node.wait_until_open()
    set_quota(kafka.bootstrap, None)
    assert_all_arrives(topics, worker, source, len(rows))
    assert worker.stop() == 0
    code, found = audit(config_path)
    assert code == 0, [one["problems"] for one in found]


@pytest.mark.soak
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, on which every write fails for want of room")
def test_the_disk_of_the_log_is_full(topics: TopicSet) -> None:
    """What cannot be logged is not logged; what is to be scored is scored."""
    (port,) = find_free_ports(1)
    source = topics.add_source("metrics")
    topics.config["worker"]["web_port"] = port
    config_path = topics.create()
    rows = [*make_metrics(400, seed=72), Row(b"?")]
    topics.produce(source, rows)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STREAMWARDEN_")}
    with open("/dev/full", "wb") as full:
        worker = subprocess.Popen(
            [sys.executable, "-c", "from pipeline.cli import main; main()", "worker", "--config", str(config_path)],
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=full,
            cwd=topics.folder,
            env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
    try:

        def n_scored() -> float:
            assert worker.poll() is None
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                    return sum(parse_metrics(answer.read().decode(), is_ready=True).n_by_outcome.values())
            except OSError:
                return 0

        wait_until(lambda: n_scored() == len(rows), 120)
        assert_nothing_lost(topics, source)
        assert len(topics.output("dead_letters")) == 1
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0
    finally:
        if worker.poll() is None:
            worker.kill()
            worker.wait()
