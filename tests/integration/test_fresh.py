"""Checkpoints that are gone or of another version: the worker stops and says why, and begins anew when it is told to."""

from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from tests.integration.made_metrics import make_metrics
from tests.integration.running_worker import RunningWorker
from tests.integration.test_restart import alert_ids, assert_nothing_lost
from tests.integration.topic_set import TopicSet
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

UNCERTAIN = 4
"""Exit code."""


def replace_checkpoints(topics: TopicSet) -> None:
    """The topic is deleted and made anew, empty."""
    admin, name = AdminClient({"bootstrap.servers": topics.bootstrap}), topics.name("checkpoints")
    admin.delete_topics([name])[name].result(20)
    wait_until(lambda: name not in topics.topics_on_broker(), 20)
    admin.create_topics([NewTopic(name, 2, 1, config={"cleanup.policy": "compact"})])[name].result(20)


def age_manifests(topics: TopicSet) -> int:
    """Every manifest is written over by one of a version to come; how many there were."""
    manifests = {
        record.key: record for record in topics.output("checkpoints") if record.key and record.key.endswith(b"/manifest")
    }
    producer = Producer({"bootstrap.servers": topics.bootstrap})
    for key, record in manifests.items():
        raw = orjson.dumps({**orjson.loads(record.value), "version": 99})
        producer.produce(topics.name("checkpoints"), raw, key, partition=record.partition)
    assert producer.flush(20) == 0
    return len(manifests)


@pytest.mark.parametrize("fault", ["missing", "version"])
def test_it_stops_and_says_why_and_begins_anew_only_when_told_to(
    fault: str, topics: TopicSet, start_worker: Callable[..., RunningWorker]
) -> None:
    rows = make_metrics(400, seed=23)
    source = topics.add_source("metrics")
    # All there is, so that what is learned again is what was known.
    topics.config["worker"] |= {"restart_horizon_secs": 1e9}
    config_path = topics.create()
    topics.produce(source, rows[: len(rows) // 2])
    first = start_worker(config_path).wait_ready()
    first.wait_records(len(rows) // 2)
    assert first.stop() == 0
    before = len(topics.output("anomalies"))
    assert before > 0

    if fault == "missing":
        replace_checkpoints(topics)
        code = "CHECKPOINT_MISSING"
    else:
        assert age_manifests(topics) >= 1
        code = "CHECKPOINT_VERSION"
    refused = start_worker(config_path)
    assert refused.wait_exit() == UNCERTAIN
    said = refused.log_path.read_text()
    assert code in said
    assert "--fresh" in said
    assert len(topics.output("anomalies")) == before

    topics.produce(source, rows[len(rows) // 2 :])
    fresh = start_worker(config_path, "--fresh").wait_ready()
    wait_until(lambda: fresh.state().lag_records == 0 and fresh.state().n_records > 0, 60)
    assert {event["topic"] for event in fresh.events("relearn_started")} == {source}
    assert not fresh.events("checkpoint_restored")
    # As an uninterrupted run, and nothing of what was told before is told again.
    assert_nothing_lost(topics, source)
    anomalies = [record.value for record in topics.output("anomalies")]
    assert len(anomalies) == len(set(anomalies))
    wait_until(lambda: fresh.state().lag_records == 0, 20)
    assert max(alert_ids(topics).values()) == 1
    assert fresh.stop() == 0

    # What it has written since is good: the next one needs no telling.
    last = start_worker(config_path).wait_ready()
    assert last.events("checkpoint_restored")
    assert last.stop() == 0
