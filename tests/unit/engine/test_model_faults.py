"""A model that raises on what it is given: seen, counted, told once, and no harm to the others."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from models import registry
from models.river_model import model as river_model
from pipeline.codecs.record import RecordBatch
from pipeline.config.model_fit import find_misfit, list_hints
from pipeline.config.schema import Config, DetectorSettings, GroupSettings, Match, ModelSettings, SourceTopic
from pipeline.engine.checkpoint import restore_lane, take_checkpoint
from pipeline.engine.lane import Lane
from pipeline.service.source_flow import SourceFlow
from pipeline.telemetry.events import Telemetry

START_MS = 1_700_000_000_000
PREDICTIVE = {"path": "river.anomaly.PredictiveAnomalyDetection"}
BINARY = {"path": "river.drift.binary.DDM"}

Row = tuple[int, int, None, bytes]


def make_config(parameters: dict[str, Any], *, is_filtered: bool = False, group: GroupSettings | None = None) -> Config:
    """Two detectors, of which the first has a river model; made by hand, so that nobody has tried it."""
    model = ModelSettings(type="river_model", parameters=parameters)
    if is_filtered:
        inner = {"model": "river_model", "parameters": parameters}
        model = ModelSettings(type="threshold_filter", parameters={"threshold": 9.0, "detector": inner})
    return Config(
        version=1,
        topics=[SourceTopic(name="m", kind="metrics", format="metric_json")],
        detectors=[
            DetectorSettings(name="river", match=Match(name=["cpu", "mem"]), also=True, model=model, group=group),
            DetectorSettings(name="rest", model=ModelSettings(type="gaussian_scorer", parameters={"grace_period": 5})),
        ],
    )


def make_rows(values: Sequence[float], names: Sequence[str] = ("cpu",)) -> list[Row]:
    rows: list[Row] = []
    for step, value in enumerate(values):
        for name in names:
            at = START_MS + 60_000 * step
            record = {"name": name, "ts": at, "value": value, "labels": {"host": "n1"}}
            rows.append((len(rows), at, None, json.dumps(record).encode()))
    return rows


def make_lane(config: Config, rows: Sequence[Row] = ()) -> Lane:
    lane = Lane(config, config.topics[0], 0, config_hash="h")
    if rows:
        lane.process(RecordBatch.from_rows("m", 0, rows))
    return lane


@pytest.mark.parametrize("is_filtered", [False, True])
def test_one_that_raises_at_every_sample_is_seen(is_filtered: bool) -> None:
    config = make_config(PREDICTIVE, is_filtered=is_filtered)
    assert find_misfit(config.detectors[0]) is not None
    lane = make_lane(config, make_rows([0.5 + i % 7 for i in range(120)]))
    (found,) = lane.take_faults()
    assert (found.detector, found.fault.code, found.fault.n_samples) == ("river", "AttributeError", 120)
    assert found.series == 'cpu{host="n1"}'
    assert "river.anomaly.PredictiveAnomalyDetection: 'NoneType' object" in found.fault.message
    assert lane.take_faults() == []
    assert lane.coverage.failing == {"river": 1}
    assert lane.coverage.n_ready == 1, "the other detector goes on"
    copy = make_lane(config)
    restore_lane(copy, take_checkpoint(lane, is_full=True).encode())
    assert copy.coverage == lane.coverage


def test_what_a_binary_detector_cannot_use_is_passed_over_and_changes_nothing() -> None:
    bits = [float(i % 3 == 0) for i in range(200)]
    dirty = [one for bit in bits for one in (bit, 0.5)]
    clean, lane = make_lane(make_config(BINARY), make_rows(bits)), make_lane(make_config(BINARY), make_rows(dirty))
    models = [one.snapshot()["blocks"][0]["detectors"]["river"]["estimator"]["models"].tobytes() for one in (clean, lane)]
    assert models[0] == models[1]
    assert clean.take_faults() == []
    (found,) = lane.take_faults()
    assert (found.fault.code, found.fault.n_samples) == ("UnfitError", 200)
    assert "takes true and false, 1 and 0, only; found 0.5" in found.fault.message
    assert lane.coverage.failing == {"river": 1}
    assert clean.coverage.failing == {}
    # It is over with the first sample that can be used.
    lane.process(RecordBatch.from_rows("m", 0, make_rows([*dirty, 1.0])[-1:]))
    assert lane.coverage.failing == {}


def test_one_that_raises_at_a_gap_starts_anew_and_says_so() -> None:
    group = GroupSettings(by=["host"], features=["cpu", "mem"], target="cpu", missing="absent", wait_secs=0.0)
    steps = [{"path": "river.compose.Select", "parameters": {"keys": ["mem"]}}, {"path": "river.linear_model.LinearRegression"}]
    config = make_config({"path": "river.compose.Pipeline", "parameters": {"steps": steps}}, group=group)
    assert find_misfit(config.detectors[0]) is None
    rows = make_rows([1.0 + i % 5 for i in range(80)], ["cpu", "mem"])
    gap = [row for row in rows if row[0] != 101]
    whole, lane = make_lane(config, rows), make_lane(config, gap)
    assert whole.take_faults() == []
    faults = lane.take_faults()
    assert [(one.detector, one.series, one.fault.n_samples) for one in faults] == [("river", 'river{host="n1"}', 1)]
    assert lane.coverage.failing == {}, "the samples after it are scored"
    (hint,) = [one for one in list_hints(config.detectors[0]) if "raises" in one]
    assert "where a feature is missing" in hint
    assert "missing: skip" in hint


def test_one_without_a_score_for_long_is_told_once_a_series(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(river_model, "MAX_UNSCORED", 50)
    slow = {"path": "river.time_series.HoltWinters", "parameters": {"alpha": 0.3, "beta": 0.1, "gamma": 0.1, "seasonality": 100}}
    lane = make_lane(make_config(slow), make_rows([float(i % 10) for i in range(90)]))
    (found,) = lane.take_faults()
    assert (found.fault.code, found.fault.n_samples) == ("NoScoreError", 1)
    assert found.fault.message.startswith("river.time_series.HoltWinters: no score for 50 samples in a row; IndexError")
    assert lane.coverage.failing == {"river": 1}


def test_one_that_runs_away_starts_anew_and_is_scored_again() -> None:
    group = GroupSettings(by=["host"], features=["cpu", "mem"], target="cpu", wait_secs=0.0)
    steps = {"optimizer": {"path": "river.optim.SGD", "parameters": {"lr": 0.02}}, "clip_gradient": 1e308}
    config = make_config({"path": "river.linear_model.LinearRegression", "parameters": steps}, group=group)
    tame = [0.1 * (1.0 + i % 5) for i in range(150)]
    wild = [1e3 * (1.0 + i % 5) for i in range(200)]
    lane = make_lane(config, make_rows([*tame, *wild], ["cpu", "mem"]))
    (found,) = lane.take_faults()
    assert (found.fault.code, found.fault.n_samples) == ("NoScoreError", 1)
    assert "has run away, and starts anew: scale its features" in found.fault.message
    calm = make_lane(config, make_rows([*tame, *wild, *tame, *tame, *tame, *tame], ["cpu", "mem"]))
    assert calm.coverage.failing == {}
    assert calm.coverage.n_ready == 2


def test_a_series_that_is_gone_has_no_name_to_tell() -> None:
    config = make_config(BINARY)
    lane = make_lane(config, make_rows([0.5, 0.5, 0.5]))
    lane._flow.detectors.remove(np.arange(lane._flow.index.n_slots))
    (found,) = lane.take_faults()
    assert found.series is None


def test_compiled_models_have_no_faults() -> None:
    for name in registry.names():
        model = registry.build(name, registry.variants(name)[0])
        assert model.take_faults() == ()
        assert (model.are_failing() is None) == (name != "river_model")


def test_the_worker_tells_once_and_counts_all(caplog: pytest.LogCaptureFixture) -> None:
    config = make_config(PREDICTIVE)
    lane, telemetry = make_lane(config), Telemetry()
    durable: Any = SimpleNamespace(lane=lane, checkpoint_if_due=lambda: None)
    flow = SourceFlow(config, config.topics[0], 0, durable, SimpleNamespace(), telemetry)  # type: ignore[arg-type]
    rows = make_rows([0.5 + i % 7 for i in range(90)])

    async def run() -> None:
        for start in range(0, 90, 30):
            await flow.process(RecordBatch.from_rows("m", 0, rows[start : start + 30]))

    with caplog.at_level(logging.ERROR, logger="streamwarden"):
        asyncio.run(run())
    assert telemetry.metrics.read("model_faults_total", detector="river", code="AttributeError") == 90
    assert telemetry.metrics.read("events_total", event="model_failed", code="AttributeError") == 1
    assert sum("model of a detector raises" in record.message for record in caplog.records) == 1
    assert flow.observe_coverage().failing == {"river": 1}
