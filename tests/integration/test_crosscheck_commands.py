"""``streamwarden crosscheck`` on a real broker: the report, an operator's word, feedback, and a feed into S3."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import orjson
import pytest
from moto.server import ThreadedMotoServer
from typer.testing import CliRunner

from pipeline.alerts.event import AlertEvent
from pipeline.cli.main import build_app
from pipeline.crosscheck.base import CheckedAnomaly
from pipeline.errors import ConfigError
from tests.aws.fake_lookout import FakeLookout, Group
from tests.aws.wire import ACCESS_KEY, SECRET_KEY
from tests.integration.made_metrics import START_MS, make_metrics
from tests.integration.running_worker import RunningWorker
from tests.integration.topic_set import TopicSet
from tests.waiting import wait_until

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("STREAMWARDEN_BROKER", raising=False)


def call(*arguments: str) -> str:
    result = CliRunner().invoke(build_app(), ["crosscheck", *arguments])
    if result.exception is not None:
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_an_operators_word_tells_who_was_right(topics: TopicSet, start_worker: Callable[..., RunningWorker]) -> None:
    rows = make_metrics(400, seed=21)
    source = topics.add_source("metrics")
    # Lookout knows of one group for node n1 at all times.
    series = {"tps": [{"node": "n1"}]}
    with FakeLookout() as lookout:
        lookout.add_detector("dag")
        end_secs = START_MS / 1_000 + 400 * 10
        lookout.groups = [Group(1, START_MS // 1_000 // 300 * 300, end_secs, 90.0, series)]
        lookout.executions = {end_secs + 600: "COMPLETED"}
        detector = {"name": "dag", "measures": {"tps": {"metric": "dag_tps"}}, "dimensions": {"node": "node"}}
        remote = {"type": "lookout", "endpoint_url": lookout.url, "max_calls_per_minute": 600.0, "detectors": [detector]}
        ensemble = {"type": "ensemble", "members": [{"type": "local"}, remote]}
        topics.config["crosscheck"] = {"deadline_secs": 8.0, "provider": ensemble}
        config_path = topics.create()
        topics.produce(source, rows)
        worker = start_worker(config_path).wait_ready()
        worker.wait_records(len(rows))

        def checked() -> dict[str, CheckedAnomaly]:
            found = (CheckedAnomaly.from_json(record.value or b"") for record in topics.output("checked"))
            return {one.anomaly.id: one for one in found if one.is_final and one.verdict is not None}

        opened = {
            one["id"] for one in map(orjson.loads, (r.value for r in topics.output("anomalies"))) if one["phase"] == "opened"
        }
        wait_until(lambda: checked().keys() >= opened, 60)
        wait_until(lambda: worker.state().lag_records == 0, 20)

        arguments = ("--config", str(config_path))
        report = orjson.loads(call("report", "--json", *arguments))
        by_provider = {row["provider"]: row for row in report["rows"]}
        assert by_provider.keys() == {"ensemble", "local", "lookout"}
        assert all(row["n_verdicts"] == len(checked()) for row in by_provider.values())
        assert by_provider["lookout"]["n_confirmed"] > 0
        assert by_provider["lookout"]["n_refuted"] > 0
        assert {tuple(pair["providers"]) for pair in report["pairs"]} >= {("local", "lookout")}

        wanted = next(one for one in checked().values() if one.anomaly.series.get("node") == "n1" and one.verdict.reference)  # type: ignore[union-attr]
        told = call("verdict", wanted.anomaly.id[:12], "wrong", "--by", "kim", "--note", "a load test", *arguments)
        assert f"{wanted.anomaly.id} " in told
        assert "wrong, by kim" in told
        assert "feedback sent" in told
        assert [one["IsAnomaly"] for one in lookout.feedback] == [False]

        again = {row["provider"]: row for row in orjson.loads(call("report", "--json", *arguments))["rows"]}
        assert (again["lookout"]["n_right"], again["lookout"]["n_wrong"], again["lookout"]["accuracy"]) == (0, 1, 0.0)
        shown = call("show", wanted.anomaly.id, *arguments)
        assert "was wrong, says kim: a load test" in shown
        assert f"{wanted.anomaly.id}.ensemble.lookout" in shown
        table = call("report", "--by", "metric", *arguments)
        assert "dag_tps" in table
        assert "1 anomalies judged" in table

        # An incident stands for all its anomalies.
        event = AlertEvent.from_json(topics.output("alerts")[-1].value or b"")
        assert "right, by" in call("verdict", event.incident_id, "right", "--no-feedback", *arguments)
        with pytest.raises(ConfigError, match="no verdict about it"):
            call("verdict", "f" * 32, "right", *arguments)
        with pytest.raises(ConfigError, match="8 characters"):
            call("show", "abc", *arguments)
        # The worker goes on with judgements in the ledger.
        assert worker.stop() == 0
        restarted = start_worker(config_path).wait_ready()
        assert not restarted.events("message_skipped")
        assert restarted.stop() == 0


def test_series_are_fed_into_s3(topics: TopicSet, tmp_path: Path) -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        url = f"http://127.0.0.1:{port}"
        s3: Any = boto3.client("s3", endpoint_url=url)
        s3.create_bucket(Bucket="metrics")
        detector = {"name": "dag", "measures": {"tps": {"metric": "dag_tps"}}, "dimensions": {"node": "node"}}
        bucket = {"bucket": "metrics", "role_arn": "arn:aws:iam::123456789012:role/read", "endpoint_url": url}
        topics.config["crosscheck"] = {
            "deadline_secs": 15.0,
            "provider": {"type": "lookout", "detectors": [detector], "s3": bucket},
        }
        source = topics.add_source("metrics", partitions=2)
        config_path = topics.create()
        rows = make_metrics(200, seed=22)
        topics.produce(source, rows)
        told = call("feed", "--no-follow", "--config", str(config_path))
        assert f"{len(rows):,} samples read" in told
        keys = [one["Key"] for one in s3.list_objects_v2(Bucket="metrics")["Contents"]]
        n_rows = 0
        for key in keys:
            lines = s3.get_object(Bucket="metrics", Key=key)["Body"].read().decode().splitlines()
            assert lines[0] == "timestamp,node,tps"
            n_rows += len(lines) - 1
        # Eight nodes over the intervals of five minutes that 200 samples of ten seconds touch.
        n_intervals = len({(START_MS // 1_000 + 10 * i) // 300 for i in range(200)})
        assert n_rows == 8 * n_intervals
        assert {key.rsplit("/", 1)[1] for key in keys} == {f"{source}-0.csv", f"{source}-1.csv"}
        # What was fed is not fed again.
        assert "0 samples read, 0 entries or files written" in call("feed", "--no-follow", "--config", str(config_path))
    finally:
        server.stop()
