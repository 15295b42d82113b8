"""Severity rules, and the groups incidents are made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerts.grouping import group_labels, incident_group
from pipeline.alerts.severity import SEVERITIES, adjust, demands_breadth, grade, grade_anomaly, lower, raise_
from pipeline.config.schema import CrosscheckSettings, IncidentSettings, SeverityRule
from pipeline.samples.labels import LabelSet
from tests.stories.timeline import make_anomaly, make_verdict


def rule(**fields: object) -> SeverityRule:
    return SeverityRule.model_validate({"name": "r", "severity": "P0", **fields})


@pytest.mark.parametrize(
    ("fields", "fits"),
    [
        ({}, True),
        ({"match": {"name": "tps_a"}}, True),
        ({"match": {"name": "tps_*"}}, True),
        ({"match": {"name": "*_a"}}, True),
        ({"match": {"name": "t*s*a"}}, True),
        ({"match": {"name": "tps_?"}}, False),
        ({"match": {"name": "tps_[a]"}}, False),
        ({"match": {"name": "ps_a"}}, False),
        ({"match": {"name": ["x", "tps_*"]}}, True),
        ({"match": {"topic": "metrics"}}, True),
        ({"match": {"topic": "logs"}}, False),
        ({"match": {"labels": {"region": "us-*"}}}, True),
        ({"match": {"labels": {"region": "eu-*"}}}, False),
        ({"match": {"labels": {"absent": ""}}}, True),
        ({"match": {"labels": {"absent": "*"}}}, True),
        ({"match": {"labels": {"absent": "x"}}}, False),
        ({"category": "application"}, True),
        ({"category": "security"}, False),
        ({"detector": "d*"}, True),
        ({"detector": "e*"}, False),
        ({"kind": "point"}, True),
        ({"kind": "absence"}, False),
        ({"max_tail_probability": 1e-7}, True),
        ({"max_tail_probability": 1e-8}, False),
        ({"min_series": 2}, False),
    ],
)
def test_a_rule_fits_what_it_says(fields: dict[str, object], fits: bool) -> None:
    assert grade_anomaly(make_anomaly(), [rule(**fields)]).severity == ("P0" if fits else "P3")


def test_first_match_wins_and_names_the_rule() -> None:
    rules = [rule(name="no", kind="absence"), rule(name="yes", severity="P2"), rule(name="late", severity="P0")]
    found = grade_anomaly(make_anomaly(), rules)
    assert (found.severity, found.rule) == ("P2", "yes")
    assert grade_anomaly(make_anomaly(), []).rule is None


def test_a_tail_that_is_not_a_number_fits_no_rule_about_tails() -> None:
    anomaly = make_anomaly(peak_tail_probability=float("nan"))
    assert grade_anomaly(anomaly, [rule(max_tail_probability=1.0)]).severity == "P3"


def test_breadth_is_demanded_by_rules_of_two_or_more_only() -> None:
    from tests.stories.timeline import Timeline

    story = Timeline()
    story.open("a", at=0)
    facts = story.events[0].series[0].facts(2)
    assert demands_breadth(facts, [rule(name="one"), rule(name="two", min_series=2)]) == "two"
    assert demands_breadth(facts, [rule(name="one"), rule(name="three", min_series=3)]) is None
    assert grade(facts, [rule(min_series=2)]).severity == "P0"


def test_steps_stay_on_the_ladder() -> None:
    for severity in SEVERITIES:
        assert raise_(severity) <= severity <= lower(severity)
        assert raise_(severity) in SEVERITIES
        assert lower(severity) in SEVERITIES


@pytest.mark.parametrize(
    ("outcome", "settings", "expected"),
    [
        ("confirmed", {}, "P1"),
        ("confirmed", {"on_confirmed": "raise"}, "P0"),
        ("refuted", {}, "P2"),
        ("refuted", {"on_refuted": "keep"}, "P1"),
        ("refuted", {"on_refuted": "mute"}, "P2"),
        ("unknown", {"on_confirmed": "raise"}, "P1"),
    ],
)
def test_verdicts_move_severity_by_the_policy(outcome: str, settings: dict[str, object], expected: str) -> None:
    assert adjust("P1", make_verdict(outcome), CrosscheckSettings.model_validate(settings)) == expected
    assert adjust("P1", None, CrosscheckSettings.model_validate(settings)) == "P1"


awkward = st.text(alphabet='a",=}{\\\n', max_size=4)


@given(st.lists(st.tuples(awkward, awkward), min_size=2, max_size=6, unique=True))
def test_different_label_values_never_share_a_group(values: list[tuple[str, str]]) -> None:
    settings = IncidentSettings(group_by=["x", "y"])
    keys = [incident_group(make_anomaly(series=LabelSet({"__name__": "m", "x": x, "y": y})), settings, "r") for x, y in values]
    assert len(set(keys)) == len(keys)


def test_the_group_is_category_and_labels_and_nothing_else() -> None:
    settings = IncidentSettings()
    one, other = make_anomaly("a", 0, 1), make_anomaly("b", 99, 7, value=1.0)
    assert incident_group(one, settings, "r") == incident_group(other, settings, "r")
    assert incident_group(one, settings, "r") != incident_group(make_anomaly(category="security"), settings, "r")


def test_a_series_without_region_has_the_workers() -> None:
    anomaly = make_anomaly(series=LabelSet({"__name__": "m"}))
    assert group_labels(anomaly, IncidentSettings(), "eu-west-1") == {"region": "eu-west-1", "service": ""}
    assert group_labels(anomaly, IncidentSettings(group_by=["service"]), "eu-west-1") == {"service": ""}
    keys = {incident_group(anomaly, IncidentSettings(), region) for region in ("a", "b")}
    assert len(keys) == 2
