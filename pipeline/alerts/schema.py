"""The published JSON Schema of alert events, and validation against it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator

from pipeline.errors import StreamwardenError

__all__ = ["load_schema", "validate"]


@cache
def _validator() -> Draft202012Validator:
    text = resources.files("pipeline.alerts").joinpath("alert_event.schema.json").read_text(encoding="utf-8")
    schema = json.loads(text)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def load_schema() -> dict[str, Any]:
    """The schema as plain values (a fresh copy).

    Examples
    --------
    >>> load_schema()["$id"]
    'urn:streamwarden:schema:alert-event:1'
    """
    copy: dict[str, Any] = json.loads(json.dumps(_validator().schema))
    return copy


def validate(data: Mapping[str, Any]) -> None:
    """Refuse data that are not an alert event.

    Parameters
    ----------
    data : mapping
        Parsed value of a message on the ``alerts`` topic.

    Raises
    ------
    StreamwardenError
        Code ``ALERT_SCHEMA``; the text lists every deviation with its place.

    Examples
    --------
    >>> validate({})
    Traceback (most recent call last):
    ...
    pipeline.errors.StreamwardenError: the alert event does not fit urn:streamwarden:schema:alert-event:1: ...
    """
    found = sorted(_validator().iter_errors(dict(data)), key=lambda error: error.json_path)
    if found:
        listed = "; ".join(f"{error.json_path}: {error.message[:200]}" for error in found[:20])
        raise StreamwardenError(
            f"the alert event does not fit {_validator().schema['$id']}: {listed}; read it with the version that wrote it",
            code="ALERT_SCHEMA",
        )
