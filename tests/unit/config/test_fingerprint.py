"""The configuration's hash: stable where outcomes are the same, different where they are not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.config.load import config_hash, load_config, load_text

SHIPPED = Path(__file__).parents[3] / "topics.yaml"
TEXT = """
version: 1
topics:
  - {name: metrics, kind: metrics, format: metric_json, lateness_secs: 60}
detectors:
  - name: one
    match: {name: [cpu, memory]}
    model: {type: half_space_trees, parameters: {n_trees: 10, seed: 7}}
    threshold: {type: tail, probability: 0.00001}
  - name: rest
"""


def turned(value: object) -> object:
    """The same with every mapping's keys in the opposite order."""
    if isinstance(value, dict):
        return {key: turned(one) for key, one in reversed(value.items())}
    return [turned(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "text",
    [
        "# A remark.\n" + TEXT,
        TEXT.replace("0.00001", "1e-5"),
        TEXT.replace("lateness_secs: 60", "lateness_secs: 60.0"),
        TEXT.replace(", lateness_secs: 60", ""),
        TEXT.replace("n_trees: 10, ", ""),
        TEXT.replace("  - name: rest\n", "  - name: rest\n    model: {type: default, parameters: {grace_period: 100}}\n"),
        TEXT + "broker: {bootstrap: 'kafka:9092'}\nworker: {group: other, web_port: 1}\noutputs: {alerts: {name: a}}\n",
        TEXT.replace("metric_json", "metric_json, replication_factor: 3, retention_hours: 5, config: {segment.ms: 1000}"),
        TEXT + "x-mine: {a: 1}\n",
        yaml.safe_dump(turned(yaml.safe_load(TEXT.replace("0.00001", "1.0e-5"))), sort_keys=False),
    ],
    ids=["comment", "number", "float", "default", "model-default", "model-by-name", "elsewhere", "storage", "own-key", "order"],
)
def test_means_the_same(text: str) -> None:
    assert config_hash(load_text(text)) == config_hash(load_text(TEXT))


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("lateness_secs: 60", "lateness_secs: 61"),
        TEXT.replace("seed: 7", "seed: 8"),
        TEXT.replace("[cpu, memory]", "[memory, cpu]"),
        TEXT.replace("name: metrics,", "name: metrics, partitions: 7,"),
        TEXT + "alerts: {severity: [{name: a, severity: P1}]}\n",
        TEXT + "crosscheck: {on_refuted: mute}\n",
        TEXT + "series: {silence_intervals: 7}\n",
        TEXT + "logs: {window_secs: 30}\n",
    ],
)
def test_means_something_else(text: str) -> None:
    assert config_hash(load_text(text)) != config_hash(load_text(TEXT))


def test_is_the_same_in_every_process() -> None:
    code = f"from pipeline.config.load import *; print(config_hash(load_config({str(SHIPPED)!r})))"
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(SHIPPED.parent)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert told == {config_hash(load_config(SHIPPED))}
