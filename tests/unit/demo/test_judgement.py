"""Caught, missed and false: the arithmetic of the summary."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import orjson
from rich.console import Console

from pipeline.alerts.episode import AlertSeries
from pipeline.alerts.event import AlertEvent
from pipeline.demo.feed import FeedPhase
from pipeline.demo.judgement import Expectation, Judgement, judge
from pipeline.demo.network import SeriesMatch, series
from pipeline.demo.picture import Picture
from pipeline.demo.probe import WorkerState
from pipeline.demo.snapshot import RunSnapshot
from pipeline.demo.summary import RunSummary, draw_summary

SEC = 1_000_000_000
T0 = 1_795_000_000 * SEC
CPU = series("cpu", region="eu", node="n1")
DISK = series("disk", region="eu", node="n1")


def shown(labels: Any, started_secs: float, episode_id: str = "e1") -> AlertSeries:
    return AlertSeries(
        episode_id=episode_id,
        series=labels,
        topic="t",
        detector="d",
        category="infrastructure",
        model="m",
        kind="point",
        started_ns=T0 + round(started_secs * SEC),
        last_ns=T0 + round(started_secs * SEC),
        ended_ns=None,
        value=1.0,
        expected=0.0,
        lower=0.0,
        upper=0.5,
        score=9.0,
        tail_probability=1e-9,
        peak_tail_probability=1e-9,
        n_anomalous=1,
        severity="P2",
        rule=None,
        verdict=None,
        context_time_ns=(),
        context_value=(),
        explanation="",
        example="",
        runbook=None,
    )


def event(at_secs: float, *series_shown: AlertSeries, incident: str = "i1", sequence: int = 0, **changes: Any) -> AlertEvent:
    base = AlertEvent(
        type="firing",
        source="/s",
        incident_id=incident,
        sequence=sequence,
        time_ns=T0 + round(at_secs * SEC),
        severity="P2",
        previous_severity=None,
        category="infrastructure",
        region="eu",
        group="g",
        labels={},
        title="title",
        explanation="",
        starts_ns=T0,
        ends_ns=None,
        series=series_shown,
        n_series_open=1,
        n_episodes=1,
        n_anomalies=1,
        anomaly_ids=(),
        verdicts={},
        rule=None,
        runbook=None,
        reasons=(),
        config_hash="c",
    )
    return replace(base, **changes)


EXPECTED = Expectation("x", "cpu burns", "eu", "infrastructure", (SeriesMatch("cpu"),), T0 + 100 * SEC, T0 + 200 * SEC)


def verdict(*events: AlertEvent, expected: tuple[Expectation, ...] = (EXPECTED,)) -> Judgement:
    return judge(expected, events, slack_secs=30.0, grace_secs=60.0)


def test_caught_by_the_first_event_that_shows_an_affected_series() -> None:
    result = verdict(
        event(160, shown(CPU, 120), sequence=1, type="updated", severity="P1", previous_severity="P2"),
        event(130, shown(DISK, 120, "e0"), shown(CPU, 120)),
    )
    (outcome,) = result.outcomes
    assert outcome.delay_secs == 30.0
    assert outcome.event_id == "i1-0"
    assert (outcome.first_severity, outcome.worst_severity) == ("P2", "P1")
    assert outcome.series == CPU
    assert outcome.has_category
    assert (result.n_caught, result.n_incidents, len(result.false_alerts)) == (1, 1, 0)
    assert (result.n_episodes, result.n_false_episodes) == (2, 1)


def test_what_does_not_count_as_caught() -> None:
    for told in (
        event(150, shown(DISK, 140)),  # another series
        event(90, shown(CPU, 90)),  # before
        event(261, shown(CPU, 150)),  # after the grace
        event(150, shown(CPU, 60)),  # its episode began long before
        event(150, shown(CPU, 140), type="resolved"),
    ):
        (outcome,) = verdict(told).outcomes
        assert outcome.caught_ns is None
        assert outcome.delay_secs is None


def test_a_silence_is_dated_from_the_sample_before_it() -> None:
    (outcome,) = verdict(event(170, shown(CPU, 85))).outcomes
    assert outcome.delay_secs == 70.0


def test_late_within_grace_is_caught_and_other_category_is_noted() -> None:
    (outcome,) = verdict(event(259, shown(CPU, 150), category="application")).outcomes
    assert outcome.delay_secs == 159.0
    assert not outcome.has_category


def test_incidents_about_nothing_are_false_and_keep_their_worst_title() -> None:
    result = verdict(
        event(10, shown(DISK, 5, "e1"), incident="a", starts_ns=T0 + 5 * SEC),
        event(20, shown(DISK, 5, "e1"), incident="a", sequence=1, severity="P0", title="worse", starts_ns=T0 + 5 * SEC),
        event(130, shown(CPU, 120, "e2"), incident="b"),
        event(1, shown(DISK, 1, "e3"), incident="c", starts_ns=T0 + SEC),
    )
    assert [(alert.incident_id, alert.severity, alert.title) for alert in result.false_alerts] == [
        ("c", "P2", "title"),
        ("a", "P0", "worse"),
    ]
    assert (result.n_incidents, result.n_episodes, result.n_false_episodes) == (3, 3, 2)


def test_an_event_seen_twice_counts_once() -> None:
    told = event(130, shown(CPU, 120))
    assert verdict(told, told) == verdict(told)


def summary(**changes: Any) -> RunSummary:
    events = (
        event(130, shown(CPU, 120), incident="b"),
        event(140, shown(CPU, 120), incident="b", sequence=1, severity="P1"),
        event(1, shown(DISK, 1, "e3"), incident="c", severity="P3"),
    )
    base = RunSummary(
        seed=1,
        elapsed_secs=90.0,
        n_written=10,
        worker=WorkerState(True, {"scored": 7, "late": 1, "dead_lettered": 2}),
        n_anomalies=4,
        n_dead_letters=2,
        events=events,
        simulated=verdict(*events),
        recorded_metrics=verdict(expected=()),
        recorded_logs=verdict(expected=()),
        lag_secs=(0.5, 0.1, 0.3),
        is_complete=True,
    )
    return replace(base, **changes)


def test_summary_adds_up() -> None:
    good = summary()
    assert good.adds_up
    assert not summary(n_written=11).adds_up
    assert not summary(worker=None).adds_up
    assert good.n_by_severity() == {"P1": 1, "P3": 1}
    fields = orjson.loads(orjson.dumps(good.to_dict()))
    assert fields["records_by_outcome"] == {"scored": 7, "late": 1, "dead_lettered": 2}
    assert fields["median_wall_lag_secs"] == 0.3
    assert fields["median_delay_secs"] == 30.0
    assert fields["simulated"]["false_alert_incidents"] == 1
    assert fields["simulated"]["incidents"][0]["is_caught"] is True


def text_of(one: RunSummary) -> str:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(draw_summary(one))
    return console.export_text()


def test_summary_text_says_what_was_missed_and_what_does_not_add_up() -> None:
    text = text_of(summary())
    assert "1 of 1 scheduled incidents caught, half of them within 30 s" in text
    assert "7 scored + 1 late + 2 dead lettered: adds up" in text
    assert "1 of 2 alert incidents on simulated series are about nothing scheduled" in text
    missed = text_of(summary(events=(), simulated=verdict(), n_written=12, is_complete=False, n_not_played=4))
    assert "missed" in missed
    assert "0 of 1 scheduled incidents caught" in missed
    assert "DOES NOT ADD UP" in missed
    assert "ended early: 4 further incidents" in missed


def test_summary_text_of_recorded_data() -> None:
    marked = verdict(event(130, shown(CPU, 120), incident="r"), event(1, shown(DISK, 1, "e3"), incident="s"))
    logs = verdict(event(1, shown(DISK, 1, "e3"), incident="s"), expected=())
    text = text_of(summary(recorded_metrics=marked, recorded_logs=logs))
    assert "recorded data: 1 of 1 windows that people marked in its metrics alerted; 1 of 2 alert incidents" in text
    assert "1 in its logs" in text
    assert "recorded data" not in text_of(summary())


def test_the_picture_is_the_fullest_moment_and_fetches_nothing(tmp_path: Path) -> None:
    picture = Picture()
    assert picture.draw() == ""
    few, many = (event(1, incident="a"),), (event(1, incident="a"), event(1, incident="b", title="the second"))
    for phase, still_open in ((FeedPhase.LIVE, many), (FeedPhase.LIVE, few), (FeedPhase.DONE, many * 3)):
        picture.look(RunSnapshot("b:1", "x", 3.0, phase, 0, 60.0, 10, 0.0, None, 0, 0, 0, (), still_open, ()))
    picture.save(tmp_path / "one.svg")
    text = (tmp_path / "one.svg").read_text()
    assert "the&#160;second" in text
    assert ElementTree.fromstring(text).tag.endswith("svg")
    assert "url(http" not in text
