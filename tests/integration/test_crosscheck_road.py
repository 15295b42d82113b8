"""The full road with a remote provider: metrics on Kafka, anomaly, CloudWatch's word on it, ledger, alert event with the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from pipeline.alerts.event import AlertEvent
from pipeline.alerts.schema import validate
from pipeline.crosscheck.base import CheckedAnomaly, Verdict
from pipeline.crosscheck.ledger.entry import LedgerEntry, parse_record
from tests.aws.fake_aws import AwsFaultError
from tests.aws.fake_cloudwatch import FakeCloudWatch
from tests.aws.wire import ACCESS_KEY, SECRET_KEY
from tests.integration.made_metrics import make_metrics
from tests.integration.running_worker import RunningWorker
from tests.integration.topic_set import TopicSet
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

AWS = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "127.0.0.1",
}


def key(node: str) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    return "Dag", "dag_tps", (("Node", node),)


@pytest.fixture
def cloudwatch() -> Iterator[FakeCloudWatch]:
    with FakeCloudWatch() as service:
        # Jumps of 60 above 100: out of band for half of the nodes, within it for the others; from n4 on there is no band.
        service.bands = {key(f"n{i}"): (80.0, 120.0) if i % 2 else (0.0, 1_000.0) for i in range(4)}
        yield service


def configure(topics: TopicSet, url: str, **crosscheck: object) -> Path:
    provider = {
        "type": "cloudwatch",
        "endpoint_url": url,
        "max_calls_per_minute": 600.0,
        "call_timeout_secs": 2.0,
        "metrics": [{"namespace": "Dag", "dimensions": {"Node": "{node}"}}],
    }
    topics.config["crosscheck"] = {"deadline_secs": 10.0, "on_refuted": "mute", "provider": provider, **crosscheck}
    return topics.create()


def read_checked(topics: TopicSet) -> list[CheckedAnomaly]:
    return [CheckedAnomaly.from_json(record.value or b"") for record in topics.output("checked")]


def read_ledger(topics: TopicSet) -> list[LedgerEntry]:
    records = [parse_record(record.value or b"") for record in topics.output("verdicts")]
    return [record for record in records if isinstance(record, LedgerEntry)]


def wait_done(topics: TopicSet, worker: RunningWorker, n_records: int = 0) -> None:
    """Until so many records have an outcome, and every anomaly there is has been passed on finally."""
    worker.wait_records(n_records)

    def is_done() -> bool:
        opened = {
            one["id"] for one in map(orjson.loads, (r.value for r in topics.output("anomalies"))) if one["phase"] == "opened"
        }
        final = {one.anomaly.id for one in read_checked(topics) if one.is_final and one.anomaly.phase == "opened"}
        return opened == final and len(opened) > 10 and worker.state().lag_records == 0

    wait_until(is_done, 60)


def test_cloudwatchs_word_reaches_the_alert(
    topics: TopicSet, start_worker: Callable[..., RunningWorker], cloudwatch: FakeCloudWatch
) -> None:
    rows = make_metrics(400, seed=11)
    source = topics.add_source("metrics")
    config_path = configure(topics, cloudwatch.url)
    topics.produce(source, rows)
    worker = start_worker(config_path, environment=AWS).wait_ready()
    wait_done(topics, worker, len(rows))

    verdicts = {one.anomaly.id: one for one in read_checked(topics) if one.is_final and one.anomaly.phase == "opened"}
    by_node: dict[str, Counter[str]] = {}
    for one in verdicts.values():
        assert one.verdict is not None
        by_node.setdefault(one.anomaly.series.get("node"), Counter())[f"{one.verdict.outcome} {one.verdict.reason}"] += 1
    jumps = {node: counts.most_common(1)[0][0] for node, counts in by_node.items()}
    expected = {"n0": "refuted inside_band", "n1": "confirmed outside_band"}
    expected |= {"n2": expected["n0"], "n3": expected["n1"]}
    assert len(jumps) > 4
    assert jumps == {node: expected.get(node, "unknown no_band") for node in jumps}

    # Every verdict stands in the ledger, in the partition of its anomaly, and names its entry.
    ledger = {entry.id: entry for entry in read_ledger(topics)}
    assert {one.verdict.ledger_id for one in verdicts.values() if one.verdict} == ledger.keys()
    places = {record.value: record.partition for record in topics.output("anomalies")}
    for record in topics.output("verdicts"):
        entry = parse_record(record.value or b"")
        assert isinstance(entry, LedgerEntry)
        assert record.key == entry.series.hex.encode()
        assert places[verdicts[entry.anomaly_id].anomaly.to_json()] == record.partition
    assert sum(entry.cost_usd for entry in ledger.values()) > 0

    def read_told() -> list[Verdict]:
        events = [AlertEvent.from_json(record.value or b"") for record in topics.output("alerts")]
        return [series.verdict for event in events for series in event.series if series.verdict is not None]

    # Alert events follow what was checked.
    wait_until(lambda: {"confirmed", "unknown"} <= {verdict.outcome for verdict in read_told()}, 30)
    told = read_told()
    for record in topics.output("alerts"):
        validate(orjson.loads(record.value or b""))
    assert all(verdict.ledger_id in ledger and verdict.provider == "cloudwatch" for verdict in told)
    assert any("against the band 80 to 120" in verdict.detail for verdict in told)

    # Gauges and totals are brought up to date once a second.
    calls = {"provider": "cloudwatch", "api": "GetMetricData", "outcome": "ok"}
    wait_until(lambda: worker.metric("crosscheck_calls_total", **calls) == len(cloudwatch.requests), 5)
    assert worker.metric("crosscheck_cost_usd_total") == pytest.approx(sum(entry.cost_usd for entry in ledger.values()), rel=0.01)
    wait_until(lambda: worker.metric("crosscheck_pending") == 0, 5)
    assert worker.metric("verdicts_total", outcome="confirmed", provider="cloudwatch") > 0
    assert worker.stop() == 0


def test_a_kill_asks_nobody_twice_and_changes_no_verdict(
    topics: TopicSet, start_worker: Callable[..., RunningWorker], cloudwatch: FakeCloudWatch
) -> None:
    rows = make_metrics(400, seed=12)
    source = topics.add_source("metrics")
    config_path = configure(topics, cloudwatch.url)
    topics.produce(source, rows)
    killed = start_worker(config_path, environment={**AWS, "STREAMWARDEN_FAILPOINTS": "verdicts_kept=kill"})
    assert killed.wait_exit() == -9
    kept = read_ledger(topics)
    assert kept
    assert not any(one.verdict for one in read_checked(topics))
    # From now on CloudWatch would say the opposite.
    cloudwatch.bands = {key(f"n{i}"): (0.0, 1_000.0) if i % 2 else (80.0, 120.0) for i in range(4)}
    worker = start_worker(config_path, environment=AWS).wait_ready()
    wait_done(topics, worker)
    assert worker.events("verdicts_restored")
    published = {one.anomaly.id: one.verdict for one in read_checked(topics) if one.is_final and one.verdict}
    for entry in kept:
        assert published[entry.anomaly_id] == entry.verdict
    assert max(Counter(entry.id for entry in read_ledger(topics)).values()) == 1
    assert worker.stop() == 0


def test_a_provider_that_is_down_silences_nothing(
    topics: TopicSet, start_worker: Callable[..., RunningWorker], cloudwatch: FakeCloudWatch
) -> None:
    rows = make_metrics(400, seed=13)
    source = topics.add_source("metrics")
    config_path = configure(topics, cloudwatch.url)
    cloudwatch.faults.extend([AwsFaultError("InternalServiceFault", "sorry", 500)] * 10_000)
    topics.produce(source, rows)
    worker = start_worker(config_path, environment=AWS).wait_ready()
    wait_done(topics, worker, len(rows))
    verdicts = [one.verdict for one in read_checked(topics) if one.verdict]
    assert {verdict.outcome for verdict in verdicts} == {"unknown"}
    assert {verdict.reason for verdict in verdicts} <= {"server_error", "circuit_open", "deadline"}
    opened = {one.anomaly.episode_id for one in read_checked(topics)}
    alerted = {
        series.episode_id for record in topics.output("alerts") for series in AlertEvent.from_json(record.value or b"").series
    }
    assert alerted
    assert alerted <= opened
    wait_until(lambda: worker.metric("crosscheck_calls_total", outcome="SERVER_ERROR") > 0, 5)
    assert worker.stop() == 0
