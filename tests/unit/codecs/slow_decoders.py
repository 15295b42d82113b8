"""Slow and obvious decoders with the standard library: what the codecs must agree with.

Each takes one record and gives a `Point`, a `Line`, `EMPTY` or `BAD`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tests.unit.codecs.slow_json import Bad, Number, Pairs, is_text, parse_object
from tests.unit.codecs.slow_level import slow_level, slow_level_in
from tests.unit.codecs.slow_time import slow_time

__all__ = ["BAD", "EMPTY", "SLOW_DECODERS", "Line", "Point"]

EMPTY, BAD = "empty", "bad"


class Point(NamedTuple):
    labels: dict[str, str]
    event_time_ns: int
    value: float


class Line(NamedTuple):
    message: str
    level: str
    event_time_ns: int
    labels: dict[str, str]


def _last(fields: Pairs, name: str, is_fit: Callable[[Any], bool]) -> Any:
    found = [one for own, one in fields if own == name]
    if not all(map(is_fit, found)):
        raise Bad(name)
    return found[-1] if found else None


def _is_time(one: Any) -> bool:
    if isinstance(one, Number):
        one.to_number()
        return True
    return one is None or is_text(one)


def _is_text_or_null(one: Any) -> bool:
    return one is None or is_text(one)


def _text_labels(raw: Any) -> dict[str, str]:
    if raw is None:
        return {}
    if not isinstance(raw, Pairs) or not all(is_text(name) and is_text(one) for name, one in raw):
        raise Bad("labels")
    return dict(raw)


def _metric(value: bytes, timestamp_ms: int) -> Point:
    fields = parse_object(value)
    number = _last(fields, "value", lambda one: isinstance(one, Number) and one.to_float() is not None)
    ts = _last(fields, "ts", _is_time)
    names = [one for name, one in fields if name == "name"]
    if number is None or ts is None or not names or not is_text(names[-1]):
        raise Bad
    labels = _text_labels(next((one for name, one in reversed(fields) if name == "labels"), None))
    return Point({**labels, "__name__": names[-1]}, slow_time(ts), number.to_float())


def _log(value: bytes, timestamp_ms: int) -> Line | str:
    fields = parse_object(value)
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
    record = _plain(parse_object(value))
    text = next((record[name] for name in ("message", "msg", "log", "MESSAGE") if is_text(record.get(name))), None)
    times = [record.get(name) for name in ("@timestamp", "time", "timestamp", "ts", "fluentd_time")]
    raw = next((one for one in times if isinstance(one, str)), None)
    if raw is None and timestamp_ms < 0:
        raise Bad
    event_time_ns = slow_time(raw) if raw is not None else timestamp_ms * 10**6
    if text is None:
        raise Bad
    names = ("level", "severity", "loglevel", "log_level", "levelname", "PRIORITY", "log.level")
    level = next((record[name] for name in names if isinstance(record.get(name), str)), None)
    if level is None and isinstance(record.get("log"), dict) and is_text(record["log"].get("level")):
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
        if not all(is_text(name) for name, _ in tree):
            raise Bad
        return dict([(name, _plain(one)) for name, one in tree])  # noqa: C404 - those overwritten are looked at too
    if isinstance(tree, list):
        return [_plain(one) for one in tree]
    if isinstance(tree, Number):
        tree.to_number()
    elif isinstance(tree, str) and not is_text(tree):
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
