"""Cures of single values: what to write in place of what was found."""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import BaseModel

from pipeline.config.options import MISSING, Option, show_plain
from pipeline.config.report import MASK, KeyPath

__all__ = ["cure_value", "default_hint", "is_secret", "show_found", "unit_of"]

_DURATION = re.compile(
    r"\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?|w|weeks?)\s*", re.IGNORECASE
)
_SECS_BY_LETTER = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_UNIT_BY_SUFFIX = {"_secs": ("seconds", 1.0), "_hours": ("hours", 3600.0), "_ms": ("milliseconds", 0.001)}
_NUMERIC = re.compile(r"\s*[-+]?[0-9][0-9_ ]*(\.[0-9]+)?([eE][-+]?[0-9]+)?\s*")
_SECRET_KEY = re.compile(r"pass(word|wd|phrase)?|pwd|secret|token|credential|api_?key|private_?key", re.IGNORECASE)
_YES = frozenset({"yes", "on", "y", "1"})
_NO = frozenset({"no", "off", "n", "0"})
_SHOWN_CHARACTERS = 60
_KEY_MEANT: dict[tuple[str | int, bool], str] = {
    ("model", True): "type",
    ("provider", True): "type",
    ("match", True): "name",
    ("threshold", False): "type: tail, probability",
    ("episode", False): "open_after_samples",
}
"""Key that a text (True) or a number in place of a section stands for most likely."""


def is_secret(path: KeyPath) -> bool:
    """Whether what stands at a key path may be a secret.

    Examples
    --------
    >>> is_secret(("broker", "security", "password")), is_secret(("broker", "security", "username"))
    (True, False)
    """
    return any(isinstance(part, str) and _SECRET_KEY.search(part) for part in path)


def show_found(value: Any, path: KeyPath) -> str:
    """A found value in a message: short, on one line, secrets masked.

    Examples
    --------
    >>> show_found("5m", ("a",)), show_found(True, ("a",)), show_found({"x": 1}, ("a",)), show_found(None, ("a",))
    ('"5m"', 'true', 'a mapping', 'nothing')
    >>> show_found("hunter2", ("broker", "security", "password"))
    '***'
    >>> show_found("user:hunter2@kafka:9092", ("broker", "bootstrap"))
    '"***@kafka:9092"'
    """
    match value:
        case None:
            return "nothing"
        case dict():
            return "a mapping" if value else "an empty mapping"
        case list():
            return "a list" if value else "an empty list"
    if is_secret(path):
        return MASK
    if isinstance(value, str):
        # Whatever stands before an @ may be credentials.
        shown = re.sub(r"[^@]*@", f"{MASK}@", value, count=1) if "@" in value else value
        if len(shown) > _SHOWN_CHARACTERS:
            shown = shown[: _SHOWN_CHARACTERS - 3] + "..."
        return json.dumps(shown, ensure_ascii=not shown.isprintable())
    # Where a whole number is asked for, 6.0 is not 6.
    return f"{value:.1f}" if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else show_plain(value)


def unit_of(path: KeyPath) -> tuple[str, float] | None:
    """Unit that the last key carries in its name, and its length in seconds.

    Examples
    --------
    >>> unit_of(("series", "evict_after_secs")), unit_of(("worker", "group"))
    (('seconds', 1.0), None)
    """
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    return next((unit for suffix, unit in _UNIT_BY_SUFFIX.items() if key.endswith(suffix)), None)


def default_hint(option: Option) -> str:
    """How the default may be had, as the end of a sentence; "" where there is none."""
    if option.default is MISSING:
        return ""
    if option.default is None or isinstance(option.default, BaseModel):
        return ", or remove it"
    return f", or remove it (default {show_plain(option.default)})"


def cure_value(option: Option, value: Any, path: KeyPath) -> str:
    """What to write in place of `value`.

    Examples
    --------
    >>> lateness = Option(float, (), 60.0)
    >>> cure_value(lateness, "5m", ("topics", 0, "lateness_secs"))
    'write 300 (the key names the unit: seconds), or remove it (default 60)'
    >>> cure_value(Option(bool, (), True), "yes", ("detectors", 0, "absence"))
    'write true, or remove it (default true)'
    >>> cure_value(Option(dict), "loda", ("detectors", 0, "model")), cure_value(Option(dict), 0.001, ("detectors", 0, "threshold"))
    ('write model: {type: loda}', 'write threshold: {type: tail, probability: 0.001}')
    >>> cure_value(Option(str), 5, ("topics", 0, "labels", "zone"))
    'put it in quotes: "5"'
    """
    return _cure(option, value, path) + default_hint(option)


def _cure(option: Option, value: Any, path: KeyPath) -> str:
    words = option.words
    is_number = words.startswith(("a number", "an integer"))
    if value is None:
        return f"give {words}"
    if is_number and isinstance(value, str) and not is_secret(path):
        return _cure_number(words, value, path)
    if is_number and isinstance(value, float) and words.startswith("an integer"):
        return f"write a whole number, {round(value)}" if abs(value) < 1e15 else "write a whole number"
    if words.startswith("true or false"):
        text = str(value).strip().lower()
        return "write true" if text in _YES else "write false" if text in _NO else "write true or false"
    if isinstance(value, bool | int | float) and "text" in words and not is_secret(path):
        return f'put it in quotes: "{show_plain(value)}"'
    if words.startswith("a list") and isinstance(value, str | int | float) and not is_secret(path):
        return f"write it as a list: [{show_plain(value)}]"
    if words == "a mapping" and path and isinstance(value, str | int | float) and not is_secret(path):
        inside = _KEY_MEANT.get((path[-1], isinstance(value, str)))
        shown = json.dumps(value) if isinstance(value, str) and not re.fullmatch(r"[A-Za-z]\w*", value) else show_plain(value)
        return f"write {path[-1]}: {{{inside}: {shown}}}" if inside else f"give {words}"
    if is_number:
        unit = unit_of(path)
        return f"give {unit[0]}, {words}" if unit else f"give {words}"
    return f"give {words}"


def _cure_number(words: str, text: str, path: KeyPath) -> str:
    unit = unit_of(path)
    if (found := _DURATION.fullmatch(text)) and unit:
        letter = found[2].lower()
        secs = float(found[1]) * (0.001 if letter == "ms" else _SECS_BY_LETTER[letter[0]])
        return f"write {show_plain(secs / unit[1])} (the key names the unit: {unit[0]})"
    if _NUMERIC.fullmatch(text):
        plain = text.strip().replace("_", "").replace(" ", "")
        number = float(plain)
        return f"write it as a plain number without quotes: {int(plain) if plain.lstrip('+-').isdigit() else show_plain(number)}"
    return f"give {words} without quotes or unit" + (f"; the unit is {unit[0]}" if unit else "")
