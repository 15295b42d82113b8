"""Labels read out of a decoded JSON record on demand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

__all__ = ["MAX_VALUE_CHARACTERS", "RecordLabels"]

MAX_VALUE_CHARACTERS = 256
_MAX_DEPTH = 8

_KUBERNETES_LABELS = ("kubernetes", "labels")


class _Place(NamedTuple):
    """Where a label may stand: in an object inside the record, or at the top under the dotted name."""

    objects: tuple[str, ...]
    name: str
    dotted: str


def _places(*paths: tuple[str, ...] | str) -> tuple[_Place, ...]:
    whole = [(path,) if isinstance(path, str) else path for path in paths]
    return tuple(_Place(path[:-1], path[-1], ".".join(path)) for path in whole)


# Besides its own name, in this order; the first that is there counts.
_ALIASES: dict[str, tuple[_Place, ...]] = {
    "service": _places(
        ("service", "name"),
        "service_name",
        "app",
        "application",
        (*_KUBERNETES_LABELS, "app.kubernetes.io/name"),
        (*_KUBERNETES_LABELS, "app_kubernetes_io/name"),
        (*_KUBERNETES_LABELS, "app"),
        (*_KUBERNETES_LABELS, "k8s-app"),
        ("kubernetes", "container_name"),
        "container_name",
        "_SYSTEMD_UNIT",
        "fluentd_tag",
        "tag",
    ),
    "host": _places("hostname", ("host", "name"), ("kubernetes", "host"), ("kubernetes", "node_name"), "_HOSTNAME"),
    "region": _places(
        ("cloud", "region"),
        (*_KUBERNETES_LABELS, "topology.kubernetes.io/region"),
        (*_KUBERNETES_LABELS, "topology_kubernetes_io/region"),
    ),
    "namespace": _places(("kubernetes", "namespace_name")),
    "pod": _places(("kubernetes", "pod_name")),
    "container": _places(("kubernetes", "container_name"), "container_name"),
}


class RecordLabels(Mapping[str, str]):
    """The short plain values of a JSON object as labels, those of objects inside it under dotted names.

    Labels are looked up when asked for, since few of a record's many are.  A value is text of 1 to 256 characters, an integer of 64
    bits or a boolean (``"true"``, ``"false"``); fractions, nulls, arrays and longer texts are no labels.

    Parameters
    ----------
    record : dict
        As decoded from JSON.
    skipped : frozenset of str
        Top-level fields that are no labels.

    Examples
    --------
    >>> record = {"message": "x", "port": 80, "kubernetes": {"pod_name": "api-1", "labels": {"app": "api"}}}
    >>> labels = RecordLabels(record, frozenset({"message"}))
    >>> labels["service"], labels["pod"], labels.get("region", ""), labels["kubernetes.labels.app"]
    ('api', 'api-1', '', 'api')
    >>> sorted(labels)
    ['kubernetes.labels.app', 'kubernetes.pod_name', 'pod', 'port', 'service']
    """

    __slots__ = ("_record", "_skipped")

    def __init__(self, record: dict[str, Any], skipped: frozenset[str]) -> None:
        self._record = record
        self._skipped = skipped

    def __getitem__(self, name: str) -> str:
        value = self.find(name)
        if value is None:
            raise KeyError(name)
        return value

    def find(self, name: str) -> str | None:
        """The label, or None: what `get` gives, quicker."""
        if name in self._skipped:
            return None
        record = self._record
        value = _find(record, name, 1)
        return value if value is not None else _find_alias(record, name)

    def __iter__(self) -> Iterator[str]:
        names = dict.fromkeys(_walk(self._record, "", self._skipped, 1))
        names.update(dict.fromkeys(name for name in _ALIASES if name not in names and name in self))
        return iter([name for name in names if name in self])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.find(name) is not None

    def __repr__(self) -> str:
        return f"RecordLabels({dict(self)!r})"


def _find(record: dict[str, Any], name: str, depth: int) -> str | None:
    text = _text_of(record.get(name))
    if text is not None:
        return text
    dot = name.find(".")
    while dot >= 0 and depth < _MAX_DEPTH:
        inner = record.get(name[:dot])
        if isinstance(inner, dict):
            found = _find(inner, name[dot + 1 :], depth + 1)
            if found is not None:
                return found
        dot = name.find(".", dot + 1)
    return None


def _find_alias(record: dict[str, Any], name: str) -> str | None:
    for objects, inner_name, dotted in _ALIASES.get(name, ()):
        inner: Any = record
        for one in objects:
            inner = inner.get(one)
            if not isinstance(inner, dict):
                break
        else:
            value = inner.get(inner_name)
            if value is not None and (text := _text_of(value)) is not None:
                return text
        if objects and dotted in record and (text := _text_of(record[dotted])) is not None:
            return text
    return None


def _text_of(value: object) -> str | None:
    if isinstance(value, str):
        return value if 0 < len(value) <= MAX_VALUE_CHARACTERS else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return str(value)
    return None


def _walk(record: dict[str, Any], prefix: str, skipped: frozenset[str], depth: int) -> Iterator[str]:
    for name, value in record.items():
        if name in skipped:
            continue
        if isinstance(value, dict):
            if depth < _MAX_DEPTH:
                yield from _walk(value, f"{prefix}{name}.", frozenset(), depth + 1)
        elif _text_of(value) is not None:
            yield prefix + name
