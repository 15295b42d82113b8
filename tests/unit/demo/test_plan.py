"""The configuration of a run."""

from __future__ import annotations

from pathlib import Path

from pipeline.config.load import config_hash, load_config
from pipeline.config.providers import CloudWatchMetric, CloudWatchProvider
from pipeline.config.schema import BrokerSettings, Config, Match
from pipeline.config.source import parse_text
from pipeline.demo.plan import derive_config, write_config

CONFIG = Config.model_validate(
    {
        "version": 1,
        "topics": [{"name": "kaldrix.metrics", "kind": "metrics", "format": "metric_json"}],
        "detectors": [
            {"name": "cpu", "match": {"topic": "kaldrix.*", "name": "node_*"}},
            {"name": "rest", "match": {"topic": ["kaldrix.metrics", "other"]}},
            {"name": "any"},
        ],
        "alerts": {"severity": [{"name": "r", "match": {"topic": "kaldrix.metrics"}, "severity": "P1"}]},
    }
)


def test_everything_of_a_shared_cluster_gets_a_name_of_its_own() -> None:
    derived = derive_config(CONFIG, broker=BrokerSettings(bootstrap="h:1"), web_port=4242, prefix="demo-1-", speed=60.0)
    assert derived.broker.bootstrap == "h:1"
    assert derived.worker.web_port == 4242
    assert derived.worker.event_secs_per_sec == 60.0
    assert derived.worker.group == "demo-1-streamwarden"
    assert [topic.name for topic in derived.topics] == ["demo-1-kaldrix.metrics"]
    assert all(topic.name.startswith("demo-1-") for _, topic in derived.outputs)
    assert [detector.match.topic for detector in derived.detectors] == [
        "demo-1-kaldrix.*",
        ["demo-1-kaldrix.metrics", "demo-1-other"],
        None,
    ]
    assert derived.alerts.severity[0].match.topic == "demo-1-kaldrix.metrics"


def test_detection_is_that_of_the_user_and_the_file_reads_back(tmp_path: Path) -> None:
    derived = derive_config(CONFIG, broker=BrokerSettings(bootstrap="h:1"), web_port=1, prefix="", speed=60.0)
    assert (derived.detectors, derived.alerts, derived.crosscheck, derived.series, derived.logs) == (
        CONFIG.detectors,
        CONFIG.alerts,
        CONFIG.crosscheck,
        CONFIG.series,
        CONFIG.logs,
    )
    path = tmp_path / "topics.yaml"
    write_config(derived, path)
    assert Config.model_validate(parse_text(path.read_text(), "t").data) == derived


def test_what_ships_comes_back_from_a_file_as_it_was(tmp_path: Path) -> None:
    shipped = load_config(Path(__file__).parents[3] / "topics.yaml")
    derived = derive_config(shipped, broker=shipped.broker, web_port=1, prefix="", speed=1.0)
    path = tmp_path / "topics.yaml"
    write_config(derived, path)
    assert load_config(path) == derived
    assert config_hash(load_config(path)) == config_hash(shipped)


def test_text_that_looks_like_a_number_stays_text(tmp_path: Path) -> None:
    topic = CONFIG.topics[0].model_copy(
        update={"labels": {"zone": "1e3", "rack": "007", "on": "yes", "empty": "", "null": "null"}}
    )
    path = tmp_path / "topics.yaml"
    write_config(CONFIG.model_copy(update={"topics": [topic]}), path)
    assert parse_text(path.read_text(), "t").data["topics"][0]["labels"] == topic.labels


def test_matchers_of_providers_get_the_prefix_too() -> None:
    provider = CloudWatchProvider(metrics=[CloudWatchMetric(match=Match(topic="kaldrix.metrics"))])
    given = CONFIG.model_copy(update={"crosscheck": CONFIG.crosscheck.model_copy(update={"provider": provider})})
    derived = derive_config(given, broker=BrokerSettings(bootstrap="h:1"), web_port=1, prefix="p-", speed=1.0)
    assert isinstance(derived.crosscheck.provider, CloudWatchProvider)
    assert derived.crosscheck.provider.metrics[0].match.topic == "p-kaldrix.metrics"
