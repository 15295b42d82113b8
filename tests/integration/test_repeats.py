"""Records mirrored twice, clocks that jump, a topic that grows: counted for what they are."""

from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest
from confluent_kafka.admin import AdminClient, NewPartitions

from pipeline.engine.anomaly import Anomaly
from tests.integration.made_metrics import START_MS, STEP_MS, make_metrics
from tests.integration.running_worker import RunningWorker
from tests.integration.topic_set import Row, TopicSet
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

N_SERIES = 8


def at(row: Row, event_ms: int) -> Row:
    """The same record with another event time; its broker timestamp stays."""
    return Row(orjson.dumps({**orjson.loads(row.value or b""), "ts": event_ms}), row.key, row.timestamp_ms)


def test_repeated_records_and_jumping_clocks(topics: TopicSet, start_worker: Callable[..., RunningWorker]) -> None:
    """What MirrorMaker repeats after a crash comes again at new offsets; producers' clocks go back and forth."""
    rows = make_metrics(400, seed=13)
    half = len(rows) // 2
    # A minute of every series once more, as it was.
    repeated = rows[half - 6 * N_SERIES : half]
    end_ms = START_MS + 400 * STEP_MS
    ahead = [at(row, row.timestamp_ms + 3_600_000) for row in rows[:N_SERIES]]
    behind = [at(row, START_MS - 86_400_000) for row in rows[:N_SERIES]]
    nowhere = [at(row, 10**19) for row in rows[:N_SERIES]]
    source = topics.add_source("metrics")
    config_path = topics.create()
    topics.produce(source, [*rows[:half], *repeated, *ahead, *behind, *nowhere, *rows[half:]])
    worker = start_worker(config_path).wait_ready()
    worker.wait_records(len(rows) + len(repeated) + 3 * N_SERIES)
    outcomes = worker.state().n_by_outcome
    assert {outcome: n for outcome, n in outcomes.items() if n} == {
        "scored": len(rows),
        "duplicate": len(repeated),
        "late": N_SERIES,
        "dead_lettered": 2 * N_SERIES,
    }
    wait_until(lambda: worker.state().lag_records == 0, 20)
    published = [Anomaly.from_json(record.value or b"") for record in topics.output("anomalies")]
    assert published
    assert all(START_MS <= anomaly.event_time_ns // 1_000_000 < end_ms for anomaly in published)
    assert worker.stop() == 0


@pytest.mark.soak
def test_topic_given_more_partitions(topics: TopicSet, start_worker: Callable[..., RunningWorker]) -> None:
    rows = make_metrics(100, seed=14)
    source = topics.add_source("metrics", partitions=2)
    config_path = topics.create()
    worker = start_worker(config_path).wait_ready()
    topics.produce(source, rows[:400])
    worker.wait_records(400)
    admin = AdminClient({"bootstrap.servers": topics.bootstrap})
    admin.create_partitions([NewPartitions(source, 5)])[source].result(20)
    topics.produce(source, [Row(row.value, row.key, row.timestamp_ms, partition=i % 5) for i, row in enumerate(rows[400:])])
    wait_until(lambda: worker.state().n_records >= len(rows), 90)
    assert sum(name.startswith(source) for name in worker.events("partitions_assigned")[-1]["partitions"]) == 5
    assert worker.stop() == 0
