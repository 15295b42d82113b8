"""A worker stopped and started again: nothing lost, no alert id doubled.  (Killed ones: `test_crash`.)"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from pipeline.crosscheck.base import CheckedAnomaly
from pipeline.engine.anomaly import Anomaly
from tests.integration.expected import expected_anomalies
from tests.integration.made_metrics import make_metrics
from tests.integration.running_worker import RunningWorker, wait_until
from tests.integration.topic_set import TopicSet

pytestmark = pytest.mark.integration


def assert_nothing_lost(topics: TopicSet, *sources: str) -> None:
    """Every anomaly of an uninterrupted run was published and checked; alert events differ by id or not at all."""
    config_path = topics.write_config()
    expected = {
        anomaly.id: anomaly.to_json()
        for source in sources
        for anomaly in expected_anomalies(config_path, source, topics.read(source))
    }
    assert len(expected) > 20

    def checked_ids() -> set[str]:
        checked = (CheckedAnomaly.from_json(record.value) for record in topics.output("checked"))
        return {one.anomaly.id for one in checked if one.is_final}

    wait_until(lambda: checked_ids() >= expected.keys(), 30, lambda: f"{len(expected.keys() - checked_ids())} are missing")
    published = {Anomaly.from_json(record.value).id: record.value for record in topics.output("anomalies")}
    assert published == expected


def alert_ids(topics: TopicSet) -> Counter[bytes]:
    return Counter(record.header("ce_id") for record in topics.output("alerts"))


def test_stop_and_start(topics: TopicSet, start_worker: Callable[..., RunningWorker]) -> None:
    rows = make_metrics(500, seed=4)
    source = topics.add_source("metrics")
    config_path = topics.create()
    topics.produce(source, rows[: len(rows) // 2])
    first = start_worker(config_path).wait_ready()
    wait_until(lambda: first.state().n_records > 500, 60)
    assert first.stop() == 0
    n_first = int(sum(record.value is not None for record in topics.output("anomalies")))

    topics.produce(source, rows[len(rows) // 2 :])
    second = start_worker(config_path).wait_ready()
    wait_until(lambda: second.state().lag_records == 0 and second.state().n_records > 0, 60)
    assert_nothing_lost(topics, source)
    assert n_first > 0
    wait_until(lambda: second.state().lag_records == 0, 20)
    assert max(alert_ids(topics).values()) == 1
    assert second.stop() == 0
    assert not second.events("relearn_started")
    assert {event["topic"] for event in second.events("checkpoint_restored")} == {source}
