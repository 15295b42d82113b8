"""Slow and obvious decoders with the standard library: what the codecs must agree with.

Each takes one record and gives a `Point`, a `Line`, `EMPTY` or `BAD`.
"""

from __future__ import annotations

import itertools
import json
import re
import string
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any, NamedTuple

__all__ = ["BAD", "EMPTY", "SLOW_DECODERS", "Line", "Point", "slow_time"]

EMPTY, BAD = "empty", "bad"
_END_NS = 7_258_118_400 * 10**9


class Bad(Exception):  # noqa: N818 - not an error of the tests
    pass


class Point(NamedTuple):
    labels: dict[str, str]
    event_time_ns: int
    value: float


class Line(NamedTuple):
    message: str
    level: str
    event_time_ns: int
    labels: dict[str, str]


class Number(str):
    """A number as it is written."""

    __slots__ = ()

    @property
    def is_integer(self) -> bool:
        return not set(self) & set(".eE")

    def to_float(self) -> float:
        number = float(self)
        if number in (float("inf"), float("-inf")):
            raise Bad
        return number

    def to_number(self) -> int | float:
        if not self.is_integer:
            return self.to_float()
        if len(self.lstrip("-")) > 4_300:
            raise Bad
        return int(self)


class Pairs(list[tuple[str, Any]]):
    """Members of an object in order, those that are there twice as well."""


class NotUtf8(str):
    """A text in whose bytes not all is UTF-8."""

    __slots__ = ()


def _refuse(constant: str) -> Any:
    raise Bad(constant)


def _decode(value: bytes) -> tuple[str, str]:
    """The text, and the character that stands for every byte that is not UTF-8: a private one that is nowhere else in it."""
    loose = value.decode("utf-8", "surrogateescape")
    mark = next(chr(0xF5A17 + i) for i in range(len(loose) + 1) if chr(0xF5A17 + i) not in loose)
    return re.sub("[\udc80-\udcff]", mark, loose), mark


def _parse(value: bytes) -> Any:
    text, mark = _decode(value)
    try:
        tree = json.loads(
            text,
            object_pairs_hook=Pairs,
            parse_int=Number,
            parse_float=Number,
            parse_constant=_refuse,
        )
    except (ValueError, RecursionError) as error:
        raise Bad from error
    if _depth(tree) > 128:
        raise Bad("depth")
    for text in _texts(tree):
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise Bad("half a surrogate pair")
    return _tell_apart(tree, mark)


def _tell_apart(tree: Any, mark: str) -> Any:
    if isinstance(tree, Pairs):
        return Pairs((_tell_apart(name, mark), _tell_apart(one, mark)) for name, one in tree)
    if isinstance(tree, list):
        return [_tell_apart(one, mark) for one in tree]
    return NotUtf8(tree) if isinstance(tree, str) and mark in tree else tree


def _depth(tree: Any) -> int:
    if isinstance(tree, Pairs):
        return 1 + max((_depth(one) for _, one in tree), default=0)
    return 1 + max(map(_depth, tree), default=0) if isinstance(tree, list) else 0


def _texts(tree: Any) -> list[str]:
    if isinstance(tree, Pairs):
        return [text for name, one in tree for text in (name, *_texts(one))]
    if isinstance(tree, list):
        return [text for one in tree for text in _texts(one)]
    return [tree] if isinstance(tree, str) else []


def _object(value: bytes) -> Pairs:
    tree = _parse(value)
    if not isinstance(tree, Pairs):
        raise Bad
    return tree


def _is_text(one: Any) -> bool:
    return isinstance(one, str) and not isinstance(one, Number | NotUtf8)


def _last(fields: Pairs, name: str, is_fit: Callable[[Any], bool]) -> Any:
    found = [one for own, one in fields if own == name]
    if not all(map(is_fit, found)):
        raise Bad(name)
    return found[-1] if found else None


def _is_time(one: Any) -> bool:
    if isinstance(one, Number):
        one.to_number()
        return True
    return one is None or _is_text(one)


def _is_text_or_null(one: Any) -> bool:
    return one is None or _is_text(one)


def _text_labels(raw: Any) -> dict[str, str]:
    if raw is None:
        return {}
    if not isinstance(raw, Pairs) or not all(_is_text(name) and _is_text(one) for name, one in raw):
        raise Bad("labels")
    return dict(raw)


def slow_time(raw: Any) -> int:
    """ns UTC of a number or text, by the rules of `pipeline.codecs.timestamps`."""
    if isinstance(raw, str) and not isinstance(raw, Number):
        return _slow_text_time(raw)
    number = raw.to_number() if isinstance(raw, Number) else raw
    exact = Fraction(number)
    if exact < 0:
        raise Bad
    for below, unit_ns in ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3), (_END_NS, 1)):
        if exact < below:
            if isinstance(number, int):
                ns = number * unit_ns
            elif unit_ns == 1:
                ns = int(number)
            else:
                ns = round(exact * unit_ns / 1_000) * 1_000
            if ns >= _END_NS:
                raise Bad
            return ns
    raise Bad


def _slow_text_time(text: str) -> int:
    for separator in "Tt ":
        date, found, rest = text.partition(separator)
        if found:
            break
    else:
        raise Bad
    zone = "+00:00"
    if rest[-1:] in ("Z", "z"):
        rest = rest[:-1].removesuffix(" ")
    else:
        for sign in "+-":
            clock, found, offset = rest.rpartition(sign)
            if found:
                zone, rest = sign + offset, clock.removesuffix(" ")
                break
    digits = zone[1:].replace(":", "", 1) if len(zone) == 6 and zone[3] == ":" else zone[1:]
    clock, _, fraction = rest.replace(",", ".").partition(".")
    parts = clock.split(":")
    numbers = [*date.split("-"), *parts, digits, *([fraction] if fraction else [])]
    if not all(one.isascii() and one.isdigit() for one in numbers) or rest.endswith((".", ",")):
        raise Bad
    if [len(one) for one in date.split("-")] != [4, 2, 2] or [len(one) for one in parts] != [2, 2, 2] or len(digits) != 4:
        raise Bad
    hours, minutes, secs = map(int, parts)
    offset_hours, offset_minutes = int(digits[:2]), int(digits[2:])
    if secs > 60 or offset_hours > 23 or offset_minutes > 59:
        raise Bad
    offset = timedelta(hours=offset_hours, minutes=offset_minutes) * (1 if zone[0] == "+" else -1)
    try:
        moment = datetime(*map(int, date.split("-")), hours, minutes, tzinfo=timezone(offset))
        whole = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1) + secs
    except (ValueError, OverflowError) as error:
        raise Bad from error
    ns = whole * 10**9 + int(fraction[:9].ljust(9, "0") or 0)
    if not 0 <= ns < _END_NS:
        raise Bad
    return ns


def slow_level(raw: Any) -> str:
    """Severity word of a level, spelled out."""
    syslog = ["EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARN", "NOTICE", "INFO", "DEBUG"]
    tens = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]
    if raw is None:
        return ""
    if isinstance(raw, Number):
        number = Fraction(raw.to_number())
        if number in range(8):
            return syslog[int(number)]
        return tens[int(number) // 10 - 1] if number in range(10, 61, 10) else ""
    word = raw.strip().upper()
    if word in map(str, [*range(8), *range(10, 61, 10)]):
        return slow_level(Number(word))
    if re.match(r"[+\-.]*\d", word):
        return ""
    same = {
        "WARN": ["WARNING", "W"],
        "ERROR": ["ERR", "SEVERE", "E"],
        "CRITICAL": ["CRIT"],
        "EMERGENCY": ["EMERG", "PANIC"],
        "INFO": ["INFORMATION", "INFORMATIONAL", "I"],
        "TRACE": ["VERBOSE", "T"],
        "DEBUG": ["D"],
        "NOTICE": ["N"],
        "FATAL": ["F"],
    }
    for chosen, others in same.items():
        if word in others:
            return chosen
    return word if len(word) <= 16 else ""


def slow_level_in(text: str) -> str:
    """Severity word at the head of a bare text, found place by place."""
    words = [
        "TRACE",
        "DEBUG",
        "INFO",
        "NOTICE",
        "WARN",
        "WARNING",
        "ERROR",
        "ERR",
        "CRITICAL",
        "CRIT",
        "FATAL",
        "SEVERE",
        "PANIC",
        "ALERT",
        "EMERGENCY",
        "EMERG",
    ]
    letters = string.ascii_letters + string.digits + "_"
    head = text[:80]
    if len(head) > 5 and head[0] in "IWEF" and set(head[1:5]) <= set(string.digits) and head[5] in " \t\n\r\f\v":
        return slow_level(head[0])
    for at in range(len(head)):
        if at and head[at - 1] in letters:
            continue
        for name in ("level=", "lvl=", "severity="):
            if head.startswith(name, at):
                rest = head[at + len(name) :].removeprefix('"')
                word = "".join(itertools.takewhile(lambda one: one in string.ascii_letters, rest))[:16]
                if word:
                    return slow_level(word)
        word = "".join(itertools.takewhile(lambda one: one in letters, head[at:]))
        if word in words:
            return slow_level(word)
    return ""


def _metric(value: bytes, timestamp_ms: int) -> Point:
    fields = _object(value)
    number = _last(fields, "value", lambda one: isinstance(one, Number) and one.to_float() is not None)
    ts = _last(fields, "ts", _is_time)
    names = [one for name, one in fields if name == "name"]
    if number is None or ts is None or not names or not _is_text(names[-1]):
        raise Bad
    labels = _text_labels(next((one for name, one in reversed(fields) if name == "labels"), None))
    return Point({**labels, "__name__": names[-1]}, slow_time(ts), number.to_float())


def _log(value: bytes, timestamp_ms: int) -> Line | str:
    fields = _object(value)
    texts = [_last(fields, name, _is_text_or_null) for name in ("message", "msg", "log")]
    levels = [_last(fields, name, _is_time) for name in ("level", "severity")]
    times = [_last(fields, name, _is_time) for name in ("ts", "time", "timestamp", "@timestamp")]
    beside = {name: _last(fields, name, _is_text_or_null) for name in ("service", "region", "host")}
    labels = _text_labels(next((one for name, one in reversed(fields) if name == "labels"), None))
    labels = {**{name: one for name, one in beside.items() if one}, **labels}
    event_time_ns = slow_time(_first(times))
    text = _first(texts)
    if text is None or len(labels) > 40 or sum(len(name) + len(one) for name, one in labels.items()) > 3_000:
        raise Bad
    level = slow_level(next((one for one in levels if one is not None), None))
    return Line(text.strip(), level, event_time_ns, labels) if text.strip() else EMPTY


def _first(found: list[Any]) -> Any:
    chosen = next((one for one in found if one is not None), None)
    if chosen is None:
        raise Bad
    return chosen


def _fluentd(value: bytes, timestamp_ms: int) -> Line | str:
    record = _plain(_object(value))
    text = next((record[name] for name in ("message", "msg", "log", "MESSAGE") if _is_text(record.get(name))), None)
    times = [record.get(name) for name in ("@timestamp", "time", "timestamp", "ts", "fluentd_time")]
    raw = next((one for one in times if isinstance(one, str)), None)
    if raw is None and timestamp_ms < 0:
        raise Bad
    event_time_ns = slow_time(raw) if raw is not None else timestamp_ms * 10**6
    if text is None:
        raise Bad
    names = ("level", "severity", "loglevel", "log_level", "levelname", "PRIORITY", "log.level")
    level = next((record[name] for name in names if isinstance(record.get(name), str)), None)
    if level is None and isinstance(record.get("log"), dict) and _is_text(record["log"].get("level")):
        level = record["log"]["level"]
    labels = _dotted(record)
    kubernetes = ["kubernetes", "labels"]
    aliases = {
        "service": [
            *(["service", "name"], ["service_name"], ["app"], ["application"], [*kubernetes, "app.kubernetes.io/name"]),
            *([*kubernetes, "app_kubernetes_io/name"], [*kubernetes, "app"], [*kubernetes, "k8s-app"]),
            *(["kubernetes", "container_name"], ["container_name"], ["_SYSTEMD_UNIT"], ["fluentd_tag"], ["tag"]),
        ],
        "host": [["hostname"], ["host", "name"], ["kubernetes", "host"], ["kubernetes", "node_name"], ["_HOSTNAME"]],
        "region": [
            *(["cloud", "region"], [*kubernetes, "topology.kubernetes.io/region"]),
            [*kubernetes, "topology_kubernetes_io/region"],
        ],
        "namespace": [["kubernetes", "namespace_name"]],
        "pod": [["kubernetes", "pod_name"]],
        "container": [["kubernetes", "container_name"], ["container_name"]],
    }
    found = dict(labels)
    for name, places in aliases.items():
        if name not in labels:
            texts = [text for path in places for text in (_label_at(record, path), _label_at(record, [".".join(path)])) if text]
            found.update({name: text for text in texts[:1]})  # noqa: B035 - one or none
    word = slow_level(level) if level is not None else slow_level_in(text.strip())
    return Line(text.strip(), word, event_time_ns, found) if text.strip() else EMPTY


def _label_at(record: Any, path: list[str]) -> str | None:
    for name in path:
        record = record.get(name) if isinstance(record, dict) else None
    return _label_text(record)


def _label_text(one: Any) -> str | None:
    if isinstance(one, bool):
        return "true" if one else "false"
    if isinstance(one, Number):
        return str(int(one)) if one.is_integer and -(2**63) <= int(one) < 2**63 else None
    return one if isinstance(one, str) and 0 < len(one) <= 256 else None


def _plain(tree: Any) -> Any:
    """As `json.loads` would give it, after seeing to texts and numbers."""
    if isinstance(tree, Pairs):
        if not all(_is_text(name) for name, _ in tree):
            raise Bad
        return dict([(name, _plain(one)) for name, one in tree])  # noqa: C404 - those overwritten are looked at too
    if isinstance(tree, list):
        return [_plain(one) for one in tree]
    if isinstance(tree, Number):
        tree.to_number()
    elif isinstance(tree, str) and not _is_text(tree):
        raise Bad
    return tree


def _dotted(record: dict[str, Any], depth: int = 1) -> dict[str, str]:
    """Short plain values by dotted name; of two under one name the one less deep counts, then the one with the shorter prefix."""
    flat: dict[str, str] = {}
    is_top = depth == 1
    skipped = {"message", "msg", "MESSAGE", "@timestamp", "time", "timestamp", "ts", "fluentd_time"}
    if isinstance(record.get("log"), str) and not isinstance(record["log"], Number):
        skipped.add("log")
    members = [(name, one) for name, one in record.items() if not (is_top and name in skipped)]
    for name, one in sorted(members, key=lambda member: len(member[0])):
        if isinstance(one, dict) and depth < 8:
            for inner, text in _dotted(one, depth + 1).items():
                flat.setdefault(f"{name}.{inner}", text)
    for name, one in members:
        text = _label_text(one)
        if text is not None:
            flat[name] = text
    return flat


def _guarded(decode: Callable[[bytes, int], Any]) -> Callable[[bytes | None, int], Any]:
    def decode_or_say(value: bytes | None, timestamp_ms: int) -> Any:
        try:
            return EMPTY if value is None else decode(value, timestamp_ms)
        except Bad:
            return BAD

    return decode_or_say


SLOW_DECODERS: dict[str, Callable[[bytes | None, int], Any]] = {
    "metric_json": _guarded(_metric),
    "log_json": _guarded(_log),
    "fluentd_json": _guarded(_fluentd),
}
"""Format → (value, Kafka's timestamp) → outcome."""
