"""Transactional producers upstream: what was aborted is never scored; control batches and gaps are passed over."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from confluent_kafka import Producer

from tests.integration.made_metrics import make_metrics
from tests.integration.running_worker import RunningWorker
from tests.integration.topic_set import Row, TopicSet
from tests.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.kafka]


def transact(topics: TopicSet, topic: str, rows: list[Row], *, commit: bool) -> None:
    producer = Producer({"bootstrap.servers": topics.bootstrap, "transactional.id": f"{topic}-{commit}", "linger.ms": 5})
    producer.init_transactions(20)
    for start in range(0, len(rows), 100):
        producer.begin_transaction()
        for row in rows[start : start + 100]:
            producer.produce(topic, row.value, key=row.key, timestamp=row.timestamp_ms)
        if commit:
            producer.commit_transaction(20)
        else:
            producer.flush(20)
            producer.abort_transaction(20)


def test_aborted_records_are_not_scored(topics: TopicSet, start_worker: Callable[..., RunningWorker]) -> None:
    source = topics.add_source("metrics")
    config_path = topics.create()
    others = topics.beside("uncommitted", isolation="read_uncommitted")
    rows = make_metrics(100, seed=7)
    aborted = [Row(b"?" + (row.value or b""), row.key, row.timestamp_ms) for row in rows]
    for start in range(0, len(rows), 200):
        transact(topics, source, aborted[start : start + 200], commit=False)
        transact(topics, source, rows[start : start + 200], commit=True)
    ordinary = topics.beside("ordinary", reader="ordinary")
    worker, plain = start_worker(config_path), start_worker(ordinary.write_config("ordinary.yaml"))
    worker.wait_ready()
    worker.wait_records(len(rows))
    # The last thing on the partitions is a control batch: it is passed over, and no lag remains.
    wait_until(lambda: worker.state().lag_records == 0, 20)
    assert worker.state().n_by_outcome["scored"] == len(rows)
    assert worker.metric("records_total") == len(rows)
    assert topics.output("dead_letters") == []
    assert worker.stop() == 0

    plain.wait_ready()
    plain.wait_records(len(rows))
    wait_until(lambda: plain.state().lag_records == 0, 20)
    assert plain.metric("records_total") == plain.state().n_by_outcome["scored"] == len(rows)
    fast, plainly = (sorted(record.value or b"" for record in one.output("anomalies")) for one in (topics, ordinary))
    assert fast == plainly
    assert plain.stop() == 0
    ordinary.delete()

    uncommitted = start_worker(others.write_config("uncommitted.yaml")).wait_ready()
    uncommitted.wait_records(2 * len(rows))
    assert uncommitted.state().n_by_outcome["dead_lettered"] == len(rows), "it was asked to read them"
    assert uncommitted.stop() == 0
    others.delete()
