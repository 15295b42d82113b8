"""Several workers in one group: partitions shared evenly, taken over when one leaves, dies, or is stopped past its session."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.integration.made_metrics import make_metrics
from tests.integration.running_worker import RunningWorker, wait_until
from tests.integration.test_restart import alert_ids, assert_nothing_lost
from tests.integration.topic_set import TopicSet

pytestmark = pytest.mark.integration


def held(worker: RunningWorker) -> set[str]:
    """Partitions it was given last."""
    return set(worker.events("partitions_assigned")[-1]["partitions"])


def test_workers_share_and_take_over(topics: TopicSet, start_worker: Callable[..., RunningWorker]) -> None:
    rows = make_metrics(1_200, seed=6)
    parts = [rows[start : start + len(rows) // 4] for start in range(0, len(rows), len(rows) // 4)]
    source = topics.add_source("metrics", partitions=4)
    topics.config["worker"]["max_poll_records"] = 300
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
    third.kill()
    wait_until(lambda: len(held(first)) == 8, 30)
    wait_until(lambda: first.state().is_ready and first.state().lag_records == 0, 60)
    assert_nothing_lost(topics, source)
    alerts = topics.output("alerts")
    assert len({(record.header("ce_id"), record.value) for record in alerts}) == len(alert_ids(topics))
    assert first.stop() == 0
