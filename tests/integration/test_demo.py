"""The demo from end to end: on the broker of all tests, as on a cluster that is there and must be left as it was found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import orjson
import pytest
from confluent_kafka.admin import AdminClient

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from pipeline.cli import main; main()", "demo"]

pytestmark = pytest.mark.integration


def run_demo(*arguments: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "STREAMWARDEN_SHARED": str(folder / "nothing"), "TMPDIR": str(folder)}
    return subprocess.run([*COMMAND, *arguments], capture_output=True, cwd=ROOT, env=variables, timeout=240)


def test_a_cluster_that_is_there_sees_the_demo_and_is_left_as_it_was(bootstrap: str, tmp_path: Path) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    before = {name for name in admin.list_topics(timeout=10).topics if not name.startswith("__")}
    picture = tmp_path / "demo.svg"
    done = run_demo(
        "--seconds", "12", "--speed", "300", "--broker", bootstrap, "--json", "--picture", str(picture), folder=tmp_path
    )
    assert done.returncode == 0, done.stderr.decode()

    told = orjson.loads(done.stdout)
    assert told["is_complete"]
    assert told["records_add_up"]
    assert sum(told["records_by_outcome"].values()) == told["records_written"] > 50_000
    assert told["dead_letters"] == 0
    simulated = told["simulated"]
    assert simulated["caught"] >= simulated["expected"] / 2, done.stdout.decode()
    assert simulated["alert_incidents"] > simulated["false_alert_incidents"]
    assert "P0" in told["alert_incidents_by_severity"]
    assert "resolved" in told["alert_events_by_type"]

    assert ElementTree.fromstring(picture.read_text()).tag.endswith("svg")
    assert {name for name in admin.list_topics(timeout=10).topics if not name.startswith("__")} == before
    groups = admin.list_consumer_groups().result(10).valid
    assert not [group.group_id for group in groups if "demo" in group.group_id]
    assert not list(tmp_path.glob("streamwarden-*")), "what it put aside is cleared away"


@pytest.mark.parametrize(
    ("arguments", "exit_code", "told"),
    [
        (("--broker", "no such thing"), 2, "expected auto, embedded, kafka or host:port"),
        (("--broker", "127.0.0.1:9"), 3, "127.0.0.1:9"),
        (("--data", "/no/such/folder"), 2, "/no/such/folder"),
        (("--config", "/no/such/topics.yaml"), 2, "/no/such/topics.yaml"),
    ],
)
def test_what_is_wrong_is_told_in_one_message(arguments: tuple[str, ...], exit_code: int, told: str, tmp_path: Path) -> None:
    done = run_demo(*arguments, folder=tmp_path)
    assert done.returncode == exit_code, done.stderr.decode()
    assert told in done.stderr.decode()
    assert b"Traceback" not in done.stderr
