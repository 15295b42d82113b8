"""The registry: schemas agree with constructors, and every refusal is typed and names the cure."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest

from models import registry
from models.errors import ParameterError
from models.parameters import Parameter

OURS = registry.names()


@pytest.mark.parametrize("name", OURS)
def test_schema_is_the_constructor(name: str) -> None:
    signature = inspect.signature(registry.model_class(name))
    schema = registry.schema(name)
    assert [parameter.name for parameter in schema] == list(signature.parameters)
    for parameter in schema:
        default = signature.parameters[parameter.name].default
        assert (default is inspect.Parameter.empty) == parameter.is_required
        assert parameter.is_required or default == parameter.default


@pytest.mark.parametrize("name", OURS)
def test_every_parameter_has_a_sentence_and_a_default_it_accepts(name: str) -> None:
    for parameter in registry.schema(name):
        assert parameter.sentence.endswith(".")
        assert parameter.sentence[0].isupper() or parameter.sentence.startswith("minmax")
        if not parameter.is_required:
            settled = parameter.settle(name, parameter.default)
            assert settled == parameter.default
            json.dumps(settled)


@pytest.mark.parametrize("name", OURS)
def test_every_class_carries_its_registered_name_and_documents_its_parameters(name: str) -> None:
    found = registry.model_class(name)
    assert found.name == name
    assert found.__doc__ is not None
    for section in ("Parameters", "Notes", "Examples"):
        assert f"    {section}\n    ---" in found.__doc__, f"{found.__name__} has no section {section}"
    for parameter in registry.schema(name):
        assert parameter.name in found.__doc__


@pytest.mark.parametrize(
    ("parameter", "refused"),
    [
        (Parameter("n", "int", 1, "N.", minimum=1, maximum=5), [0, 6, 1.5, "1", True, None, float("nan")]),
        (Parameter("f", "float", 0.5, "F.", minimum=0, maximum=1, is_open=True), [0, 1, "x", False, float("inf")]),
        (Parameter("s", "str", "a", "S.", choices=("a", "b")), ["c", 1, None]),
        (Parameter("b", "bool", True, "B."), [1, "true", None]),
        (Parameter("names", "names", None, "Names.", is_optional=True), [[], "ab", ["a", "a"], [1]]),
        (Parameter("limits", "limits", None, "L.", is_optional=True), [[1, 0], [0, 0], [], "ab", {"a": [0]}, [[0, 1], 2]]),
        (Parameter("detector", "model", ..., "D."), ["hst", {"name": "x"}, {"model": 1}, {"model": "x", "parameter": {}}]),
    ],
    ids=lambda value: value.name if isinstance(value, Parameter) else "",
)
def test_values_out_of_range_are_refused(parameter: Parameter, refused: list[Any]) -> None:
    for value in refused:
        with pytest.raises(ParameterError) as caught:
            parameter.settle("demo", value)
        assert caught.value.parameter == parameter.name
        assert parameter.range_text in str(caught.value)


def test_settled_values_are_canonical() -> None:
    assert Parameter("n", "int", 1, "N.").settle("demo", 2.0) == 2
    assert isinstance(Parameter("n", "int", 1, "N.").settle("demo", 2.0), int)
    assert Parameter("l", "limits", None, "L.").settle("demo", {"a": (0, 1)}) == {"a": [0.0, 1.0]}
    assert Parameter("l", "limits", None, "L.").settle("demo", [(0, 1), (2, 3)]) == [[0.0, 1.0], [2.0, 3.0]]
    assert Parameter("d", "model", ..., "D.").settle("demo", {"model": "x"}) == {"model": "x", "parameters": {}}


def test_missing_family_is_an_error_only_when_asked_for() -> None:
    assert "default" in registry.names()
    assert registry.build("gaussian_scorer").name == "gaussian_scorer"
