"""The broker's disk is full: Kafka ends itself, the worker waits and says so; with room again everything goes on where it was."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.demo.brokers.apache_kafka import ApacheKafka
from tests.integration.made_metrics import make_metrics
from tests.integration.running_worker import RunningWorker, wait_until
from tests.integration.slow_broker import set_quota
from tests.integration.test_audit import audit
from tests.integration.test_restart import alert_ids, assert_nothing_lost
from tests.integration.topic_set import TopicSet

pytestmark = [pytest.mark.integration, pytest.mark.kafka]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own for the broker."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=300m", "none", str(folder)]
    if subprocess.run(mounting, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs leave to mount a file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


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
    wait_until(lambda: worker.state().n_records == len(rows) and worker.state().lag_records == 0, 120)
    assert_nothing_lost(topics, source)
    wait_until(lambda: worker.metric("stage_lag_records") == 0, 60)
    alerts = topics.output("alerts")
    assert len({(record.header("ce_id"), record.value) for record in alerts}) == len(alert_ids(topics)) > 0
    assert worker.stop() == 0
    code, found = audit(config_path)
    assert code == 0, [one["problems"] for one in found]
