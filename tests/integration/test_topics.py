"""``streamwarden topics`` on a real broker: made once, changed in place, never shrunk."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from typer.testing import CliRunner, Result

from pipeline.cli.main import build_app
from pipeline.errors import BrokerError

pytestmark = pytest.mark.integration

TEXT = """
version: 1
broker: {{bootstrap: "{bootstrap}"}}
topics:
  - {{name: {prefix}metrics, kind: metrics, format: metric_json, partitions: {partitions}, retention_hours: {hours}}}
outputs:
  anomalies: {{name: {prefix}anomalies, partitions: 1}}
  checked: {{name: {prefix}checked, partitions: 2}}
  verdicts: {{name: {prefix}verdicts, partitions: 1}}
  alerts: {{name: {prefix}alerts, partitions: 1, replication_factor: {copies}}}
  incidents: {{name: {prefix}incidents, partitions: 2, config: {{cleanup.policy: compact}}}}
  dead_letters: {{name: {prefix}dead-letters, partitions: 1, config: {{max.message.bytes: {max_bytes}}}}}
  checkpoints: {{name: {prefix}checkpoints, config: {{cleanup.policy: compact}}}}
detectors: [{{name: all}}]
"""


class Place:
    """A configuration of the test's own on the broker of all tests."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self.bootstrap = bootstrap
        self.prefix = f"t{secrets.token_hex(4)}-"
        self.path = folder / "topics.yaml"

    def write(self, **given: Any) -> None:
        values = {"partitions": 2, "hours": 2, "copies": 1, "max_bytes": 2_000_000, **given}
        self.path.write_text(TEXT.format(bootstrap=self.bootstrap, prefix=self.prefix, **values))

    def run(self, *command: str, **given: Any) -> Result:
        self.write(**given)
        return CliRunner().invoke(build_app(), ["topics", *command, "--config", str(self.path)])

    def changes(self, *command: str, **given: Any) -> list[dict[str, Any]]:
        return list(json.loads(self.run(*command, "--json", **given).stdout)["changes"])

    def partitions(self) -> dict[str, int]:
        admin: Any = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            names = [name for name in admin.list_topics() if name.startswith(self.prefix)]
            return {one["name"].removeprefix(self.prefix): len(one["partitions"]) for one in admin.describe_topics(names)}
        finally:
            admin.close()

    def setting(self, topic: str, name: str) -> str:
        admin: Any = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            resource = ConfigResource(ConfigResourceType.TOPIC, self.prefix + topic, configs=None)
            answer = admin.describe_configs([resource], config_filter="all")
            return str(next(iter(answer.values()))[self.prefix + topic][name]["value"])
        finally:
            admin.close()

    def set(self, topic: str, name: str, value: str) -> None:
        admin: Any = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, self.prefix + topic, configs={name: value})])
        finally:
            admin.close()


@pytest.fixture
def place(bootstrap: str, tmp_path: Path) -> Iterator[Place]:
    place = Place(bootstrap, tmp_path)
    yield place
    admin: Any = KafkaAdminClient(bootstrap_servers=bootstrap)
    names = [name for name in admin.list_topics() if name.startswith(place.prefix)]
    if names:
        admin.delete_topics(names)
    admin.close()


def test_made_once(place: Place) -> None:
    before = place.run("diff")
    assert before.exit_code == 1
    assert place.partitions() == {}, "diff has made something"
    first = place.run("apply")
    assert first.exit_code == 0, first.output
    wanted = {"metrics": 2, "anomalies": 1, "checked": 2, "alerts": 1, "incidents": 2, "dead-letters": 1}
    made = place.partitions()
    assert {name: made[name] for name in wanted} == wanted
    assert place.setting("metrics", "retention.ms") == "7200000"
    assert place.setting("incidents", "cleanup.policy") == "compact"
    assert place.setting("dead-letters", "max.message.bytes") == "2000000"
    assert place.run("diff").exit_code == 0
    second = place.run("apply")
    assert (second.exit_code, second.output.splitlines()[-1]) == (0, "nothing to do")


def test_one_that_is_missing_is_made_and_the_others_are_left_alone(place: Place) -> None:
    assert place.run("apply").exit_code == 0
    place.set("anomalies", "segment.ms", "1234567")
    admin: Any = KafkaAdminClient(bootstrap_servers=place.bootstrap)
    admin.delete_topics([f"{place.prefix}alerts"])
    admin.close()
    assert [(one["topic"], one["action"]) for one in place.changes("diff")] == [(f"{place.prefix}alerts", "create")]
    assert place.run("apply").exit_code == 0
    assert place.partitions()["alerts"] == 1
    # What the configuration does not name is somebody else's.
    assert place.setting("anomalies", "segment.ms") == "1234567"


@pytest.mark.kafka
def test_partitions_grow_with_a_warning(place: Place, broker: Any) -> None:
    if broker.name.startswith("the embedded") or "Tansu" in broker.name:
        pytest.skip("the embedded broker cannot add partitions")
    assert place.run("apply").exit_code == 0
    told = place.run("apply", partitions=3)
    assert told.exit_code == 0, told.output
    assert "keys move" in " ".join(told.output.split())
    assert place.partitions()["metrics"] == 3
    assert place.changes("diff", partitions=3) == []


def test_never_shrinks_and_does_the_rest(place: Place) -> None:
    assert place.run("apply").exit_code == 0
    told = place.run("apply", partitions=1, max_bytes=3_000_000)
    assert told.exit_code == 1
    assert "cannot shrink" in " ".join(told.output.split())
    assert place.partitions()["metrics"] == 2
    assert place.setting("dead-letters", "max.message.bytes") == "3000000"
    assert [one["action"] for one in place.changes("diff", partitions=1, max_bytes=3_000_000)] == ["refuse"]


def test_retention_is_raised_but_lowered_only_when_told_to(place: Place) -> None:
    assert place.run("apply").exit_code == 0
    assert place.run("apply", hours=3).exit_code == 0
    assert place.setting("metrics", "retention.ms") == "10800000"
    assert place.run("apply", hours=1).exit_code == 1
    assert place.setting("metrics", "retention.ms") == "10800000"
    assert place.run("apply", "--lower-retention", hours=1).exit_code == 0
    assert place.setting("metrics", "retention.ms") == "3600000"


@pytest.mark.kafka
def test_what_the_broker_refuses_is_told_and_the_rest_is_done(place: Place, broker: Any) -> None:
    if broker.name.startswith("the embedded") or "Tansu" in broker.name:
        pytest.skip("the embedded broker takes any number of copies")
    result = place.run("apply", copies=9)
    assert isinstance(result.exception, BrokerError)
    assert result.exception.exit_code == 3
    assert f"refused to make the topic {place.prefix}alerts" in str(result.exception)
    assert set(place.partitions()) == {"metrics", "anomalies", "checked", "verdicts", "incidents", "dead-letters", "checkpoints"}


def test_json_tells_all(place: Place) -> None:
    told = json.loads(place.run("apply", "--json").stdout)
    assert told["n_done"] == len(told["changes"]) == len(told["topics"])
    assert not told["is_same"]
    again = json.loads(place.run("apply", "--json").stdout)
    assert again["is_same"]
    assert again["n_done"] == 0
    assert all(topic["is_there"] for topic in again["topics"])


def test_nobody_there(tmp_path: Path) -> None:
    place = Place("127.0.0.1:9", tmp_path)
    place.write()
    # In a process of its own: kafka-python leaves sockets behind when nobody answers.
    command = [sys.executable, "-c", "from pipeline.cli.main import main; main()", "topics", "diff", "--config", str(place.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("streamwarden: BROKER_UNREACHABLE: 127.0.0.1:9")
