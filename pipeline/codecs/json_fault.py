"""Why a JSON record cannot be used: found out only after it failed, so the hot path stays bare."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from pipeline.codecs.excerpt import quote
from pipeline.codecs.json_rows import DECODE_FAILURES, MAX_DEPTH, is_too_deep
from pipeline.errors import DecodeError

__all__ = ["FieldRule", "explain_json", "json_kind"]

_KIND_BY_FIRST_BYTE = {
    **dict.fromkeys(b"-0123456789", "a number"),
    ord('"'): "text",
    ord("{"): "an object",
    ord("["): "an array",
    ord("t"): "a boolean",
    ord("f"): "a boolean",
    ord("n"): "null",
}
_object_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NOT_FINITE = re.compile(rb"[+-]?(?:nan|inf(?:inity)?)\b", re.IGNORECASE)


class FieldRule(NamedTuple):
    """What a field of a record must be.

    Attributes
    ----------
    names : tuple of str
        Its name and aliases.
    kinds : tuple of str
        Kinds of JSON value it may be, as `json_kind` calls them.
    is_required : bool
        Whether it must be there.
    range_code : str
        Code of the error for a number too large for a 64-bit float.
    cure : str
        What to send instead.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    is_required: bool
    range_code: str
    cure: str


def json_kind(raw: bytes) -> str:
    """Kind of a JSON value by its first byte: a number, text, an object, an array, a boolean or null.

    Examples
    --------
    >>> json_kind(b"-1"), json_kind(b'{"a":1}'), json_kind(b"?")
    ('a number', 'an object', 'no JSON')
    """
    return _KIND_BY_FIRST_BYTE.get(raw[0], "no JSON") if raw else "nothing"


def explain_json(value: bytes, rules: Sequence[FieldRule]) -> DecodeError:
    """The error of a record that its typed decoder refused.

    Parameters
    ----------
    value : bytes
        The record.
    rules : sequence of FieldRule
        Fields of the format.

    Returns
    -------
    DecodeError
        ``JSON_DEPTH``, ``JSON_UTF8``, ``JSON_SYNTAX``, ``FIELD_MISSING``, ``FIELD_TYPE``, ``VALUE_NOT_FINITE`` or ``TIME_RANGE``.

    Examples
    --------
    >>> rule = FieldRule(("value",), ("a number",), True, "VALUE_NOT_FINITE", "send a JSON number")
    >>> str(explain_json(b'{"value":true}', [rule]))
    "value: found a boolean 'true', expected a number; send a JSON number"
    >>> explain_json(b'{"value":1e999}', [rule]).code, explain_json(b'{"val', [rule]).code
    ('VALUE_NOT_FINITE', 'JSON_SYNTAX')
    """
    if is_too_deep(value):
        return DecodeError(
            f"record: found more than {MAX_DEPTH} brackets open at once, expected a flat object; send one level of labels",
            code="JSON_DEPTH",
        )
    try:
        value.decode()
    except UnicodeDecodeError as error:
        return DecodeError(
            f"record: byte {error.start} is not UTF-8 ({quote(value[error.start : error.start + 8])}), expected JSON in UTF-8; "
            "see to the producer's encoding",
            code="JSON_UTF8",
        )
    try:
        fields = _object_decoder.decode(value)
    except msgspec.ValidationError:
        found = value.lstrip()
        return DecodeError(
            f"record: found {json_kind(found)} ({quote(found)}), expected a JSON object; send one object a record",
            code="FIELD_TYPE",
        )
    except DECODE_FAILURES as error:
        return _explain_syntax(value, str(error), rules)
    for rule in rules:
        fault = _find_fault(fields, rule)
        if fault is not None:
            return fault
    return DecodeError(
        "record: a field is there more than once, and not each time of the right kind; send every field once", code="FIELD_TYPE"
    )


def _explain_syntax(value: bytes, reason: str, rules: Sequence[FieldRule]) -> DecodeError:
    for rule in rules:
        for name in rule.names:
            # NaN and Infinity are what Python's json writes for floats that are none: a fault of its own, not of syntax.
            found = re.search(rb'"' + name.encode() + rb'"\s*:\s*', value)
            literal = _NOT_FINITE.match(value, found.end()) if found is not None else None
            if literal is not None and rule.range_code:
                return DecodeError(
                    f"{name}: found {quote(literal.group())}, expected a finite number; leave such samples out",
                    code=rule.range_code,
                )
    if not value:
        return DecodeError("record: found no bytes, expected a JSON object; send null to delete a key", code="JSON_SYNTAX")
    return DecodeError(
        f"record: {reason[:100]}, found {quote(value)}, expected one JSON object; see to the producer's serialiser",
        code="JSON_SYNTAX",
    )


def _find_fault(fields: dict[str, msgspec.Raw], rule: FieldRule) -> DecodeError | None:
    expected = " or ".join(kind for kind in rule.kinds if kind != "null")
    present = [name for name in rule.names if name in fields]
    if not present:
        if not rule.is_required:
            return None
        wanted = " or ".join(rule.names)
        return DecodeError(
            f"{wanted}: found no such field among {quote(', '.join(fields))}, expected {expected}; {rule.cure}",
            code="FIELD_MISSING",
        )
    for name in present:
        raw = bytes(fields[name])
        kind = json_kind(raw)
        if kind not in rule.kinds:
            return DecodeError(f"{name}: found {kind} {quote(raw)}, expected {expected}; {rule.cure}", code="FIELD_TYPE")
        if kind == "a number" and (len(raw) > 4_000 or abs(float(raw)) == float("inf")):
            return DecodeError(
                f"{name}: found {quote(raw)}, expected a number that fits a 64-bit float; {rule.cure}", code=rule.range_code
            )
    return None
