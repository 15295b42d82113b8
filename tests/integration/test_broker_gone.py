"""The broker goes away in the middle of work: the worker stays, says so, and goes on where it was."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.demo.brokers.apache_kafka import ApacheKafka
from tests.integration.made_metrics import make_metrics
from tests.integration.running_worker import RunningWorker
from tests.integration.test_restart import alert_ids, assert_all_arrives, assert_nothing_lost
from tests.integration.topic_set import TopicSet
from tests.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.kafka]


def work_while(
    harm: Callable[[ApacheKafka], None], kafka: ApacheKafka, folder: Path, start_worker: Callable[..., RunningWorker]
) -> RunningWorker:
    """A worker reads while a producer writes and the broker is harmed; nothing may be lost."""
    topics = TopicSet(kafka.bootstrap, "gone", folder)
    rows = make_metrics(1_000, seed=10)
    source = topics.add_source("metrics")
    topics.config["worker"]["max_poll_records"] = 200
    config_path = topics.create()
    worker = start_worker(config_path).wait_ready()
    half = len(rows) // 2

    def write() -> None:
        for start in range(0, half, 400):
            topics.produce(source, rows[start : start + 400])
            time.sleep(0.2)

    writing = threading.Thread(target=write)
    writing.start()
    time.sleep(1.0)
    harm(kafka)
    writing.join()
    topics.produce(source, rows[half:])
    wait_until(lambda: worker.state().n_records >= len(rows) and worker.state().lag_records == 0, 60)
    assert worker.state().n_records == len(rows)
    assert_nothing_lost(topics, source)
    alerts = topics.output("alerts")
    assert len({(record.header("ce_id"), record.value) for record in alerts}) == len(alert_ids(topics))
    return worker


def test_broker_killed_and_restarted(
    make_kafka: Callable[..., ApacheKafka], tmp_path: Path, start_worker: Callable[..., RunningWorker]
) -> None:
    worker = work_while(
        lambda kafka: kafka.restart(kafka.nodes[0], down_secs=5.0, kill=True), make_kafka(), tmp_path, start_worker
    )
    assert worker.metric("events_total", event="library_warned") > 0
    assert len(worker.log_path.read_text().splitlines()) < 100, "what repeats is not repeated in the log"
    assert worker.stop() == 0


def test_worker_stops_while_the_broker_is_away(
    make_kafka: Callable[..., ApacheKafka], tmp_path: Path, start_worker: Callable[..., RunningWorker]
) -> None:
    kafka = make_kafka()
    topics = TopicSet(kafka.bootstrap, "away", tmp_path)
    topics.add_source("metrics")
    worker = start_worker(topics.create()).wait_ready()
    kafka.nodes[0].pause()
    time.sleep(1.0)
    started_secs = time.monotonic()
    worker.stop()
    kafka.nodes[0].resume()
    assert time.monotonic() - started_secs < 18


@pytest.mark.soak
def test_broker_gone_for_a_minute(
    make_kafka: Callable[..., ApacheKafka], tmp_path: Path, start_worker: Callable[..., RunningWorker]
) -> None:
    worker = work_while(
        lambda kafka: kafka.restart(kafka.nodes[0], down_secs=60.0, kill=True), make_kafka(), tmp_path, start_worker
    )
    assert worker.stop() == 0


@pytest.mark.soak
@pytest.mark.parametrize("sink", ["anomalies", "alerts"])
def test_a_sink_that_is_dead_costs_lag_and_nothing_else(
    sink: str, make_kafka: Callable[..., ApacheKafka], tmp_path: Path, start_worker: Callable[..., RunningWorker]
) -> None:
    kafka = make_kafka(3)
    topics = TopicSet(kafka.bootstrap, "sink", tmp_path)
    rows = make_metrics(6_000, seed=11)
    source = topics.add_source("metrics")
    topics.config["worker"]["max_poll_records"] = 500
    # Its only replica is on the third broker, which dies; everything else has others.
    worker = start_worker(topics.create(3, {sink: kafka.nodes[2].node_id})).wait_ready()
    topics.produce(source, rows[: len(rows) // 4])
    worker.wait_records(len(rows) // 4)
    before_kb = worker.resident_kb
    kafka.nodes[2].kill()
    topics.produce(source, rows[len(rows) // 4 :])
    time.sleep(30.0)
    assert worker.exit_code is None
    lag = "lag_records" if sink == "anomalies" else "stage_lag_records"
    assert worker.metric(lag) > 0, "what cannot be passed on is not read"
    assert worker.metric("events_total", event="broker_unavailable") > 0
    assert worker.resident_kb < before_kb + 150_000
    kafka.nodes[2].start()
    kafka.nodes[2].wait_until_open()
    assert_all_arrives(topics, worker, source, len(rows))
    assert worker.stop() == 0


@pytest.mark.soak
def test_cluster_loses_its_leader(
    make_kafka: Callable[..., ApacheKafka], tmp_path: Path, start_worker: Callable[..., RunningWorker]
) -> None:
    worker = work_while(
        lambda kafka: kafka.restart(kafka.nodes[0], down_secs=8.0, kill=True), make_kafka(3), tmp_path, start_worker
    )
    assert worker.stop() == 0
