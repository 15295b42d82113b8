"""The schema as data: which options there are, what each accepts in words, its default and its sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pipeline.config.report import KeyPath
from pipeline.config.schema import Config, Form

__all__ = ["MISSING", "Option", "describe_type", "option_at", "section_options", "sections_of", "show_plain"]

MISSING: Any = PydanticUndefined
"""Default of an option that must be given."""


@dataclass(frozen=True, slots=True)
class Option:
    """One place in the configuration.

    Attributes
    ----------
    annotation : object
        Type, with `Annotated` taken off.
    metadata : tuple
        Bounds, pattern and `Form`.
    default : object
        `MISSING` where there is none.
    sentence : str
        What it does; "" for entries of lists and mappings.
    """

    annotation: Any
    metadata: tuple[Any, ...] = ()
    default: Any = MISSING
    sentence: str = ""

    @property
    def words(self) -> str:
        """What is accepted."""
        return describe_type(self.annotation, self.metadata)


def section_options(section: type[BaseModel]) -> dict[str, Option]:
    """Options of one section by key, in the order of the schema.

    Examples
    --------
    >>> from pipeline.config.schema import SourceTopic
    >>> options = section_options(SourceTopic)
    >>> options["partitions"].words, options["partitions"].default
    ('an integer from 1 to 10000', 6)
    """
    return {name: _option_of(field) for name, field in section.model_fields.items()}


def option_at(path: KeyPath, data: Any) -> Option | None:
    """The option at a key path; None where the schema has no such place.

    Parameters
    ----------
    path : tuple of str and int
        Key path.
    data : object
        The file's values: where one of several sections may stand, its key `type` decides.

    Examples
    --------
    >>> option_at(("detectors", 0, "threshold", "probability"), {"detectors": [{"threshold": {"type": "tail"}}]}).words
    'a number above 0 and below 0.5'
    >>> option_at(("detectors", 0, "thresholds"), {}) is None
    True
    """
    option = Option(Config)
    here = data
    for part in path:
        step = _step(option, part, here)
        if step is None:
            return None
        option = step
        try:
            here = here[part]
        except (KeyError, IndexError, TypeError):
            here = None
    return option


def sections_of(annotation: Any) -> list[type[BaseModel]]:
    """Sections that may stand at a place.

    Examples
    --------
    >>> from pipeline.config.detectors import Threshold
    >>> [section.__name__ for section in sections_of(Threshold)]
    ['TailThreshold', 'FixedThreshold']
    """
    annotation, _ = _bare(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, UnionType):
        return [section for one in get_args(annotation) for section in sections_of(one)]
    return []


def describe_type(annotation: Any, metadata: tuple[Any, ...] = ()) -> str:
    """What a type accepts, in words.

    Examples
    --------
    >>> describe_type(str | list[str]), describe_type(dict[str, str]), describe_type(Literal["a", "b"] | None)
    ('text or a list of texts', 'a mapping of names to text', 'a or b, or null')
    """
    annotation, inner = _bare(annotation)
    metadata = (*metadata, *inner)
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        members = [one for one in get_args(annotation) if one is not NoneType]
        choices = list(dict.fromkeys(describe_type(one) for one in members))
        return " or ".join(choices) + (", or null" if len(members) < len(get_args(annotation)) else "")
    if origin is Literal:
        choices = [str(choice) for choice in get_args(annotation)]
        return choices[0] if len(choices) == 1 else ", ".join(choices[:-1]) + f" or {choices[-1]}"
    if origin is list:
        words = describe_type(get_args(annotation)[0])
        plural = {"text": "texts", "a mapping": "mappings"}.get(words)
        return (f"a list of {plural}" if plural else f"a list, each {words}") + (
            f", at least {'one' if least == 1 else least}" if (least := _bound(metadata, "min_length")) else ""
        )
    if origin is dict:
        _, value = get_args(annotation)
        return "a mapping" if value is Any else f"a mapping of names to {describe_type(value)}"
    if forms := [one.words for one in metadata if isinstance(one, Form)]:
        return forms[-1]
    if annotation is str:
        return "text that is not empty" if _bound(metadata, "min_length") else "text"
    if annotation is bool:
        return "true or false"
    if annotation in (int, float):
        return ("an integer" if annotation is int else "a number") + _describe_range(metadata)
    return "a mapping"


def show_plain(value: Any) -> str:
    """A default or effective value on one line.

    Examples
    --------
    >>> show_plain(60.0), show_plain(1e-05), show_plain(None), show_plain(["a", "b"]), show_plain({"P0": "hold"}), show_plain(True)
    ('60', '1e-05', 'null', '[a, b]', '{P0: hold}', 'true')
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.15g}"
        case BaseModel():
            return show_plain(value.model_dump(exclude_unset=True)) if value.model_fields_set else "{}"
        case Mapping():
            return "{" + ", ".join(f"{name}: {show_plain(one)}" for name, one in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(show_plain(one) for one in value) + "]"
        case _:
            return str(value)


def _option_of(field: FieldInfo) -> Option:
    annotation, inner = _bare(field.annotation)
    return Option(annotation, (*field.metadata, *inner), field.default, field.description or "")


def _bare(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type without `Annotated`, and what was annotated."""
    metadata: list[Any] = []
    while get_origin(annotation) is Annotated:
        annotation, *inner = get_args(annotation)
        metadata += _spread(inner)
    return annotation, tuple(metadata)


def _spread(metadata: list[Any]) -> Iterator[Any]:
    for one in metadata:
        if isinstance(one, FieldInfo):
            yield from one.metadata
        else:
            yield one


def _step(option: Option, part: str | int, here: Any) -> Option | None:
    if isinstance(part, int):
        for member in _members(option.annotation):
            if get_origin(member) is list:
                annotation, metadata = _bare(get_args(member)[0])
                return Option(annotation, metadata)
        return None
    sections = sections_of(option.annotation)
    wanted = here.get("type") if isinstance(here, Mapping) else None
    for section in sections:
        own = section.model_fields.get("type")
        is_named = own is None or len(sections) == 1 or wanted in get_args(own.annotation)
        if is_named and part in section.model_fields:
            return section_options(section)[part]
    for section in sections:
        # Without a usable `type` any section that knows the key will do to describe it.
        if wanted is None and part in section.model_fields:
            return section_options(section)[part]
    for member in _members(option.annotation):
        if get_origin(member) is dict:
            annotation, metadata = _bare(get_args(member)[1])
            return Option(annotation, metadata)
    return None


def _members(annotation: Any) -> tuple[Any, ...]:
    annotation, _ = _bare(annotation)
    if get_origin(annotation) in (Union, UnionType):
        return tuple(_bare(one)[0] for one in get_args(annotation))
    return (annotation,)


def _bound(metadata: tuple[Any, ...], name: str) -> Any:
    return next((getattr(one, name) for one in metadata if getattr(one, name, None) is not None), None)


def _describe_range(metadata: tuple[Any, ...]) -> str:
    low, above = _bound(metadata, "ge"), _bound(metadata, "gt")
    high, below = _bound(metadata, "le"), _bound(metadata, "lt")
    if low is not None and high is not None:
        return f" from {low:g} to {high}"
    parts = []
    if above is not None:
        parts.append(f"above {above:g}")
    if low is not None:
        parts.append(f"of at least {low:g}")
    if high is not None:
        parts.append(f"of at most {high:g}")
    if below is not None:
        parts.append(f"below {below:g}")
    return " " + " and ".join(parts) if parts else ""
