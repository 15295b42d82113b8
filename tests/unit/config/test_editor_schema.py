"""The JSON Schema for editors agrees with the loader about what ships, and about mistakes that need no knowledge of other values."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from models import registry
from pipeline.config.editor_schema import editor_schema
from pipeline.config.load import load_text
from pipeline.config.report import InvalidConfigError
from pipeline.config.source import parse_text

SHIPPED = (Path(__file__).parents[3] / "topics.yaml").read_text()
TEXT = "version: 1\ntopics: [{name: metrics, kind: metrics, format: metric_json}]\ndetectors:\n  - name: all\n"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = editor_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_what_ships_is_valid(validator: jsonschema.Draft202012Validator) -> None:
    assert [error.message for error in validator.iter_errors(parse_text(SHIPPED, "topics.yaml").data)] == []


@pytest.mark.parametrize("name", registry.names())
def test_every_model_may_be_named(validator: jsonschema.Draft202012Validator, name: str) -> None:
    for parameters in registry.variants(name):
        data = parse_text(TEXT, "t").data
        data["detectors"][0]["model"] = {"type": name, "parameters": dict(parameters)}
        assert [error.message for error in validator.iter_errors(data)] == []


@pytest.mark.parametrize(
    "extra",
    [
        "    treshold: {type: tail}\n",
        "    model: {type: gausian}\n",
        "    model: {type: gaussian_scorer, parameters: {windowsize: 3}}\n",
        "    model: {type: gaussian_scorer, parameters: {grace_period: -1}}\n",
        "    model: {parameters: {grace_period: 1}}\n",
        "    model: {type: threshold_filter}\n",
        "    threshold: {type: tail, probability: 2}\n",
        "    threshold: {type: fixed}\n",
        "    category: infra\n",
        "worker: {web_port: '1'}\n",
        "zebra: 1\n",
    ],
)
def test_refuses_what_the_loader_refuses(validator: jsonschema.Draft202012Validator, extra: str) -> None:
    with pytest.raises(InvalidConfigError):
        load_text(TEXT + extra)
    assert list(validator.iter_errors(parse_text(TEXT + extra, "t").data))


def test_every_option_has_its_sentence() -> None:
    schema = editor_schema()
    sections = {"Config": schema, **schema["$defs"]}
    bare = [
        f"{name}.{key}"
        for name, section in sections.items()
        for key, one in section.get("properties", {}).items()
        if not one.get("description")
    ]
    assert bare == []
