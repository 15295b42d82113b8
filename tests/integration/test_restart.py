"""A worker stopped and started again: nothing lost, no alert id doubled.  (Killed ones: `test_crash`.)"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

import orjson
import pytest

from pipeline.crosscheck.base import CheckedAnomaly
from pipeline.engine.anomaly import Anomaly
from tests.integration.expected import expected_anomalies
from tests.integration.made_metrics import make_metrics
from tests.integration.running_worker import RunningWorker
from tests.integration.topic_set import Row, TopicSet
from tests.waiting import wait_until

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


def assert_all_arrives(topics: TopicSet, worker: RunningWorker, source: str, n_records: int) -> None:
    """What was held up comes through: everything is read, nothing is lost, no alert event is told in two ways."""
    wait_until(lambda: worker.state().n_records == n_records and worker.state().lag_records == 0, 120)
    assert_nothing_lost(topics, source)
    wait_until(lambda: worker.metric("stage_lag_records") == 0, 60)
    alerts = topics.output("alerts")
    assert len({(record.header("ce_id"), record.value) for record in alerts}) == len(alert_ids(topics)) > 0


def alert_ids(topics: TopicSet) -> Counter[bytes]:
    return Counter(record.header("ce_id") for record in topics.output("alerts"))


def with_latency(rows: Iterable[Row]) -> list[Row]:
    """Every record of a throughput followed by one of the latency that comes with it, now and then of another."""
    both = []
    for i, row in enumerate(rows):
        record = orjson.loads(row.value or b"")
        latency = 20.0 + 0.5 * record["value"] + (40.0 if i % 311 == 310 else 0.1 * (i % 7))
        both += [row, replace(row, value=orjson.dumps({**record, "name": "dag_latency", "value": round(latency, 3)}))]
    return both


REGRESSION = {
    "name": "latency_of_tps",
    "match": {"name": "dag_*"},
    "group": {"by": ["node"], "features": ["dag_tps", "dag_latency"], "target": "dag_latency", "period_secs": 10, "wait_secs": 0},
    "model": {
        "type": "threshold_filter",
        "parameters": {
            "threshold": 1.0,
            "detector": {
                "model": "predictive_anomaly_detection",
                "parameters": {
                    "forecaster": {"model": "linear_regression", "parameters": {"learning_rate": 0.1}},
                    "warmup_period": 50,
                },
            },
        },
    },
    "threshold": {"type": "fixed", "score": 1.0},
    "direction": "above",
}
UNFIT = {
    "name": "unfit",
    "match": {"name": "dag_tps"},
    "model": {"type": "river_model", "parameters": {"path": "river.drift.binary.DDM"}},
    "also": True,
}


def test_stop_and_start(topics: TopicSet, start_worker: Callable[..., RunningWorker]) -> None:
    rows = with_latency(make_metrics(500, seed=4))
    topics.config["detectors"] = [REGRESSION, UNFIT, *topics.config["detectors"]]
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
    anomalies = [Anomaly.from_json(record.value) for record in topics.output("anomalies")]
    predicted = [one for one in anomalies if one.detector == "latency_of_tps" and one.phase == "opened"]
    assert predicted
    assert all(one.value > one.expected and one.contributors[0][0] == "dag_latency" for one in predicted)
    # A model that cannot use what it gets is told of, once a partition and worker, and the others go on.
    wait_until(lambda: second.metric("series_failing", detector="unfit") == 8, 20)
    assert second.metric("model_faults_total", detector="unfit", code="UnfitError") > 1_000
    for worker in (first, second):
        told = worker.events("model_failed")
        assert 1 <= len(told) <= 2
        assert all(one["detector"] == "unfit" and "takes true and false" in one["reason"] for one in told)
    assert second.stop() == 0
    assert not second.events("relearn_started")
    assert {event["topic"] for event in second.events("checkpoint_restored")} == {source}


def of_detector(anomalies: Iterable[Anomaly], name: str) -> dict[str, bytes]:
    """Anomalies of one detector by id, without the configuration under which they were told."""
    return {one.id: replace(one, config_hash="").to_json() for one in anomalies if one.detector == name}


@pytest.mark.soak
def test_a_changed_configuration_keeps_what_it_did_not_change(
    topics: TopicSet, start_worker: Callable[..., RunningWorker]
) -> None:
    """One detector gets other parameters and one is new: a third one goes on as if nothing had been."""
    rows = make_metrics(600, seed=5)
    half = len(rows) // 2
    source = topics.add_source("metrics")
    common = topics.config["detectors"][0]
    kept = {**common, "name": "kept", "match": {"labels": {"service": "dag-0"}}}
    gauss = {"type": "gaussian_scorer", "parameters": {"grace_period": 60}}
    topics.config["detectors"] = [kept, {**common, "name": "changed"}]
    config_path = topics.create()
    topics.produce(source, rows[:half])
    first = start_worker(config_path).wait_ready()
    first.wait_records(half)
    assert first.stop() == 0
    uninterrupted = topics.write_config("uninterrupted.yaml")

    added = {**common, "name": "added", "match": {"labels": {"node": "n7"}}}
    topics.config["detectors"] = [kept, added, {**common, "name": "changed", "model": gauss}]
    topics.produce(source, rows[half:])
    second = start_worker(topics.write_config()).wait_ready()
    second.wait_records(half)
    wait_until(lambda: second.state().lag_records == 0, 20)
    assert second.stop() == 0

    log = topics.read(source)
    expected = of_detector(expected_anomalies(uninterrupted, source, log), "kept")
    published = [Anomaly.from_json(record.value or b"") for record in topics.output("anomalies")]
    assert of_detector(published, "kept") == expected != {}
    hashes = {one.config_hash for one in published if one.detector == "kept"}
    assert len(hashes) == 2, "some before the change and some after"
    # What was changed has learned from the change on: its old self would have told of more.
    changed = of_detector(expected_anomalies(uninterrupted, source, log), "changed")
    assert of_detector(published, "changed") != changed
    assert any(one.detector == "added" for one in published)
