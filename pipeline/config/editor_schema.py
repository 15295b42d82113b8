"""The JSON Schema of ``topics.yaml``, for editors that complete and check while one types."""

from __future__ import annotations

from typing import Any

from models import registry
from models.parameters import Parameter
from pipeline.config.schema import Config

__all__ = ["editor_schema"]

_TYPE_BY_KIND: dict[str, dict[str, Any]] = {
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "str": {"type": "string"},
    "names": {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
    "limits": {"type": ["array", "object"]},
    "mapping": {"type": "object"},
    "model": {
        "type": "object",
        "properties": {"model": {"type": "string"}, "parameters": {"type": "object"}},
        "required": ["model"],
        "additionalProperties": False,
    },
}


def editor_schema() -> dict[str, Any]:
    """The schema: structure, ranges, sentences, and the parameters of every model.

    What only `pipeline.config.load` knows (references, values that must go together) is not in it.

    Examples
    --------
    >>> schema = editor_schema()
    >>> schema["properties"]["version"]["const"], "gaussian_scorer" in schema["$defs"]["ModelSettings"]["properties"]["type"]["enum"]
    (1, True)
    """
    schema = Config.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Streamwarden topics.yaml"
    # Keys of one's own.
    schema["patternProperties"] = {"^x-": {}}
    for section in (schema, *schema["$defs"].values()):
        for option in section.get("properties", {}).values():
            # pydantic leaves out what the section says of itself already.
            if "description" not in option and "$ref" in option:
                option["description"] = schema["$defs"][option["$ref"].rpartition("/")[2]]["description"]
    model = schema["$defs"]["ModelSettings"]
    model["properties"]["type"]["enum"] = registry.names()
    model["allOf"] = [_parameters_of(name) for name in registry.names()]
    settings = schema["$defs"]["SourceTopic"]["properties"]["config"]
    for section in ("SourceTopic", "OutputTopic"):
        schema["$defs"][section]["properties"]["config"] = settings | {
            "additionalProperties": {"type": ["string", "number", "boolean"]}
        }
    return schema


def _parameters_of(name: str) -> dict[str, Any]:
    parameters = registry.schema(name)
    body: dict[str, Any] = {
        "type": "object",
        "properties": {one.name: _schema_of(one) for one in parameters},
        "additionalProperties": False,
    }
    required = [one.name for one in parameters if one.is_required]
    if required:
        body["required"] = required
    then: dict[str, Any] = {"properties": {"parameters": body}}
    if required:
        then["required"] = ["parameters"]
    named: dict[str, Any] = {"properties": {"type": {"const": name}}}
    if name != registry.DEFAULT_MODEL:
        named["required"] = ["type"]
    return {"if": named, "then": then}


def _schema_of(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"description": parameter.sentence, **_TYPE_BY_KIND[parameter.kind]}
    if parameter.choices:
        schema["enum"] = [*parameter.choices, None] if parameter.is_optional else list(parameter.choices)
    if parameter.minimum is not None:
        schema["exclusiveMinimum" if parameter.is_open else "minimum"] = parameter.minimum
    if parameter.maximum is not None:
        schema["exclusiveMaximum" if parameter.is_open else "maximum"] = parameter.maximum
    if parameter.is_optional:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        schema["type"] = [*kinds, "null"]
    if not parameter.is_required:
        schema["default"] = parameter.default
    return schema
