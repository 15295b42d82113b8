"""The lane, story by story."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.clock import NS_PER_SEC
from pipeline.codecs.record import RecordBatch
from pipeline.config.schema import (
    Config,
    DetectorSettings,
    EpisodeSettings,
    FixedThreshold,
    Match,
    ModelSettings,
    SeriesSettings,
    SourceTopic,
)
from pipeline.engine.accounting import Accounting
from pipeline.engine.anomaly import Anomaly
from pipeline.engine.dead_letter import DeadLetter
from pipeline.engine.lane import Lane
from pipeline.engine.report import Reporter
from pipeline.engine.series_flow import SeriesFlow
from pipeline.samples.batch import SampleBatch

START = 1_700_000_000


class Story:
    """A lane that is told samples at seconds, and what it said."""

    def __init__(self, *, max_series: int = 100, evict_after_secs: float = 10_000.0, name: str = "*") -> None:
        self.config = Config(
            version=1,
            topics=[SourceTopic(name="m", kind="metrics", format="metric_json", future_secs=300.0)],
            series=SeriesSettings(
                max_per_partition=max_series,
                evict_after_secs=evict_after_secs,
                silence_min_samples=5,
                silence_min_secs=30.0,
                context_samples=8,
            ),
            detectors=[
                DetectorSettings(
                    name="all",
                    match=Match(name=name),
                    model=ModelSettings(type="gaussian_scorer", parameters={"grace_period": 5}),
                    threshold=FixedThreshold(type="fixed", score=0.99999),
                    episode=EpisodeSettings(clear_after_samples=3),
                    runbook="https://runbooks.test/all",
                )
            ],
        )
        self.lane = Lane(self.config, self.config.topics[0], 0, config_hash="c0ffee")
        self.offset = 0
        self.said: list[Anomaly] = []
        self.dead: list[DeadLetter] = []

    def send(self, name: str, secs: float, value: float = 0.0, *, ahead_secs: float = 0.0) -> list[str]:
        """Send one sample; what the lane said to it."""
        ts = round((START + secs) * 1000)
        record = b'{"name":"%s","ts":%d,"value":%r}' % (name.encode(), ts, value)
        rows = [(self.offset, ts - round(ahead_secs * 1000), b"key", record)]
        self.offset += 1
        output = self.lane.process(RecordBatch.from_rows("m", 0, rows))
        self.said += output.anomalies
        self.dead += output.dead_letters
        return [f"{one.kind} {one.phase} {one.series}" for one in output.anomalies]

    def hum(self, name: str, start: float, stop: float, every: float = 10.0) -> list[str]:
        """Ordinary samples at a fixed interval; what the lane said to them."""
        said = []
        for i, secs in enumerate(np.arange(start, stop, every).tolist()):
            said += self.send(name, secs, math.sin(i))
        return said


def test_a_spike_is_opened_explained_and_cleared() -> None:
    story = Story()
    assert story.hum("cpu", 0, 300) == []
    assert story.send("cpu", 300, 50.0) == ["point opened cpu"]
    assert story.hum("cpu", 310, 360) == ["point cleared cpu"]
    opened, cleared = story.said
    assert opened.id == opened.episode_id == cleared.episode_id != cleared.id
    assert (opened.offset, opened.position, opened.value) == (30, 0, 50.0)
    assert opened.event_time_ns == opened.started_ns == cleared.started_ns == (START + 300) * NS_PER_SEC
    assert opened.lower < opened.expected < opened.upper < 50.0
    assert opened.context_value[-1] == 50.0
    assert opened.context_time_ns == tuple((START + 230 + 10 * i) * NS_PER_SEC for i in range(8))
    assert (opened.detector, opened.model, opened.config_hash) == ("all", "gaussian_scorer", "c0ffee")
    assert opened.runbook == "https://runbooks.test/all"
    assert opened.explanation.startswith("cpu is 50, 49.96 above the expected 0.04227 (band -3.08")
    assert cleared.n_anomalous == 1
    assert story.lane.accounting.anomalous == {"reported": 1, "folded": 0, "direction": 0}


def test_a_model_that_tells_what_its_score_is_made_of_is_quoted() -> None:
    source = SourceTopic(name="m", kind="metrics", format="metric_json")
    config = Config(version=1, topics=[source], detectors=[DetectorSettings(name="all")])
    lane = Lane(config, source, 0, config_hash="h")
    values = np.random.default_rng(1).normal(10.0, 1.0, 3_000)
    values[-1] = 60.0
    rows = [
        (i, (START + 60 * i) * 1000, None, b'{"name":"cpu","ts":%d,"value":%r}' % (START + 60 * i, value))
        for i, value in enumerate(values.tolist())
    ]
    (anomaly,) = [one for one in lane.process(RecordBatch.from_rows("m", 0, rows)).anomalies if one.offset == 2_999]
    shares = dict(anomaly.contributors)
    assert len(shares) > 1
    assert sum(shares.values()) == pytest.approx(1.0)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)


def test_silence_is_raised_once_and_cleared_by_the_next_sample() -> None:
    story = Story()
    story.hum("cpu", 0, 100)
    story.hum("mem", 5, 100)
    assert story.hum("mem", 105, 400) == ["absence opened cpu"]
    assert story.lane.coverage.n_silent == 1
    assert story.send("cpu", 401) == ["absence cleared cpu"]
    opened, cleared = story.said
    assert opened.episode_id == opened.id == cleared.episode_id
    assert opened.started_ns == cleared.started_ns == (START + 90) * NS_PER_SEC
    assert opened.event_time_ns == story.said[0].event_time_ns > (START + 150) * NS_PER_SEC
    assert math.isnan(opened.value)
    assert opened.context_time_ns[-1] == (START + 90) * NS_PER_SEC
    assert "usually sends a sample every 10 s. Its last value was 0.41" in opened.explanation
    assert "heard again after 5 min 11 s" in cleared.explanation
    assert story.lane.coverage.n_silent == 0


def test_a_pause_of_all_producers_raises_no_storm() -> None:
    story = Story()
    for i in range(20):
        story.hum(f"m{i}", 0, 100)
    said = [text for i in range(20) for text in story.send(f"m{i}", 3_600 + i * 0.1)]
    assert said == []


def test_a_clock_that_is_wrong_moves_nothing() -> None:
    story = Story()
    story.hum("cpu", 0, 100)
    before = story.lane.watermark_ns
    assert story.send("cpu", 10**8, ahead_secs=10**8) == []
    (letter,) = story.dead
    assert (letter.code, letter.stage, letter.offset, letter.key) == ("TIME_FUTURE", "extract", 10, b"key")
    assert "expected at most 5 min" in letter.message
    assert story.lane.watermark_ns == before
    assert story.send("cpu", 100, ahead_secs=300) == []
    assert len(story.dead) == 1
    assert story.lane.accounting.samples["dead_lettered"] == 1


def test_the_ceiling_refuses_new_series_until_old_ones_are_forgotten() -> None:
    story = Story(max_series=2, evict_after_secs=100.0)
    story.send("a", 0)
    story.send("b", 0)
    story.send("c", 50)
    assert story.lane.accounting.to_dict()["reasons"] == {"filtered": {"ceiling": 1}}
    # Nothing but refused samples comes; their time passes all the same.
    story.send("c", 101)
    story.send("c", 102)
    assert story.lane.accounting.records["scored"] == 3
    coverage = story.lane.coverage
    assert (coverage.n_series, coverage.n_evicted_total) == (1, 2)


def test_what_is_open_about_a_series_that_is_forgotten_is_closed() -> None:
    story = Story(evict_after_secs=500.0)
    story.hum("cpu", 0, 300)
    story.send("cpu", 300, 50.0)
    said = story.hum("mem", 301, 1_000)
    assert said == ["absence opened cpu", "point cleared cpu", "absence cleared cpu"]
    point, absence = story.said[-2:]
    assert point.episode_id == story.said[0].id
    assert absence.episode_id == story.said[1].id
    assert "evicted after 8 min" in point.explanation
    assert "evicted after 8 min" in absence.explanation
    assert point.context_value[-1] == 50.0


def test_a_slot_that_is_used_again_knows_nothing_of_who_had_it() -> None:
    story = Story(max_series=1, evict_after_secs=100.0)
    story.hum("old", 0, 300)
    story.send("old", 300, 50.0)
    story.send("refused", 405)
    fresh = Story(max_series=1)
    for one in (story, fresh):
        one.said.clear()
        one.hum("new", 500, 800)
        one.send("new", 800, 5.0)
    (reused,), (first,) = story.said, fresh.said
    told = [{k: v for k, v in one.to_dict().items() if k not in ("id", "episode_id", "source")} for one in (reused, first)]
    assert told[0] == told[1]
    assert story.lane.coverage.n_evicted_total == 1


def test_a_series_that_no_detector_is_for_is_counted_and_never_silent() -> None:
    story = Story(name="cpu")
    story.hum("nobody", 0, 100)
    assert story.hum("cpu", 0, 1_000) == []
    assert story.lane.accounting.to_dict()["reasons"] == {"filtered": {"no_detector": 10}}
    assert story.lane.coverage[:3] == (2, 1, 0)


def test_a_warming_series_is_not_called_ready() -> None:
    story = Story()
    story.hum("cpu", 0, 50)
    assert story.lane.coverage[:3] == (1, 0, 1)
    story.hum("cpu", 50, 100)
    assert story.lane.coverage[:3] == (1, 1, 0)


def test_an_empty_batch_moves_the_offset_and_nothing_else() -> None:
    story = Story()
    output = story.lane.process(RecordBatch.from_rows("m", 0, [], next_offset=17))
    assert output == ([], [])
    assert story.lane.next_offset == 17
    assert story.lane.accounting.consumed == 0


def flow_of(seed: int, cuts: list[int]) -> tuple[list[bytes], Accounting, list[tuple[int, int]]]:
    """Records with several samples each through a flow, cut before the records of the given numbers."""
    config = Story(max_series=4, evict_after_secs=120.0).config
    flow = SeriesFlow(config, config.topics[0], Reporter("m", 0, "h"))
    accounting = Accounting()
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 6, 300)
    row = np.repeat(np.arange(300), counts)
    position = np.concatenate([np.arange(n) for n in counts])
    times = (START + np.repeat(np.cumsum(rng.choice([1, 4, 30], 300)), counts)) * NS_PER_SEC + rng.integers(0, 8, row.size)
    keys = [f"s{i}" for i in rng.integers(0, 7, row.size)]
    value = rng.standard_t(2, row.size)
    published: list[bytes] = []
    places: list[tuple[int, int]] = []
    edges = np.searchsorted(row, sorted({0, 300, *cuts}))
    for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        part = slice(start, stop)
        samples = SampleBatch(
            flow.index.find_slots(keys[part]), times[part], value[part], row[part] + 5, position[part], row[part]
        )
        taken = flow.take(samples, keys[part], lambda key: {"__name__": str(key)}, 0, stop - start, accounting)
        published += [ranked.anomaly.to_json() for ranked in taken.anomalies]
        places += [(ranked.offset, ranked.position) for ranked in taken.anomalies]
    return published, accounting, places


@pytest.mark.parametrize("seed", range(5))
def test_records_of_several_samples_are_no_exception(seed: int, luck: int) -> None:
    seed += luck
    by_one, accounting_one, places = flow_of(seed, list(range(300)))
    by_cut, accounting_cut, _ = flow_of(seed, [17, 18, 100, 250])
    whole, accounting_whole, _ = flow_of(seed, [])
    assert by_one
    assert by_one == by_cut == whole
    assert accounting_one.to_dict() == accounting_cut.to_dict() == accounting_whole.to_dict()
    assert places == sorted(places)
