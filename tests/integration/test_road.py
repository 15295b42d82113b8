"""The whole road on one worker: records in, anomalies, verdicts, incidents, alert events; and what the worker says of itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import orjson
import pytest

from pipeline.alerts.event import AlertEvent
from pipeline.alerts.schema import validate
from pipeline.alerts.state import IncidentState
from pipeline.crosscheck.base import CheckedAnomaly
from pipeline.engine.anomaly import Anomaly
from tests.integration.expected import expected_anomalies
from tests.integration.made_logs import make_logs
from tests.integration.made_metrics import make_metrics
from tests.integration.running_worker import RunningWorker
from tests.integration.topic_set import TopicSet
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

CODECS = ("gzip", "snappy", "lz4", "zstd")


def test_metrics_and_logs_become_alerts_whatever_the_compression(
    topics: TopicSet, start_worker: Callable[..., RunningWorker]
) -> None:
    rows = make_metrics(400, seed=1)
    lines = make_logs(240, seed=2, burst_at=200, news_at=220)
    sources = {codec: topics.add_source(codec) for codec in CODECS}
    logs = topics.add_source("logs", record_format="log_json")
    topics.config["logs"] = {"new_template_after_lines": 500}
    n_records = len(rows) * len(CODECS) + len(lines)
    config_path = topics.create()
    before = topics.topics_on_broker()
    for codec, source in sources.items():
        topics.produce(source, rows, **{"compression.type": codec})
    topics.produce(logs, lines)
    worker = start_worker(config_path).wait_ready()
    worker.wait_records(n_records)

    expected = [
        anomaly.to_json()
        for source in (*sources.values(), logs)
        for anomaly in expected_anomalies(config_path, source, topics.read(source))
    ]
    assert len(expected) > 40
    wait_until(lambda: len(topics.output("anomalies")) >= len(expected), 20)
    published = topics.output("anomalies")
    assert sorted(record.value for record in published) == sorted(expected)
    assert all(record.key == Anomaly.from_json(record.value).series.hex.encode() for record in published)
    kinds = Counter(Anomaly.from_json(value).kind for value in expected if b'"log_template_rate"' in value)
    assert kinds["new_template"] >= 1
    assert kinds["point"] >= 1
    opened = [anomaly for anomaly in map(Anomaly.from_json, expected) if anomaly.phase == "opened"]

    def checked() -> list[CheckedAnomaly]:
        return [CheckedAnomaly.from_json(record.value) for record in topics.output("checked")]

    wait_until(lambda: sum(one.is_final for one in checked()) >= len(expected), 20)
    verdicts = {one.anomaly.id: one.verdict for one in checked() if one.is_final}
    assert verdicts.keys() == {orjson.loads(value)["id"] for value in expected}
    assert all(verdicts[anomaly.id] is not None for anomaly in opened)
    assert {verdict.outcome for verdict in verdicts.values() if verdict} >= {"confirmed"}

    wait_until(lambda: worker.state().lag_records == 0, 20)
    alerts = topics.output("alerts")
    assert alerts
    for record in alerts:
        validate(orjson.loads(record.value))
        event = AlertEvent.from_json(record.value)
        assert record.key == event.incident_id.encode()
        assert record.headers == tuple(event.headers())
    ids = [record.header("ce_id") for record in alerts]
    assert len(set(ids)) == len(ids)
    # Every event is one that its group's state knows of, and every suspicion is in some state.
    states = {record.key: IncidentState.from_json(record.value) for record in topics.output("incidents")}
    assert {AlertEvent.from_json(record.value).group.encode() for record in alerts} == states.keys()

    assert worker.metric("records_total", outcome="scored") == n_records
    assert worker.metric("anomalies_total") == len(expected)
    assert worker.metric("alerts_total") == len(alerts)
    for source in sources.values():
        # How much is watched is looked at now and then.
        wait_until(
            lambda source=source: sum(worker.metric("series", state=s, topic=source) for s in ("ready", "warming")) == 8, 20
        )
    firing = sum(state.status == "firing" for state in states.values())
    assert sum(worker.state().n_open_by_severity.values()) == firing
    made = {name for name in topics.topics_on_broker() - before if not name.startswith(topics.prefix)}
    assert made == set(), "the worker makes no topics"
    assert worker.stop() == 0
    assert worker.events()[-1]["event"] == "worker_stopped"
    assert not worker.events("worker_failed")
    not_json = [line for line in worker.log_path.read_text().splitlines() if not line.startswith("{")]
    assert not_json == []
