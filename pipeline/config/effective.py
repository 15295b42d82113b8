"""The effective configuration: every value with where it comes from, secrets masked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from models import registry
from models.parameters import settle_parameters
from pipeline.config.cure import is_secret
from pipeline.config.dump import dump_value
from pipeline.config.load import LoadedConfig
from pipeline.config.report import MASK, KeyPath, render_path
from pipeline.config.schema import DetectorSettings

__all__ = ["EffectiveValue", "list_values", "mask_credentials", "render_effective"]

_CREDENTIALS = re.compile(r"(?<=//)[^/@\s]*@|^[^/@\s]*:[^/@\s]*@")
_COMMENT_COLUMN = 64
_COLUMNS = frozenset({"features", "n_features"})
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class EffectiveValue:
    """One value that is not a section of others.

    Attributes
    ----------
    path : tuple of str and int
        Key path.
    value : object
        Plain value, secrets masked.
    origin : str
        ``file:line``, ``default``, ``default of <model>``, ``environment <variable>`` or ``command line``.
    """

    path: KeyPath
    value: Any
    origin: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, the key path as text."""
        return {"path": render_path(self.path), "value": self.value, "origin": self.origin}


def mask_credentials(text: str) -> str:
    """A text with the credentials of an address masked.

    Examples
    --------
    >>> mask_credentials("https://me:pw@host/x"), mask_credentials("kafka:9092"), mask_credentials("ops@example.org")
    ('https://***@host/x', 'kafka:9092', 'ops@example.org')
    """
    return _CREDENTIALS.sub(f"{MASK}@", text)


def list_values(loaded: LoadedConfig) -> list[EffectiveValue]:
    """Every value of a configuration in the order of the schema.

    Parameters
    ----------
    loaded : LoadedConfig
        With the positions of its file.

    Examples
    --------
    >>> from pipeline.config.load import load_document
    >>> from pipeline.config.source import parse_text
    >>> text = '''version: 1
    ... topics: [{name: metrics, kind: metrics, format: metric_json}]
    ... detectors: [{name: all}]
    ... '''
    >>> values = list_values(load_document(parse_text(text, "t.yaml"), overrides={"broker.bootstrap": "kafka:9092"}))
    >>> for one in values[:3]:
    ...     print(render_path(one.path), one.value, one.origin, sep=" | ")
    version | 1 | t.yaml:1
    broker.bootstrap | kafka:9092 | command line
    broker.security.protocol | plaintext | default
    """
    return list(_walk(loaded.config, (), loaded, "default"))


def _walk(value: Any, path: KeyPath, loaded: LoadedConfig, default: str) -> Iterator[EffectiveValue]:
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            if name == "model" and isinstance(value, DetectorSettings):
                yield from _walk_model(value, (*path, name), loaded, default)
            else:
                yield from _walk(getattr(value, name), (*path, name), loaded, default)
        return
    if isinstance(value, Mapping) and value:
        for name, one in value.items():
            yield from _walk(one, (*path, name), loaded, default)
        return
    if isinstance(value, list) and any(isinstance(one, BaseModel | Mapping | list) for one in value):
        for i, one in enumerate(value):
            yield from _walk(one, (*path, i), loaded, default)
        return
    yield EffectiveValue(path, _mask(value, path), _origin(path, loaded, default))


def _walk_model(detector: DetectorSettings, path: KeyPath, loaded: LoadedConfig, default: str) -> Iterator[EffectiveValue]:
    """A model with all its parameters; the columns of a detector with a group are told by the group."""
    model = detector.model
    yield from _walk(model.type, (*path, "type"), loaded, default)
    settled = settle_parameters(model.type, registry.schema(model.type), model.parameters)
    if detector.group is not None:
        settled = {name: value for name, value in settled.items() if name not in _COLUMNS}
    yield from _walk(settled, (*path, "parameters"), loaded, f"default of {model.type}")


def _mask(value: Any, path: KeyPath) -> Any:
    if value is not None and is_secret(path):
        # A secret written where the name of its variable belongs must not be told either.
        is_told = path[-1] == "file" or (path[-1] == "env" and _VARIABLE.fullmatch(str(value)))
        return value if is_told else MASK
    if isinstance(value, str):
        return mask_credentials(value)
    return [_mask(one, path) for one in value] if isinstance(value, list) else value


def _origin(path: KeyPath, loaded: LoadedConfig, default: str) -> str:
    for n in range(len(path), 0, -1):
        if (origin := loaded.origins.get(path[:n])) is not None:
            return origin
    place = loaded.document.value_places.get(path)
    return default if place is None else f"{loaded.document.name}:{place.line}"


def render_effective(values: list[EffectiveValue]) -> str:
    """The values as a file that can be loaded again, each with its origin in a comment.

    Examples
    --------
    >>> values = [EffectiveValue(("worker", "group"), "a", "t.yaml:3"), EffectiveValue(("worker", "web_port"), 8088, "default")]
    >>> print(re.sub(" +#", "  #", render_effective(values)))
    worker:
      group: a  # t.yaml:3
      web_port: 8088  # default
    <BLANKLINE>
    """
    lines: list[str] = []
    above: KeyPath = ()
    for one in values:
        shared = 0
        while shared < min(len(above), len(one.path) - 1) and above[shared] == one.path[shared]:
            shared += 1
        lines += _headings(one.path, shared)
        text = _place(one.path) + " " + dump_value(one.value)
        lines.append(f"{text:<{_COMMENT_COLUMN}}  # {one.origin}")
        above = one.path
    return _join_dashes(lines)


def _indent(path: KeyPath) -> str:
    """Two columns a level; the entries of a list stand two columns in from its key."""
    return "  " * (len(path) - 1)


def _place(path: KeyPath) -> str:
    part = path[-1]
    return _indent(path) + ("-" if isinstance(part, int) else f"{dump_value(part)}:")


def _headings(path: KeyPath, shared: int) -> Iterator[str]:
    for n in range(shared + 1, len(path)):
        yield _place(path[:n])


def _join_dashes(lines: list[str]) -> str:
    """Put the first key of a list's entry on the line of its dash, as people write it."""
    joined: list[str] = []
    for line in lines:
        if joined and joined[-1].endswith("-") and not joined[-1].strip("- "):
            dash = joined.pop()
            line = dash + line[len(dash) :]
        joined.append(line)
    return "\n".join(joined) + "\n"
