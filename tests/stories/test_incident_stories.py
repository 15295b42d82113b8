"""Alert timelines: push at t, expect what is told."""

from __future__ import annotations

import pytest

from tests.stories.timeline import Timeline, at_ns, make_anomaly

P1 = {"severity": [{"name": "all", "severity": "P1"}]}
BROAD = {
    "severity": [
        {"name": "wide", "min_series": 3, "severity": "P0"},
        {"name": "rare", "max_tail_probability": 1e-9, "severity": "P1"},
        {"name": "rest", "severity": "P2"},
    ]
}


def test_one_series_opens_goes_on_clears_and_resolves_with_the_next_message() -> None:
    story = Timeline(P1)
    assert story.open("a", at=0) == ["0 firing P1 opened"]
    assert story.go_on("a", at=300) == ["1 updated P1 continued"]
    assert story.clear("a", at=320) == []
    # 60 s after the watermark of the clearing: another series' message shows that the time has passed.
    # (The clearing itself waited for update_min_secs, which is due at 360, before the resolution at 380.)
    assert story.open("b", at=500) == ["2 updated P1 cleared", "3 resolved P1 resolved", "0 firing P1 opened"]
    assert [event.time_ns for event in story.events[2:]] == [at_ns(360), at_ns(380), at_ns(500)]
    resolved = story.events[-2]
    assert resolved.ends_ns == at_ns(320)
    assert resolved.starts_ns == at_ns(0)
    assert story.events[-1].incident_id != resolved.incident_id


def test_a_quiet_group_resolves_by_the_clock_at_the_same_event_time_as_by_a_message() -> None:
    by_tick, by_message = Timeline(P1), Timeline(P1)
    for story in (by_tick, by_message):
        story.open("a", at=0)
        story.clear("a", at=100)
    assert by_tick.tick(at=159.999) == []
    assert by_tick.tick(at=160) == ["2 resolved P1 resolved"]
    by_message.open("b", at=1_000)
    assert by_tick.events == by_message.events[: len(by_tick.events)]
    assert by_tick.events[-1].type == "resolved"
    assert by_tick.events[-1].time_ns == at_ns(160)
    assert by_tick.tick(at=10_000) == []


def test_an_episode_before_the_resolution_rejoins_the_same_incident() -> None:
    story = Timeline(P1)
    story.open("a", at=0)
    story.clear("a", at=100)
    assert story.events[-1].n_series_open == 0
    assert story.open("a", at=159) == []
    assert story.tick(at=400) == ["2 updated P1 rejoined"]
    assert {event.incident_id for event in story.events} == {story.events[0].incident_id}
    assert story.events[-1].n_episodes == 2
    assert story.events[-1].n_series_open == 1


def test_updates_that_change_neither_severity_nor_verdict_wait() -> None:
    story = Timeline(P1)
    story.open("a", at=0)
    assert story.open("b", at=10) == []
    assert story.open("c", at=20) == []
    assert story.trail.count("throttled") == 2
    assert story.tick(at=59) == []
    assert story.tick(at=60) == ["1 updated P1 joined,joined"]
    assert story.events[-1].time_ns == at_ns(60)
    assert story.events[-1].n_series_open == 3


def test_breadth_raises_severity_at_once_and_it_stays_raised() -> None:
    story = Timeline(BROAD)
    assert story.open("a", at=0) == ["0 firing P2 opened"]
    assert story.open("b", at=1) == []
    assert story.open("c", at=2) == ["1 updated P0 joined,joined,severity_raised"]
    assert story.events[-1].rule == "wide"
    assert story.events[-1].previous_severity == "P2"
    for name in "abc":
        story.clear(name, at=30)
    assert story.tick(at=1_000) == ["2 updated P0 cleared,cleared,cleared", "3 resolved P0 resolved"]


def test_a_deeper_tail_raises_severity() -> None:
    story = Timeline(BROAD)
    story.open("a", at=0)
    assert story.go_on("a", at=5, peak_tail_probability=1e-12) == ["1 updated P1 continued,severity_raised"]
    assert story.events[-1].rule == "rare"


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        ("confirmed", ["1 updated P1 verdict_confirmed"]),
        ("unknown", ["1 updated P1 verdict_unknown"]),
        ("refuted", ["1 updated P2 verdict_refuted,severity_lowered"]),
    ],
)
def test_emit_then_update(outcome: str, told: list[str]) -> None:
    story = Timeline(P1)
    assert story.open("a", at=0, is_final=False) == ["0 firing P1 opened"]
    assert story.events[-1].verdicts["awaited"] == 1
    assert story.judge("a", outcome) == told
    assert story.events[-1].verdicts == {"confirmed": 0, "refuted": 0, "unknown": 0, "awaited": 0} | {outcome: 1}
    assert story.judge("a", outcome) == []


def test_confirmation_raises_where_the_policy_says_so() -> None:
    story = Timeline(P1, {"on_confirmed": "raise"})
    story.open("a", at=0, is_final=False)
    assert story.judge("a", "confirmed") == ["1 updated P0 verdict_confirmed,severity_raised"]


def test_a_refutation_of_one_of_two_leaves_the_severity() -> None:
    story = Timeline(P1)
    story.open("a", at=0, is_final=False)
    story.open("b", at=0, is_final=False)
    assert story.judge("a", "refuted") == ["1 updated P1 joined,verdict_refuted"]
    assert story.judge("b", "refuted") == ["2 updated P2 verdict_refuted,severity_lowered"]


def test_a_held_refutation_mutes_without_a_word_and_says_why() -> None:
    story = Timeline(P1, {"on_refuted": "mute"})
    assert story.open("a", at=0, verdict="refuted") == []
    assert story.state is not None
    assert story.state.status == "pending"
    assert "refuted_muted" in story.trail
    assert story.go_on("a", at=300) == []
    assert story.clear("a", at=400) == []
    assert story.state.is_idle
    assert story.events == []


def test_a_later_unrefuted_suspicion_opens_the_muted_incident_for_itself_only() -> None:
    story = Timeline(P1, {"on_refuted": "mute"})
    story.open("a", at=0, verdict="refuted")
    assert story.open("b", at=10, verdict="unknown") == ["0 firing P1 opened,verdict_unknown"]
    assert [one.series.name for one in story.events[0].series] == ["tps_b"]
    story.clear("b", at=20)
    # The muted series still goes on, and keeps nothing alive.
    assert story.tick(at=200) == ["1 updated P1 cleared", "2 resolved P1 resolved"]


def test_a_confirmed_suspicion_unmutes_the_group() -> None:
    story = Timeline(P1, {"on_refuted": "mute"})
    story.open("a", at=0, verdict="refuted")
    (told,) = story.open("b", at=10, verdict="confirmed")
    assert told.startswith("0 firing P1")
    assert "unmuted_confirmed" in told
    assert {one.series.name: one.severity for one in story.events[0].series} == {"tps_a": "P2", "tps_b": "P1"}
    # And from now on a refutation is outvoted.
    assert "refuted_muted" not in story.open("c", at=11, verdict="refuted")
    assert story.state is not None
    assert not any(episode.is_muted for episode in story.state.episodes)


def test_breadth_that_a_rule_asks_for_unmutes() -> None:
    story = Timeline(BROAD, {"on_refuted": "mute"})
    assert story.open("a", at=0, verdict="refuted") == []
    assert story.open("b", at=1, verdict="refuted") == []
    (told,) = story.open("c", at=2, verdict="refuted")
    assert told.startswith("0 firing P1")
    assert "unmuted_widened" in told
    assert story.events[0].n_series_open == 3
    assert story.events[0].rule == "wide"


def test_a_refutation_after_the_alert_withdraws_it() -> None:
    story = Timeline(P1, {"on_refuted": "mute"})
    story.open("a", at=0, is_final=False)
    assert story.judge("a", "refuted") == ["1 resolved P1 withdrawn"]
    assert story.go_on("a", at=300) == []
    assert story.open("b", at=310, verdict="confirmed")[0].startswith("0 firing P1")
    assert story.events[-1].incident_id != story.events[0].incident_id
    assert story.events[-1].n_series_open == 2


def test_silence_of_the_source_ends_an_incident_as_stale() -> None:
    story = Timeline(P1)
    story.open("a", at=0)
    assert story.tick(at=3_599) == []
    assert story.tick(at=3_600) == ["1 resolved P1 stale"]
    assert story.state is not None
    assert story.state.is_idle
    # Heard of again: a new incident.
    assert story.go_on("a", at=4_000) == ["0 firing P1 opened"]
    assert story.events[-1].incident_id != story.events[0].incident_id
    assert story.clear("a", at=4_001) == []


def test_a_new_template_is_momentary() -> None:
    story = Timeline()
    nan = float("nan")
    fields = {"value": nan, "expected": nan, "lower": nan, "upper": nan, "tail_probability": nan, "peak_tail_probability": nan}
    assert story.open("a", at=0, kind="new_template", example="panic: x", **fields) == ["0 firing P3 opened"]
    assert "never seen before" in story.events[0].title
    assert story.tick(at=60) == ["1 resolved P3 resolved"]


def test_an_absence_resolves_when_the_series_is_back() -> None:
    story = Timeline()
    story.open("a", at=0, kind="absence")
    assert "silent" in story.events[0].title
    story.clear("a", at=50)
    assert story.tick(at=110) == ["1 updated P3 cleared", "2 resolved P3 resolved"]


def test_a_clear_of_an_unknown_episode_says_so() -> None:
    story = Timeline()
    story.open("a", at=0)
    story._opened["z"] = make_anomaly("z", 0, 77)
    assert story.clear("z", at=5) == []
    assert story.trail[-1] == "unknown_episode"


def test_resolve_after_zero_resolves_with_the_clearing() -> None:
    story = Timeline({"incident": {"resolve_after_secs": 0.0}})
    story.open("a", at=0)
    assert story.clear("a", at=9) == ["1 resolved P3 cleared,resolved"]


def test_title_tells_how_bad_where_what_and_since_when() -> None:
    story = Timeline(P1)
    for name in "abc":
        story.open(name, at=0)
    story.go_on("a", at=120)
    assert (
        story.events[-1].title
        == "P1 application us-east-1: tps_a and 2 more metrics 3 series above band for 2 min (peak 1 in 10 million)"
    )


def test_the_end_of_a_momentary_episode_after_its_incident_opens_nothing() -> None:
    story = Timeline()
    story.open("a", at=0, kind="new_template")
    assert story.clear("a", at=60) == ["1 resolved P3 resolved"]
    assert story.trail[-1] == "unknown_episode"
