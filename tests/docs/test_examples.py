"""Every ``topics.yaml`` on the pages loads, and what its detectors name is scored by the engine without a fault."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.codecs.record import RecordBatch
from pipeline.config.load import load_text
from pipeline.config.model_fit import list_hints
from pipeline.config.schema import Config
from pipeline.engine.anomaly import Anomaly
from pipeline.engine.lane import Lane

DOCS = Path(__file__).parents[2] / "docs"
PERIODS = 400
START_MS = 1_700_000_040_000
HEAD = {"version": 1, "topics": [{"name": "metrics", "kind": "metrics", "format": "metric_json"}]}


def _examples() -> list[Any]:
    found = []
    for page in ("configuration.md", "models.md"):
        for n, text in enumerate(re.findall(r"```yaml\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)):
            found.append(pytest.param({**HEAD, **yaml.safe_load(text)}, id=f"{page}-{n}"))
    return found


def make_values(draw: random.Random, step: int) -> dict[str, float]:
    """One period: a latency that follows from the load, and is once far off."""
    load, connections = draw.uniform(50.0, 150.0), draw.uniform(10.0, 30.0)
    return {
        "requests_per_sec": load,
        "connections": connections,
        "latency_ms": 5.0 + 0.2 * load + 0.5 * connections + draw.gauss(0.0, 0.5) + 200.0 * (step == 390) - 100.0 * (step == 395),
        "node_cpu_ratio": draw.uniform(0.2, 0.4) + 0.6 * (step == 390),
        "node_memory_ratio": draw.uniform(0.5, 0.6),
        "node_load1": draw.uniform(1.0, 2.0),
        "up": float(draw.random() < (0.95 if step < 300 else 0.4)),
    }


def play(config: Config) -> tuple[Lane, list[Anomaly]]:
    """A lane after the made log, and what was told of points."""
    draw = random.Random(4)
    lane = Lane(config, config.topics[0], 0, config_hash="h")
    rows = []
    for step in range(PERIODS + 3):
        for name, value in make_values(draw, step).items():
            at = START_MS + 60_000 * step
            record = {"name": name, "ts": at, "value": value, "labels": {"instance": "i1", "region": "r1"}}
            rows.append((len(rows), at, None, json.dumps(record).encode()))
    told = lane.process(RecordBatch.from_rows("metrics", 0, rows)).anomalies
    return lane, [one for one in told if one.kind == "point"]


@pytest.mark.parametrize("data", _examples())
def test_example_loads_and_scores(data: dict[str, Any]) -> None:
    config = load_text(yaml.safe_dump(data, sort_keys=False))
    lane, told = play(config)
    assert lane.take_faults() == []
    detectors = lane._flow.detectors
    for one in detectors:
        assert one.is_ready().any(), f"{one.settings.name} has scored nothing"
    for group in detectors.groups:
        assert group.detector.is_ready().any(), f"{group.settings.name} has scored nothing"
    # A jump of the latency, or a change for good, is no example's business to miss.
    predicting = {one.name for one in config.detectors if one.group is not None and one.group.target is not None}
    predicting |= {one.name for one in config.detectors if one.direction != "both"}
    assert predicting <= {one.detector for one in told} | {"changes"}
    side_of = {one.name: one.direction for one in config.detectors}
    for one in told:
        side = side_of[one.detector]
        if side != "both" and one.phase != "cleared":
            assert (one.value > one.expected) == (side == "above")
    assert [hint for one in config.detectors for hint in list_hints(one) if "raises" in hint or "learned nothing" in hint] == []
