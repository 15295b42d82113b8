"""A sink that is slow and not dead, while anomalies come in floods: lag is seen, memory is bounded, nothing is left out.

What the worker sends out goes to Kafka's topics, so its sinks are slow when the broker is: its quota lets the worker write less
than the flood comes to.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from pipeline.demo.brokers.apache_kafka import ApacheKafka
from tests.integration.made_metrics import make_metrics
from tests.integration.running_worker import RunningWorker
from tests.integration.slow_broker import slow_for_worker
from tests.integration.test_audit import audit
from tests.integration.test_crash import alert_values
from tests.integration.test_restart import assert_nothing_lost
from tests.integration.topic_set import TopicSet
from tests.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.kafka]

MAX_POLL_RECORDS = 500
N_SERIES, N_STEPS = 400, 1_500
BYTES_PER_SEC = 60_000
SLOW_SECS = 60.0
# The flood's records come to 90 MB, what is told of them to as much again for each topic.
MOST_GROWN_MB = 60


class Watch:
    """The most that was seen of what must be bounded, and of the lag."""

    def __init__(self, worker: RunningWorker) -> None:
        self._worker = worker
        self._first_kb = worker.resident_kb
        self.grown_mb = 0.0
        self.n_pending = self.source_lag = self.stage_lag = 0.0

    def look(self) -> None:
        worker = self._worker
        self.grown_mb = max(self.grown_mb, (worker.resident_kb - self._first_kb) / 1024)
        self.n_pending = max(self.n_pending, worker.metric("crosscheck_pending"))
        self.source_lag = max(self.source_lag, worker.metric("lag_records"))
        self.stage_lag = max(self.stage_lag, worker.metric("stage_lag_records"))

    def look_for(self, secs: float) -> None:
        end_secs = time.monotonic() + secs
        while time.monotonic() < end_secs:
            self.look()
            time.sleep(0.2)


def flood(topics: TopicSet, source: str) -> int:
    """Calm beginnings of many series, jumps in all of them, and a calm end in which every incident ends."""
    rows = make_metrics(N_STEPS, seed=31, n_series=N_SERIES, jump_every=59)
    rows += make_metrics(40, seed=32, n_series=N_SERIES, jump_every=10**9, start_step=N_STEPS)
    topics.produce(source, rows)
    return len(rows)


def told_anomalies(topics: TopicSet) -> int:
    """Anomalies that the last events of all incidents say they hold."""
    last: dict[str, dict[str, Any]] = {}
    for value in alert_values(topics).values():
        event = orjson.loads(value or b"")
        before = last.setdefault(event["incident_id"], event)
        if event["sequence"] > before["sequence"]:
            last[event["incident_id"]] = event
    return sum(event["n_anomalies"] for event in last.values() if event["type"].endswith("resolved"))


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_slow_sinks_cost_lag_and_nothing_else(broker: Any, topics: TopicSet, start_worker: Callable[..., RunningWorker]) -> None:
    if broker.name != ApacheKafka.name:
        pytest.skip("needs Apache Kafka's quotas")
    source = topics.add_source("metrics")
    topics.config["detectors"][0]["threshold"] = {"type": "fixed", "score": 0.999}
    topics.config["alerts"] = {"incident": {"group_by": ["node"], "resolve_after_secs": 30.0, "update_min_secs": 20.0}}
    topics.config["worker"] |= {"max_poll_records": MAX_POLL_RECORDS, "event_secs_per_sec": 60.0, "checkpoint_interval_secs": 1.0}
    config_path = topics.create()
    worker = start_worker(config_path).wait_ready()
    watch = Watch(worker)
    with slow_for_worker(topics.bootstrap, BYTES_PER_SEC):
        n_records = flood(topics, source)
        watch.look_for(SLOW_SECS)
        assert worker.metric("lag_records") > 0, "what cannot be told is not read"
        assert worker.state().n_records < n_records / 2
        print(vars(watch), worker.state().n_records)
        assert watch.grown_mb < MOST_GROWN_MB
    wait_until(lambda: worker.state().n_records == n_records, 200)
    watch.look()
    assert watch.source_lag > 0
    assert watch.stage_lag > 0
    assert watch.n_pending <= 2 * MAX_POLL_RECORDS
    assert watch.grown_mb < 2 * MOST_GROWN_MB
    assert len(worker.events("partitions_assigned")) == 1, "heartbeats went on"
    wait_until(lambda: worker.state().lag_records == 0 and worker.metric("stage_lag_records") == 0, 100)
    assert_nothing_lost(topics, source)
    published = {one["id"]: one for one in (orjson.loads(record.value or b"") for record in topics.output("anomalies"))}
    # An incident counts what it is made of: openings and repeats, not their ends.
    n_told = sum(one["phase"] != "cleared" for one in published.values())
    assert n_told > 1_000
    wait_until(lambda: told_anomalies(topics) == n_told, 60, lambda: f"{told_anomalies(topics)} of {n_told} told")
    assert worker.stop() == 0
    code, found = audit(config_path)
    assert code == 0, [one["problems"] for one in found]
    assert all(one["is_recomputed"] for one in found)
    print(vars(watch), n_records, len(published))
