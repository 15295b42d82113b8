"""A stage that raises on one record costs that record and no other."""

from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest

from tests.integration.expected import expected_anomalies
from tests.integration.made_metrics import make_metrics
from tests.integration.running_worker import RunningWorker
from tests.integration.topic_set import Row, TopicSet
from tests.waiting import wait_until

pytestmark = pytest.mark.integration


def poisoned(row: Row) -> Row:
    """The same record with a mark in it; without the mark it would be scored like any other."""
    record = orjson.loads(row.value or b"")
    return Row(orjson.dumps({**record, "note": "POISON"}), row.key, row.timestamp_ms)


@pytest.mark.parametrize("stage", ["decoded", "scored"])
def test_poison_is_isolated(stage: str, topics: TopicSet, start_worker: Callable[..., RunningWorker]) -> None:
    rows = make_metrics(300, seed=9)
    for i in (700, 701, 1_900):
        rows[i] = poisoned(rows[i])
    source = topics.add_source("metrics")
    config_path = topics.create()
    topics.produce(source, rows)
    worker = start_worker(config_path, environment={"STREAMWARDEN_FAILPOINTS": f"{stage}=raise:POISON"}).wait_ready()
    worker.wait_records(len(rows), 120)
    assert worker.state().n_by_outcome["dead_lettered"] == 3
    assert worker.state().n_by_outcome["scored"] == len(rows) - 3

    records = topics.read(source)
    letters = topics.output("dead_letters")
    assert sorted(letter.value for letter in letters) == sorted(rows[i].value for i in (700, 701, 1_900))
    assert {letter.header("sw-error-code") for letter in letters} == {b"POISON"}
    expected = expected_anomalies(config_path, source, [record for record in records if b"POISON" not in record.value])
    assert len(expected) > 10
    wait_until(lambda: len(topics.output("anomalies")) >= len(expected), 20)
    assert sorted(record.value for record in topics.output("anomalies")) == sorted(anomaly.to_json() for anomaly in expected)
    assert worker.stop() == 0
    assert worker.events("batch_failed")
