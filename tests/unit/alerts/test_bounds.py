"""A storm does not grow the state without end, and what was forgotten does not come back as news."""

from __future__ import annotations

from dataclasses import replace

from pipeline.alerts.incident import apply
from pipeline.alerts.policy import AlertPolicy
from pipeline.alerts.state import MAX_ANOMALY_IDS, MAX_CLOSED, MAX_TRACKED, MAX_TRAIL, IncidentState
from pipeline.config.schema import AlertSettings, CrosscheckSettings
from pipeline.crosscheck.base import CheckedAnomaly
from tests.stories.timeline import Timeline, at_ns, make_anomaly, make_verdict


def test_a_storm_of_series_stays_bounded_and_is_counted() -> None:
    story = Timeline({"incident": {"update_min_secs": 1e9}})
    for i in range(MAX_TRACKED + 100):
        story.open(f"s{i}", at=i * 0.01)
    state = story.state
    assert state is not None
    assert len(state.episodes) == MAX_TRACKED
    assert state.n_episodes == MAX_TRACKED + 100
    assert len(state.anomaly_ids) == MAX_ANOMALY_IDS
    assert len(state.trail) == MAX_TRAIL
    assert sum(bool(episode.facts.context_time_ns) for episode in state.episodes) == 50
    assert "untracked" in {reason.code for reason in state.trail}
    assert len(state.to_json()) < 400_000
    story.tick(at=1e9 + 1)
    assert [(event.type, event.n_series_open) for event in story.events[1:]] == [("updated", MAX_TRACKED), ("resolved", 0)]
    assert all(len(event.series) <= 50 for event in story.events)


def test_ended_episodes_make_way_without_lowering_the_severity() -> None:
    story = Timeline({"severity": [{"name": "first", "match": {"name": "tps_s0"}, "severity": "P0"}]})
    for i in range(MAX_TRACKED + 5):
        story.open(f"s{i}", at=i)
        story.clear(f"s{i}", at=i)
    state = story.state
    assert state is not None
    assert len(state.episodes) <= MAX_TRACKED
    assert state.find(story.messages[0].anomaly.id) is None
    assert state.severity == "P0"
    assert {event.severity for event in story.events} == {"P0"}


def test_a_flapping_series_takes_one_place() -> None:
    story = Timeline()
    for i in range(50):
        story.open("a", at=2 * i)
        story.clear("a", at=2 * i + 1)
    assert story.state is not None
    assert len(story.state.episodes) == 1
    assert story.state.n_episodes == 50
    assert len({event.incident_id for event in story.events}) == 1


def test_muted_episodes_make_way_for_a_suspicion_that_counts() -> None:
    story = Timeline(crosscheck={"on_refuted": "mute"})
    for i in range(MAX_TRACKED):
        assert story.open(f"s{i}", at=i, verdict="refuted") == []
    assert story.open("true", at=999, verdict="unknown")[0].startswith("0 firing")


def test_a_replay_of_more_than_is_remembered_opens_nothing_again() -> None:
    story = Timeline({"incident": {"resolve_after_secs": 0.0}})
    for i in range(MAX_CLOSED + 100):
        story.open(f"s{i}", at=i)
        story.clear(f"s{i}", at=i + 0.5)
    assert story.state is not None
    assert len(story.state.closed) == MAX_CLOSED
    n_events = len(story.events)
    for message in list(story.messages):
        story.push(message)
    assert len(story.events) == n_events
    assert "replayed" in story.trail


def test_a_source_topic_created_anew_is_not_taken_for_a_replay() -> None:
    story = Timeline({"incident": {"resolve_after_secs": 0.0}})
    for i in range(MAX_CLOSED + 100):
        story.open(f"s{i}", at=i)
        story.clear(f"s{i}", at=i + 0.5)
    fresh = make_anomaly("new", at=10_000, offset=0)
    assert story.push(CheckedAnomaly(fresh, None, True))[0].startswith("0 firing")


def test_apply_leaves_its_input_alone() -> None:
    policy = AlertPolicy(AlertSettings(), CrosscheckSettings(on_refuted="mute"), "us-east-1")
    opened = CheckedAnomaly(make_anomaly("a", 0, 1), None, False)
    state, _ = apply(None, opened, now_ns=at_ns(0), offset=0, policy=policy)
    before = state.to_json()
    for verdict in ("confirmed", "refuted", "unknown"):
        apply(state, replace(opened, verdict=make_verdict(verdict), is_final=True), now_ns=at_ns(1), offset=1, policy=policy)
        assert state.to_json() == before
    assert IncidentState.from_json(before) == state
