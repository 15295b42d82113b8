"""Several workers in one group: partitions shared evenly, taken over when one leaves, dies, or is stopped past its session."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from tests.integration.made_metrics import make_metrics
from tests.integration.running_worker import RunningWorker
from tests.integration.test_restart import alert_ids, assert_nothing_lost
from tests.integration.topic_set import TopicSet
from tests.waiting import wait_until

pytestmark = pytest.mark.integration


def held(worker: RunningWorker) -> set[str]:
    """Partitions it was given last."""
    return set(worker.events("partitions_assigned")[-1]["partitions"])


def test_workers_share_and_take_over(topics: TopicSet, start_worker: Callable[..., RunningWorker]) -> None:
    rows = make_metrics(1_200, seed=6)
    parts = [rows[start : start + len(rows) // 4] for start in range(0, len(rows), len(rows) // 4)]
    source = topics.add_source("metrics", partitions=4)
    topics.config["worker"] |= {"max_poll_records": 300, "standby": True}
    config_path = topics.create()
    first = start_worker(config_path).wait_ready()
    topics.produce(source, parts[0])
    second = start_worker(config_path).wait_ready()
    wait_until(lambda: len(held(first)) == len(held(second)) == 4, 30)
    assert not held(first) & held(second)
    assert sum(name.startswith(source) for name in held(first)) == 2
    topics.produce(source, parts[1])

    assert second.stop() == 0
    wait_until(lambda: len(held(first)) == 8, 30)
    third = start_worker(config_path).wait_ready()
    wait_until(lambda: len(held(first)) == len(held(third)) == 4, 30)
    topics.produce(source, parts[2])
    # Stopped past its session in the midst of work, then woken: what it had is another's by then.
    first.pause()
    topics.produce(source, parts[3])
    time.sleep(topics.config["broker"]["session_timeout_secs"] + 1)
    wait_until(lambda: len(held(third)) == 8, 30)
    first.resume()
    wait_until(lambda: len(held(first)) == len(held(third)) == 4, 30)
    wait_until(lambda: third.metric("checkpoint_bytes_total") > 0 and first.metric("standby_bytes") > 0, 30)
    n_used = first.metric("standby_used_total")
    third.kill()
    wait_until(lambda: len(held(first)) == 8, 30)
    wait_until(lambda: first.state().is_ready and first.state().lag_records == 0, 60)
    # Both of its source partitions were here.
    assert first.metric("standby_used_total") == n_used + 2
    assert_nothing_lost(topics, source)
    alerts = topics.output("alerts")
    assert len({(record.header("ce_id"), record.value) for record in alerts}) == len(alert_ids(topics))
    assert first.stop() == 0


@pytest.mark.soak
def test_three_workers_in_trouble_and_a_rolling_restart(topics: TopicSet, start_worker: Callable[..., RunningWorker]) -> None:
    rows = make_metrics(3_000, seed=16)
    source = topics.add_source("metrics", partitions=6)
    topics.config["worker"]["max_poll_records"] = 200
    for output in topics.config["outputs"].values():
        output["partitions"] = 3
    config_path = topics.create()
    is_over = threading.Event()

    def write() -> None:
        step = 300
        for start in range(0, len(rows), step):
            topics.produce(source, rows[start : start + step])
            time.sleep(1.0 if start < len(rows) // 2 else 0.6)
        is_over.set()

    workers = [start_worker(config_path).wait_ready() for _ in range(3)]
    wait_until(lambda: [len(held(worker)) for worker in workers] == [4, 4, 4], 40)
    writing = threading.Thread(target=write)
    writing.start()
    try:
        killed, paused, untouched = workers
        killed.kill()
        paused.pause()
        added = start_worker(config_path)
        time.sleep(topics.config["broker"]["session_timeout_secs"] + 2)
        paused.resume()
        added.wait_ready()
        wait_until(lambda: [len(held(worker)) for worker in (paused, untouched, added)] == [4, 4, 4], 60)
        living = [paused, untouched, added]
        for i, worker in enumerate(living):
            assert worker.stop() == 0
            living[i] = start_worker(config_path).wait_ready()
    finally:
        writing.join()
    assert is_over.is_set()
    wait_until(lambda: [len(held(worker)) for worker in living] == [4, 4, 4], 60)
    wait_until(lambda: all(worker.state().lag_records == 0 for worker in living), 90)
    assert_nothing_lost(topics, source)
    wait_until(lambda: sum(worker.metric("stage_lag_records") for worker in living) == 0, 60)
    alerts = topics.output("alerts")
    assert len({(record.header("ce_id"), record.value) for record in alerts}) == len(alert_ids(topics)) > 0
    assert [worker.stop() for worker in living] == [0, 0, 0]
