"""`explain` says why an anomaly alerted and why another did not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.alerts.explain import Trace, explain
from pipeline.errors import ConfigError, StreamwardenError
from tests.stories.timeline import Timeline, make_anomaly

P1 = {"severity": [{"name": "all", "severity": "P1"}]}


def ask(story: Timeline, any_id: str) -> Trace:
    assert story.state is not None
    anomalies = [message.anomaly for message in story.messages]
    return explain(any_id, anomalies=anomalies, checked=story.messages, alerts=story.events, incidents=[story.state])


def test_an_alert_is_traced_from_the_sample_to_the_resolution() -> None:
    story = Timeline(P1)
    story.open("a", at=0, is_final=False)
    story.judge("a", "refuted")
    story.go_on("a", at=100)
    story.clear("a", at=200)
    story.tick(at=1_000)
    opening = story.messages[0].anomaly
    for any_id, kind in (
        (opening.id[:8], "episode"),
        (story.events[0].incident_id, "incident"),
        (story.messages[2].anomaly.id, "anomaly"),
    ):
        trace = ask(story, any_id)
        assert trace.kind == kind
        assert trace.conclusion.startswith("It alerted: incident " + story.events[0].incident_id)
        assert "A refutation lowered its severity." in trace.conclusion
        text = trace.render()
        for expected in (
            "point opened by detector dag",
            "emit_then_update",
            "cross-check fake: refuted",
            "severity_lowered",
            "ALERT firing",
            "ALERT resolved",
        ):
            assert expected in text
        assert "3 anomalous samples before it were folded" in text
        assert list(trace.steps) == sorted(trace.steps, key=lambda step: step[0])


def test_a_muted_suspicion_says_that_a_refutation_muted_it() -> None:
    story = Timeline(P1, {"on_refuted": "mute"})
    story.open("a", at=0, verdict="refuted")
    trace = ask(story, story.messages[0].anomaly.id)
    assert trace.conclusion == "It did not alert (refuted_muted): A refutation muted the suspicion: it raises no alert."
    assert "held until then" in trace.render()
    # The incident that never spoke has an id too.
    assert story.state is not None
    assert ask(story, story.state.incident_id).conclusion.startswith("It did not alert (refuted_muted)")


def test_a_throttled_change_is_named() -> None:
    story = Timeline(P1)
    story.open("a", at=0)
    story.open("b", at=5)
    trace = ask(story, story.messages[1].anomaly.id)
    assert "throttled" in trace.render()
    assert "no event has named it yet (throttled)" in trace.conclusion
    story.tick(at=60)
    conclusion = ask(story, story.messages[1].anomaly.id).conclusion
    assert conclusion.startswith("It alerted")
    assert "waited for update_min_secs" in conclusion


def test_where_the_trace_ends_is_said() -> None:
    anomaly = make_anomaly("a", 0, 1)
    assert "cross-check has not passed it on" in explain(anomaly.id, anomalies=[anomaly]).conclusion
    story = Timeline()
    story.open("a", at=0)
    assert "neither an incident nor an alert" in explain(story.messages[0].anomaly.id, checked=story.messages).conclusion


def test_ids_are_refused_when_short_unknown_or_ambiguous() -> None:
    one, two = (replace(make_anomaly(name, 0, 1), id=f"abcdef00{name}", episode_id=f"abcdef00{name}") for name in "xy")
    with pytest.raises(ConfigError, match="at least 8") as short:
        explain("abc", anomalies=[one])
    assert short.value.code == "ID_SHORT"
    with pytest.raises(ConfigError, match="fits 2 ids") as ambiguous:
        explain("abcdef00", anomalies=[one, two])
    assert ambiguous.value.code == "ID_AMBIGUOUS"
    with pytest.raises(StreamwardenError) as absent:
        explain("0123456789", anomalies=[one])
    assert absent.value.code == "ID_NOT_FOUND"
    assert explain("abcdef00x", anomalies=[one, two]).id == "abcdef00x"


def test_a_muted_suspicion_beside_an_alert_of_others_is_told_apart() -> None:
    story = Timeline(P1, {"on_refuted": "mute"})
    story.open("a", at=0, verdict="unknown")
    story.open("b", at=1, verdict="refuted")
    conclusion = ask(story, story.messages[1].anomaly.id).conclusion
    assert conclusion.startswith("It did not alert (refuted_muted)")
    assert f"Others of its group alerted: incident {story.events[0].incident_id}" in conclusion
    assert ask(story, story.messages[0].anomaly.id).conclusion.startswith("It alerted")
