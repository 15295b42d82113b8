"""What topics shall be beside what they are."""

from __future__ import annotations

import pytest

from pipeline.client.topic_plan import Plan, TopicSpec, TopicState, make_plan, want_topics
from pipeline.config.load import load_text

SPEC = TopicSpec("m", "source", 6, 2, {"retention.ms": "1000", "cleanup.policy": "delete"})
SAME = {"retention.ms": "1000", "cleanup.policy": "delete", "segment.ms": "5"}


def plan(state: TopicState | None, *, may_lower_retention: bool = False) -> list[tuple[str, str]]:
    states = {} if state is None else {"m": state}
    return [(one.what, one.action) for one in make_plan([SPEC], states, may_lower_retention=may_lower_retention).changes]


def test_same() -> None:
    assert plan(TopicState(6, 2, SAME)) == []


def test_missing() -> None:
    assert plan(None) == [("topic", "create")]


def test_partitions_grow_with_a_warning_and_never_shrink() -> None:
    grown = make_plan([SPEC], {"m": TopicState(5, 2, SAME)}).changes[0]
    assert (grown.action, grown.found, grown.wanted) == ("change", "5", "6")
    assert "keys move" in grown.note
    shrunk = make_plan([SPEC], {"m": TopicState(7, 2, SAME)}).changes[0]
    assert shrunk.action == "refuse"
    assert "partitions: 7" in shrunk.note


@pytest.mark.parametrize("copies", [1, 3])
def test_copies_are_refused_either_way(copies: int) -> None:
    assert plan(TopicState(6, copies, SAME)) == [("replication_factor", "refuse")]


@pytest.mark.parametrize(
    ("found", "action"),
    [("500", "change"), ("2000", "refuse"), ("-1", "refuse"), ("1000", None), (" 1000 ", None), ("1000.0", None)],
)
def test_retention(found: str, action: str | None) -> None:
    state = TopicState(6, 2, {**SAME, "retention.ms": found})
    assert plan(state) == ([] if action is None else [("retention.ms", action)])
    assert plan(state, may_lower_retention=True) == ([] if action is None else [("retention.ms", "change")])


def test_unlimited_retention_is_never_shorter() -> None:
    spec = TopicSpec("m", "source", 1, 1, {"retention.ms": "-1"})
    assert make_plan([spec], {"m": TopicState(1, 1, {"retention.ms": "5"})}).changes[0].action == "change"


def test_lists_in_any_order_and_numbers_however_written_are_the_same() -> None:
    spec = TopicSpec(
        "m", "source", 1, 1, {"cleanup.policy": "compact,delete", "min.cleanable.dirty.ratio": "0.50", "preallocate": "True"}
    )
    state = TopicState(1, 1, {"cleanup.policy": "delete, compact", "min.cleanable.dirty.ratio": "0.5", "preallocate": "true"})
    assert make_plan([spec], {"m": state}).changes == ()


def test_large_numbers_are_compared_exactly() -> None:
    spec = TopicSpec("m", "source", 1, 1, {"flush.ms": "9223372036854775807"})
    assert len(make_plan([spec], {"m": TopicState(1, 1, {"flush.ms": "9223372036854775806"})}).changes) == 1


def test_a_broker_that_tells_no_settings_is_not_told_any() -> None:
    assert plan(TopicState(6, 2, {})) == []


def test_what_is_to_do_and_what_is_refused() -> None:
    both: Plan = make_plan([SPEC], {"m": TopicState(7, 2, {**SAME, "retention.ms": "10"})})
    assert [one.what for one in both.to_do] == ["retention.ms"]
    assert [one.what for one in both.refused] == ["partitions"]


def test_retention_in_hours_becomes_a_setting() -> None:
    text = "version: 1\ntopics: [{name: m, kind: metrics, format: metric_json, retention_hours: 0.5}]\ndetectors: [{name: all}]\n"
    specs = {spec.name: spec for spec in want_topics(load_text(text))}
    assert specs["m"].settings == {"retention.ms": "1800000"}
    assert specs["incidents"].settings["cleanup.policy"] == "compact"
    assert {spec.role for spec in specs.values()} >= {"source", "anomalies", "checked", "alerts", "incidents", "dead_letters"}
