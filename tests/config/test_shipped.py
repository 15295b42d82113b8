"""The topics.yaml that ships: it loads, and every simulated series has the detector that was meant for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.config.load import load_config
from pipeline.config.providers import EnsembleProvider
from pipeline.config.schema import Config
from pipeline.demo.metrics import simulate_metrics
from pipeline.engine.routing import choose_detectors
from pipeline.logs.mined_lines import LOG_RATE_NAME
from pipeline.samples.labels import LabelSet

SHIPPED = Path(__file__).parents[2] / "topics.yaml"


@pytest.fixture(scope="module")
def config() -> Config:
    return load_config(SHIPPED)


def detectors_of(config: Config, topic: str, series: LabelSet) -> list[str]:
    return [config.detectors[ordinal].name for ordinal in choose_detectors(config.detectors, topic, series)]


def test_every_simulated_metric_has_a_detector_of_its_own(config: Config) -> None:
    simulated = simulate_metrics(1, np.arange(0.0, 60.0, 15.0))
    chosen = {one.labels.name: detectors_of(config, "metrics", one.labels) for one in simulated}
    assert len(chosen) == 12
    assert [name for name, detectors in chosen.items() if "everything_else" in detectors] == []


@pytest.mark.parametrize(
    ("template", "level", "expected"),
    [
        ("authentication failed for user <*> from <ip>: bad password", "WARN", "auth_log_lines"),
        ("upstream <*> timed out after <num> ms on <path>", "ERROR", "log_errors"),
        ("block <hex> sealed with <num> transactions in <num> ms", "INFO", "log_lines"),
    ],
)
def test_log_rates_go_where_they_are_meant_to(config: Config, template: str, level: str, expected: str) -> None:
    series = LabelSet({"__name__": LOG_RATE_NAME, "template": template, "level": level, "service": "s", "region": "r"})
    assert detectors_of(config, "logs", series) == [expected]


def test_what_nobody_thought_of_is_watched_too(config: Config) -> None:
    assert detectors_of(config, "metrics", LabelSet({"__name__": "queue_depth"})) == ["everything_else"]


def test_there_is_a_topic_of_every_format_and_a_rule_of_every_severity(config: Config) -> None:
    assert {topic.format for topic in config.topics} == {"metric_json", "log_json", "fluentd_json"}
    assert {rule.severity for rule in config.alerts.severity} == {"P0", "P1", "P2"}
    assert {detector.category for detector in config.detectors} == {"business", "application", "security", "infrastructure"}


def test_the_aws_example_takes_the_place_of_the_local_cross_check(tmp_path: Path) -> None:
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    start = lines.index("crosscheck:")
    stop = next(i for i in range(start, len(lines)) if lines[i].startswith("#"))
    example = [line.removeprefix("#> ") for line in lines if line.startswith("#> ")]
    path = tmp_path / "topics.yaml"
    path.write_text("\n".join([*lines[:start], *example, *lines[stop:]]), encoding="utf-8")
    provider = load_config(path).crosscheck.provider
    assert isinstance(provider, EnsembleProvider)
    assert [member.type for member in provider.members] == ["local", "cloudwatch", "amp"]
