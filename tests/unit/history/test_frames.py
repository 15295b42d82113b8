"""Tables scored in a notebook: what the worker's engine says, sample by sample."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.config.load import config_hash
from pipeline.config.schema import Config, DetectorSettings, ModelSettings, TailThreshold
from pipeline.errors import ConfigError, HistoryError
from pipeline.history import LineEntry, open_history
from pipeline.history.entry import LineSource
from pipeline.history.frames import ScoredHistory, default_config, score_entries, score_frame
from pipeline.history.options import HistoryOptions
from pipeline.history.scoring import HistoryScorer

START = pd.Timestamp("2026-01-01", tz="UTC")


@pytest.fixture(scope="module")
def config() -> Config:
    cut = TailThreshold(type="tail", probability=1e-3, min_samples=50)
    model = ModelSettings(type="gaussian_scorer", parameters={"grace_period": 30})
    return default_config(DetectorSettings(name="simple", model=model, threshold=cut))


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    parts = []
    for host in ("a", "b"):
        value = 10 + rng.normal(0, 1, 400)
        value[[200, 201, 300]] += 30
        parts.append(pd.DataFrame({"time": pd.date_range(START, periods=400, freq="15s"), "cpu": value, "host": host}))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def scored(table: pd.DataFrame, config: Config) -> ScoredHistory:
    return score_frame(table, config, value="cpu", labels=["host"])


def test_every_sample_is_told_with_its_series(scored: ScoredHistory, table: pd.DataFrame) -> None:
    samples = scored.to_frame()
    assert scored.accounting.samples["scored"] == len(samples) == len(table)
    for host in ("a", "b"):
        own = samples[samples.series == f'cpu{{host="{host}"}}']
        assert own.value.tolist() == table[table.host == host].cpu.tolist()
        assert own.time.tolist() == table[table.host == host].time.tolist()
    assert samples.detector.unique().tolist() == ["simple"]


def test_samples_agree_with_the_anomalies_about_them(scored: ScoredHistory) -> None:
    samples, anomalies = scored.to_frame().set_index(["series", "time"]), scored.anomalies_frame()
    opened = anomalies[anomalies.phase == "opened"]
    assert len(opened) == 4
    for _, one in opened.iterrows():
        sample = samples.loc[(one.series, one.time)]
        assert sample.is_anomalous
        for field in ("value", "expected", "lower", "upper", "score", "tail_probability"):
            assert sample[field] == one[field]
        assert not sample.lower <= sample.value <= sample.upper


def test_normal_samples_mostly_lie_in_the_band(scored: ScoredHistory) -> None:
    ready = scored.to_frame().query("is_ready and not is_anomalous")
    assert ((ready.value >= ready.lower) & (ready.value <= ready.upper)).mean() > 0.99


def test_the_anomalies_are_those_of_the_same_history_in_a_file(
    scored: ScoredHistory, table: pd.DataFrame, config: Config, tmp_path: Path
) -> None:
    path = tmp_path / "cpu.csv"
    # The order of rows of one time decides the offsets, and with them the ids.
    table.sort_values("time", kind="stable").to_csv(path, index=False)
    history = open_history([path], HistoryOptions())
    source = config.topics[0]
    scorer = HistoryScorer(config, source, n_partitions=source.partitions, batch_size=7, config_hash=config_hash(config))
    expected = [anomaly.to_json() for chunk in scorer.score(history.entries()) for anomaly in chunk.anomalies]
    assert [anomaly.to_json() for anomaly in scored.anomalies] == expected
    again = score_entries(history.entries(), config)
    assert [anomaly.to_json() for anomaly in again.anomalies] == expected


@pytest.mark.parametrize("unit", ["seconds", "milliseconds", "text", "naive", "shuffled"])
def test_times_of_any_form_give_the_same(scored: ScoredHistory, table: pd.DataFrame, config: Config, unit: str) -> None:
    other = table.copy()
    if unit == "seconds":
        other["time"] = (table.time - pd.Timestamp(0, tz="UTC")) // pd.Timedelta("1s")
    elif unit == "milliseconds":
        other["time"] = (table.time - pd.Timestamp(0, tz="UTC")) // pd.Timedelta("1ms")
    elif unit == "text":
        other["time"] = table.time.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    elif unit == "naive":
        other["time"] = table.time.dt.tz_localize(None)
    else:
        by_host = [other[other.host == host].sample(frac=1.0, random_state=1) for host in ("a", "b")]
        other = pd.concat(by_host)
    found = score_frame(other, config, value="cpu", labels=["host"])
    pd.testing.assert_frame_equal(found.to_frame(), scored.to_frame())


def test_missing_values_are_left_out(table: pd.DataFrame, config: Config) -> None:
    other = table.copy()
    other.loc[5:9, "cpu"] = math.nan
    assert len(score_frame(other, config, value="cpu", labels=["host"]).to_frame()) == len(table) - 5


def test_log_lines(config: Config) -> None:
    source = LineSource({"service": "db"})
    start_ns = START.value
    lines = [LineEntry(start_ns + i * 10**9, source, f"query {i} took {i} ms", "INFO") for i in range(600)]
    scored = score_entries(lines, config, form="log_json")
    samples = scored.to_frame()
    assert (samples.value * 60).tolist() == [60.0] * 8
    assert scored.accounting.records["scored"] == 600


def test_nothing_gives_empty_tables(config: Config) -> None:
    scored = score_entries([], config)
    assert len(scored.to_frame("host")) == len(scored.anomalies_frame("host")) == 0
    assert scored.anomalies_frame().series.str.len().tolist() == []


def test_labels_as_columns(scored: ScoredHistory) -> None:
    samples, anomalies = scored.to_frame("host", "zone"), scored.anomalies_frame("host")
    assert samples.groupby("host").size().tolist() == [400, 400]
    assert set(samples.zone) == {""}
    assert anomalies[anomalies.phase == "opened"].host.tolist() == ["a", "b"] * 2


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda frame: frame.drop(columns="time"), "HISTORY_COLUMN", "expected a column 'time', found cpu, host"),
        (lambda frame: frame.assign(time="noon"), "HISTORY_TIME", "row 0: time: found 'noon'"),
        (lambda frame: frame.assign(time=frame.time.where(frame.index != 3)), "HISTORY_TIME", "row 3"),
        (lambda frame: frame.assign(cpu=math.inf), "HISTORY_VALUE", "found inf"),
    ],
)
def test_what_cannot_be_read_is_told(table: pd.DataFrame, config: Config, change: object, code: str, words: str) -> None:
    with pytest.raises(HistoryError, match=words) as caught:
        score_frame(change(table), config, value="cpu", labels=["host"])  # type: ignore[operator]
    assert caught.value.code == code


def test_a_topic_that_is_not_there_is_told(table: pd.DataFrame, config: Config) -> None:
    with pytest.raises(HistoryError, match=r"expected nope, found metrics \(metric_json\)"):
        score_frame(table, config, value="cpu", topic="nope")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"model": ModelSettings(type="linear_regression")},
            "linear_regression, which predicts one value",
        ),
        ({"model": ModelSettings(type="loda", parameters={"n_features": 3})}, "loda with 3 features"),
        ({"model": ModelSettings(type="loda"), "direction": "above"}, "direction: expected both, because loda"),
        ({"model": ModelSettings(type="loda", parameters={"n_bins": -1})}, "n_bins.*found -1"),
        ({"model": ModelSettings(type="lodda")}, "lodda"),
    ],
)
def test_a_detector_made_by_hand_is_checked_as_one_of_a_file(table: pd.DataFrame, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=f"detector wrong, .*{words}"):
        score_frame(table, default_config(DetectorSettings(name="wrong", **settings)), value="cpu", labels=["host"])
