"""Every rival's program reads a topic to its end and finds the planted anomalies; environments are made where they can be had."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import report, startup
from benchmarks.pipeline import scale_out
from benchmarks.pipeline.contenders import CONTENDERS
from benchmarks.pipeline.run import main
from benchmarks.pipeline.topic import delete_topics, fill
from benchmarks.pipeline.workloads import WORKLOADS
from pipeline.demo.brokers.apache_kafka import ApacheKafka

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]
_N_MESSAGES = 60_000
_RIVALS = ("faust-river", "confluent-river", "quix-river", "bytewax-river", "java-bare", "java-zscore", "kafka-streams", "flink")


@pytest.fixture(scope="module")
def kafka() -> Any:
    with ApacheKafka(say=lambda _text: None) as broker:
        yield broker


@pytest.mark.parametrize("name", _RIVALS)
def test_a_rival_reads_to_the_end(kafka: Any, name: str) -> None:
    rival = CONTENDERS[name]
    try:
        rival.prepare()
    except RuntimeError as problem:
        pytest.skip(str(problem))
    topic = f"rival-{name}"
    fill(kafka.bootstrap, topic, WORKLOADS["native-1"], _N_MESSAGES)
    try:
        cost = rival.run(kafka.bootstrap, topic, _N_MESSAGES)
    finally:
        delete_topics(kafka.bootstrap, [topic])
    assert cost.cpu_us > 0.0
    assert cost.n_messages < _N_MESSAGES
    if name != "java-bare":
        # One is planted every 10,007 messages; river's threshold also takes one normal sample in about ten thousand.
        assert 5 <= cost.facts["n_anomalies"] <= 60


@pytest.mark.parametrize("name", ["remote-write-2k", "otlp-2k"])
def test_requests_are_read_to_the_end(kafka: Any, name: str) -> None:
    workload, n = WORKLOADS[name], 300
    fill(kafka.bootstrap, name, workload, n)
    try:
        slow = CONTENDERS["confluent-protobuf"].run(kafka.bootstrap, name, n, workload.format)
        own = CONTENDERS["worker-default"].run(kafka.bootstrap, name, n, workload.format)
    finally:
        delete_topics(kafka.bootstrap, [name])
    assert slow.facts["n_samples"] == n * workload.samples_per_message
    # Levels of the series are between 20 and 80.
    assert 45.0 < slow.facts["mean"] < 55.0
    assert own.facts["n_by_outcome"] == {"scored": n}


def test_a_start_is_timed_cold_and_warm(kafka: Any, tmp_path: Path) -> None:
    result = tmp_path / "startup.json"
    assert startup.main(["--broker", kafka.bootstrap, "--repeats", "1", "--json", str(result)]) == 0
    results = json.loads(result.read_text())["results"]
    for one in (*results["cold"], *results["warm"]):
        assert one["ready_secs"] > 0.0
        assert one["cpu_secs"] > 0.0
    assert results["warm"][0]["scored_secs"] < results["cold"][0]["scored_secs"] / 2


def test_a_run_becomes_a_page(kafka: Any, tmp_path: Path) -> None:
    result, page = tmp_path / "result.json", tmp_path / "page.html"
    only = ["worker", "confluent-bare"]
    arguments = [
        "--broker",
        kafka.bootstrap,
        "--messages",
        "200000",
        "--repeats",
        "2",
        "--workload",
        "native-1",
        "--json",
        str(result),
    ]
    assert main([*arguments, "--only", *only]) == 0
    assert {name: len(some) for name, some in json.loads(result.read_text())["results"].items()} == dict.fromkeys(only, 2)
    assert report.main([str(result), "-o", str(page)]) == 0
    assert "confluent-bare" in page.read_text()


def test_two_workers_share_what_one_reads_alone(kafka: Any) -> None:
    both = scale_out.run_group(kafka.bootstrap, WORKLOADS["native-2k"], 200_000, 2)
    assert sum(both["n_by_worker"]) == 200_000
    assert min(both["n_by_worker"]) > 0
