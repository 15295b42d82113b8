"""Scalars of YAML 1.2 without quotes.

Only ``true`` and ``false`` are booleans, ``on``, ``yes`` and ``off`` are text, ``1e3`` is a number, and what looks like a number but is
not plainly one (``007``, ``1_000``, ``1:30``) is text, so that a typed option refuses it.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["resolve_plain"]

_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
# Written without a point and with a small positive exponent it is a whole number: 1e3 fits options that count, too.
_WHOLE_EXPONENT = re.compile(r"[-+]?[1-9][0-9]*[eE]\+?([0-9]|1[0-8])")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}
_MAX_NUMBER_CHARACTERS = 400


def resolve_plain(text: str) -> Any:
    """The value of a scalar without quotes.

    Examples
    --------
    >>> [resolve_plain(text) for text in ("1e3", "on", "007", "~", ".5")]
    [1000, 'on', '007', None, 0.5]
    """
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if len(text) > _MAX_NUMBER_CHARACTERS:
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _OTHER_BASE.fullmatch(text):
        return int(text, 0)
    if _WHOLE_EXPONENT.fullmatch(text):
        digits, _, exponent = text.lower().partition("e")
        return int(digits) * 10 ** int(exponent)
    if _FLOAT.fullmatch(text):
        return float(text)
    if text.lower() in _SPECIAL:
        return float(_SPECIAL[text.lower()])
    return text
