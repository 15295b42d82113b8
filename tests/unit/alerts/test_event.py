"""The alert event: CloudEvents headers, the published schema, the words."""

from __future__ import annotations

import copy
import json
from dataclasses import fields, replace
from functools import partial
from importlib import resources

import orjson
import pytest
from jsonschema import Draft202012Validator

from pipeline.alerts.event import CE_TYPE_PREFIX, SCHEMA_URI, AlertEvent, format_rfc3339
from pipeline.alerts.reason import REASONS
from pipeline.alerts.schema import load_schema, validate
from pipeline.alerts.state import MAX_ANOMALY_IDS, IncidentState
from pipeline.alerts.title import describe_probability, explain_incident, title_incident
from pipeline.clock import NS_PER_SEC
from pipeline.errors import StateError, StreamwardenError
from pipeline.samples.labels import LabelSet
from tests.stories.timeline import Timeline


@pytest.fixture
def event() -> AlertEvent:
    story = Timeline()
    story.open("a", at=0, verdict="confirmed")
    return story.events[0]


def test_headers_are_cloudevents_1_0_in_kafka_binary_mode(event: AlertEvent) -> None:
    headers = dict(event.headers())
    assert headers == {
        "ce_specversion": b"1.0",
        "ce_id": f"{event.incident_id}-0".encode(),
        "ce_source": b"/streamwarden",
        "ce_type": b"io.streamwarden.alert.firing",
        "ce_time": format_rfc3339(event.time_ns).encode(),
        "ce_subject": event.incident_id.encode(),
        "ce_dataschema": SCHEMA_URI.encode(),
        "content-type": b"application/json",
    }
    assert len(event.headers()) == len(headers)


def test_schema_is_packaged_strict_and_describes_every_field(event: AlertEvent) -> None:
    schema = load_schema()
    Draft202012Validator.check_schema(schema)
    assert resources.files("pipeline.alerts").joinpath("alert_event.schema.json").is_file()
    assert schema["$id"] == SCHEMA_URI
    assert list(schema["properties"]) == list(event.to_dict())
    assert list(schema["$defs"]["series"]["properties"]) == list(event.to_dict()["series"][0])
    assert schema["properties"]["anomaly_ids"]["maxItems"] == MAX_ANOMALY_IDS

    def walk(node: object, path: str) -> None:
        if isinstance(node, dict):
            if node.get("type") == "object" and "properties" in node:
                assert node["additionalProperties"] is False, path
                assert set(node["required"]) == set(node["properties"]), path
            for name, child in node.items():
                walk(child, f"{path}.{name}")

    walk({name: node for name, node in schema.items() if name != "allOf"}, "$")
    for name, node in schema["properties"].items():
        assert node.get("description"), name


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("severity",), "P4"),
        (("sequence",), 1),
        (("sequence",), -1),
        (("incident_id",), "xyz"),
        (("surprise",), 1),
        (("time",), "2023-11-14 22:13:20"),
        (("ends_ns",), 5),
        (("anomaly_ids",), []),
        (("anomaly_ids",), ["a", "a"]),
        (("series", 0, "value"), "9"),
        (("series", 0, "surprise"), 1),
        (("series", 0, "verdict", "outcome"), "maybe"),
        (("series", 0, "labels"), {}),
        (("reasons",), []),
        (("previous_severity",), "P1"),
        (("type",), "io.streamwarden.alert.unheard"),
    ],
)
def test_schema_refuses(event: AlertEvent, path: tuple[str | int, ...], value: object) -> None:
    data = copy.deepcopy(orjson.loads(event.to_json()))
    validate(data)
    node = data
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    with pytest.raises(StreamwardenError) as refused:
        validate(data)
    assert refused.value.code == "ALERT_SCHEMA"
    assert "urn:streamwarden:schema:alert-event:1" in str(refused.value)


@pytest.mark.parametrize("name", ["id", "time", "series", "verdicts", "config_hash"])
def test_schema_misses_nothing(event: AlertEvent, name: str) -> None:
    data = orjson.loads(event.to_json())
    del data[name]
    with pytest.raises(StreamwardenError, match=name):
        validate(data)


def test_json_is_the_same_for_the_same_event_and_comes_back(event: AlertEvent) -> None:
    raw = event.to_json()
    assert AlertEvent.from_json(raw) == event
    assert AlertEvent.from_json(raw).to_json() == raw
    assert json.loads(raw)["type"] == CE_TYPE_PREFIX + "firing"
    assert {field.name for field in fields(AlertEvent)} <= set(orjson.loads(raw))


def test_series_carry_a_bounded_sparkline_with_the_anomalous_sample_last(event: AlertEvent) -> None:
    (series,) = event.series
    assert len(series.context_value) == 32
    assert series.context_value[-1] == series.value == 9.0
    assert series.context_time_ns[-1] == series.last_ns


@pytest.mark.parametrize("time_ns", [-1, 0, 1, 999_999_999, -(2**62), 2**63 - 1])
def test_rfc3339_keeps_every_ns(time_ns: int) -> None:
    import numpy as np

    assert format_rfc3339(time_ns) == str(np.datetime64(time_ns, "ns")) + "Z"


def test_conditions_are_named(event: AlertEvent) -> None:
    (above,) = event.series
    below = replace(above, value=-1.0)
    bare = replace(above, upper=None, lower=None)
    for series, words in (
        ([above], "above band"),
        ([below], "below band"),
        ([above, below], "outside band"),
        ([bare], "anomalous"),
    ):
        assert words in title_incident("P1", "application", "us-east-1", series, len(series), 0)
    assert len(title_incident("P1", "x" * 500, "r", [above], 1, 0)) <= 300


def test_a_log_line_is_named_by_its_text_and_a_metric_by_its_name(event: AlertEvent) -> None:
    (metric,) = event.series
    rate = replace(metric, series=LabelSet({"__name__": "log_template_rate", "template": "disk <*> failed", "level": "ERROR"}))
    new = replace(rate, kind="new_template", value=None)
    assert title_incident("P1", "application", "r", [rate], 1, 0).startswith(
        'P1 application r: log line "disk <*> failed" above band'
    )
    assert (
        title_incident("P2", "application", "r", [new], 1, 0) == 'P2 application r: log line "disk <*> failed" never seen before'
    )
    over = title_incident("P2", "application", "r", [new], 1, 60 * NS_PER_SEC, "resolved")
    assert over == 'P2 application r: log line "disk <*> failed" resolved: was new for 1 min'
    long = replace(new, series=LabelSet({"__name__": "log_template_rate", "template": "x" * 500}))
    assert title_incident("P2", "a", "r", [long], 1, 0) == f'P2 a r: log line "{"x" * 79}…" never seen before'
    both = title_incident("P2", "a", "r", [replace(metric, series=LabelSet({"__name__": n})) for n in "abc"], 3, 0)
    assert " a and 2 more metrics 3 series" in both


def test_what_has_calmed_down_is_not_told_as_if_it_went_on(event: AlertEvent) -> None:
    (series,) = event.series
    over = replace(series, ended_ns=series.last_ns + 1)
    title = partial(title_incident, "P1", "business", "r")
    assert "_a above band for 4 min (peak " in title([series], 1, 240 * NS_PER_SEC)
    assert "_a quiet now, was above band for 4 min (peak " in title([over], 1, 240 * NS_PER_SEC)
    assert "_a 2 series above band for 4 min (peak " in title([series, over], 2, 240 * NS_PER_SEC)
    assert "_a resolved: was above band for 4 min (peak " in title([over], 1, 240 * NS_PER_SEC, "resolved")
    new = replace(over, kind="new_template", value=None)
    assert title([new], 1, 0).endswith(" never seen before")


def test_a_series_is_written_out_once(event: AlertEvent) -> None:
    (series,) = event.series
    told = explain_incident([replace(series, explanation=f"{series.series} is 9, 4 above the expected 5.")], 1, 1, {}, "rule")
    assert told.startswith(f"{series.series} is 9")
    assert told.count(str(series.series)) == 1
    assert explain_incident([replace(series, explanation="")], 1, 1, {}, "rule").startswith(f"{series.series}: above band. ")


def test_probabilities_never_sound_likelier_by_rounding_across_units() -> None:
    assert describe_probability(9.6e-4) == "1 in 1 thousand"
    assert describe_probability(1.001e-12) == "1 in 1 trillion"
    assert describe_probability(1.0) == "1 in 1"
    assert describe_probability(float("nan")) == "less than 1 in a trillion"


def test_every_reason_that_the_code_gives_is_in_the_table() -> None:
    import re

    package = resources.files("pipeline.alerts")
    text = "".join(package.joinpath(f"{name}.py").read_text() for name in ("transition", "incident", "repeat"))
    for code in REASONS:
        assert f'"{code}"' in text or (code.startswith("verdict_") and 'f"verdict_{' in text), code
    given = re.findall(r'(?:_record|_tell|_end|recognise)\(\s*"([a-z_]+)"', text)
    assert set(given) <= set(REASONS)
    assert len(given) >= 8


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"version": 2}', b'{"version": 1}', b"\xff", b"null"])
def test_a_damaged_state_stops(raw: bytes) -> None:
    with pytest.raises(StateError) as stopped:
        IncidentState.from_json(raw)
    assert stopped.value.code in {"INCIDENT_STATE", "INCIDENT_STATE_VERSION"}
