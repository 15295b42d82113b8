"""The live view of any moment."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from pipeline.demo.feed import FeedPhase
from pipeline.demo.judgement import Outcome, expect_incidents
from pipeline.demo.probe import WorkerState, parse_metrics
from pipeline.demo.screen import draw_line, draw_screen
from pipeline.demo.simulation import Simulation
from pipeline.demo.snapshot import RunSnapshot
from pipeline.demo.timeline import Timeline
from pipeline.samples.labels import LabelSet
from pipeline.telemetry.metrics import Metrics
from tests.stories.timeline import make_anomaly

TIMELINE = Timeline()
EXPECTED = expect_incidents(Simulation(7, Timeline(history_secs=15.0)).incidents, TIMELINE, 0)
ANOMALY = make_anomaly(
    "dag",
    event_time_ns=TIMELINE.live_start_ns,
    started_ns=TIMELINE.live_start_ns,
    series=LabelSet({"__name__": "dag_tx_rate", "region": "us-east-1"}),
    category="business",
    value=480.0,
    expected=1200.0,
    lower=1050.0,
    upper=1330.0,
    context_time_ns=(1, 2, 3),
    context_value=(1200.0, 1180.0, 480.0),
)


def snapshot(phase: FeedPhase, event_time_ns: int, outcomes: tuple[Outcome, ...], worker: WorkerState | None) -> RunSnapshot:
    return RunSnapshot(
        "127.0.0.1:9092", "live", 12.0, phase, event_time_ns, 60.0, 1234, 500.0, worker, 1, 0, 0, (ANOMALY,), (), outcomes
    )


def draw(one: RunSnapshot, width: int = 150, height: int = 40) -> str:
    console = Console(width=width, height=height, file=io.StringIO(), record=True, force_terminal=True)
    console.print(draw_screen(one))
    return console.export_text()


def test_what_a_moment_shows() -> None:
    worker = WorkerState(True, {"scored": 1200, "late": 3}, 7, {"ready": 70, "warming": 5}, {"P1": 0})
    caught = Outcome(EXPECTED[0], caught_ns=EXPECTED[0].start_ns + 45_000_000_000, worst_severity="P1")
    outcomes = (caught, *(Outcome(one) for one in EXPECTED[1:]))
    running = EXPECTED[1]
    text = draw(snapshot(FeedPhase.LIVE, running.start_ns + 1, outcomes, worker))
    assert re.search(rf"✓ {EXPECTED[0].title} +45 s P1 {EXPECTED[0].region}", text)
    assert f"● {running.title}" in text
    assert f"· {EXPECTED[-1].title}" in text
    assert "1,200" in text
    assert "series warming" in text
    assert "1050 .. 1330" in text
    assert "██▁" in text or "█▇▁" in text or "█▁" in text
    missed = draw(snapshot(FeedPhase.DONE, EXPECTED[-1].end_ns + 1, tuple(Outcome(one) for one in EXPECTED), worker))
    assert missed.count("✗") == len(EXPECTED)


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (300, 100)])
def test_any_terminal_and_any_beginning(size: tuple[int, int]) -> None:
    text = draw(snapshot(FeedPhase.HISTORY, 0, tuple(Outcome(one) for one in EXPECTED), None), *size)
    assert "Streamwarden" in text
    assert "✗" not in text


def test_the_plain_line() -> None:
    worker = WorkerState(True, {"scored": 1200}, 7)
    line = draw_line(snapshot(FeedPhase.LIVE, 0, tuple(Outcome(one) for one in EXPECTED), worker))
    assert line == "  12 s  live: 1,234 written, 1,200 read, lag 7, 1 anomalies, 0 alert events, 0 incidents open, 0 of 11 caught"


def test_metrics_of_the_worker_read_back() -> None:
    metrics = Metrics()
    metrics.count("records_total", 5, topic="m", outcome="scored")
    metrics.count("records_total", 2, topic="l", outcome="scored")
    metrics.count("records_total", 1, topic="l", outcome="dead_lettered")
    metrics.show("lag_records", 4, topic="m", partition="0")
    metrics.show("series", 9, topic="m", state="ready")
    metrics.show_incidents({"P1": 2})
    metrics.count("scoring_cpu_seconds_total", 0.25, topic="m")
    state = parse_metrics(metrics.render().decode(), is_ready=True)
    assert state.n_by_outcome == {"dead_lettered": 1, "scored": 7}
    assert (state.n_records, state.lag_records, state.n_series_by_state) == (8, 4, {"ready": 9})
    assert state.n_open_by_severity == {"P0": 0, "P1": 2, "P2": 0, "P3": 0}
    assert state.scoring_cpu_secs == 0.25
