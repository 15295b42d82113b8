"""From pydantic's errors to problems with a place and a cure; and what can be kept of a file that has some."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from models.parameters import nearest_name
from pipeline.config.cure import cure_value, default_hint, show_found
from pipeline.config.document import Document
from pipeline.config.options import Option, describe_type, option_at, section_options, sections_of
from pipeline.config.report import KeyPath, render_path
from pipeline.config.schema import Config

__all__ = ["Kept", "explain_errors", "keep_valid"]

_CODE_BY_TYPE = {
    "extra_forbidden": "CFG101",
    "missing": "CFG102",
    "union_tag_not_found": "CFG102",
    "union_tag_invalid": "CFG202",
    "literal_error": "CFG202",
    "greater_than": "CFG203",
    "greater_than_equal": "CFG203",
    "less_than": "CFG203",
    "less_than_equal": "CFG203",
    "finite_number": "CFG203",
    "string_pattern_mismatch": "CFG204",
    "string_too_short": "CFG204",
    "string_too_long": "CFG204",
    "too_short": "CFG205",
    "too_long": "CFG205",
}
"""Every other type of error is a wrong type of value."""

_MAX_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class _Error:
    type: str
    path: KeyPath
    is_of_key: bool
    is_of_union: bool


def explain_errors(error: ValidationError, document: Document) -> None:
    """Note pydantic's errors in the document as problems of its own; errors where there is a problem already are dropped.

    Parameters
    ----------
    error : ValidationError
        Of `Config`.
    document : Document
        The file it was validated from; its `problems` grow.
    """
    taken = {problem.path for problem in document.problems}
    told: set[tuple[KeyPath, str]] = set()
    for one in _locate(error, document.data):
        code = _CODE_BY_TYPE.get(one.type, "CFG201")
        if one.path in taken or (one.path, code) in told:
            continue
        told.add((one.path, code))
        _explain(one, code, document)


def _locate(error: ValidationError, data: Any) -> list[_Error]:
    errors = [_to_error(details, data) for details in error.errors(include_url=False, include_context=False, include_input=False)]
    deep = {one.path for one in errors}

    def is_superseded(one: _Error) -> bool:
        # Of the members of a union that were tried, the one that got deepest is the one that was meant.
        return one.is_of_union and any(len(path) > len(one.path) and path[: len(one.path)] == one.path for path in deep)

    return [one for one in errors if not is_superseded(one)]


def _to_error(details: ErrorDetails, data: Any) -> _Error:
    """pydantic's location without the names of union members, which stand nowhere in the file."""
    path: list[str | int] = []
    here = data
    n_skipped = 0
    parts: list[Any] = [part for part in details["loc"] if part != "[key]"]
    for i, part in enumerate(parts):
        if (isinstance(here, dict) and part in here) or (isinstance(here, list) and isinstance(part, int) and part < len(here)):
            here = here[part]
        elif i == len(parts) - 1 and details["type"] == "missing":
            pass
        else:
            n_skipped += 1
            continue
        path.append(part)
    return _Error(details["type"], tuple(path), "[key]" in details["loc"], n_skipped > 0)


def _value_at(data: Any, path: KeyPath) -> Any:
    for part in path:
        data = data[part]
    return data


def _explain(one: _Error, code: str, document: Document) -> None:
    path = one.path
    if one.type == "missing":
        option = option_at(path, document.data) or Option(str)
        cure = f"add {path[-1]}: {option.words}"
        document.report(
            path, code, expected=f"the key {path[-1]} in {render_path(path[:-1]) or 'the file'}", found="no such key", cure=cure
        )
        return
    if one.type == "extra_forbidden":
        _explain_unknown(path, code, document)
        return
    value = _value_at(document.data, path)
    option = option_at(path, document.data) or Option(Config)
    if one.is_of_key:
        _explain_key(path, code, document)
        return
    if one.type in ("union_tag_not_found", "union_tag_invalid"):
        kinds = [str(section.model_fields["type"].default) for section in sections_of(option.annotation)]
        found = value.get("type")
        near = nearest_name(found, kinds) if isinstance(found, str) else None
        choices = kinds[0] if len(kinds) == 1 else f"{', '.join(kinds[:-1])} or {kinds[-1]}"
        cure = f"write type: {near or choices}"
        shown = show_found(found, path) if found is not None else "no type"
        at = (*path, "type") if found is not None else path
        document.report(at, code, expected=f"a type, {choices}", found=shown, cure=cure)
        return
    cure = cure_value(option, value, path)
    if one.type == "literal_error" and isinstance(value, str):
        near = nearest_name(value, option.words.replace(" or ", ", ").split(", "))
        cure = f"did you mean {near}?" if near else cure
    document.report(path, code, expected=option.words, found=show_found(value, path), cure=cure)


def _explain_unknown(path: KeyPath, code: str, document: Document) -> None:
    around = option_at(path[:-1], document.data)
    sections = sections_of(around.annotation) if around else []
    siblings = _value_at(document.data, path[:-1])
    wanted = siblings.get("type") if len(sections) > 1 else None
    chosen = [one for one in sections if wanted is None or wanted == one.model_fields["type"].default]
    known = [name for section in chosen for name in section_options(section)]
    near = nearest_name(str(path[-1]), [name for name in known if name not in siblings])
    cure = f"did you mean {near}?" if near else f"remove it; known here: {', '.join(known)}"
    document.report(path, code, expected="a known key", found=str(path[-1]), cure=cure, of_key=True)


def _explain_key(path: KeyPath, code: str, document: Document) -> None:
    """A key of a mapping whose keys are data: a label name, a severity."""
    around = option_at(path[:-1], document.data)
    key_type = around.annotation.__args__[0] if around is not None else str
    words = describe_type(key_type)
    near = nearest_name(str(path[-1]), words.replace(" or ", ", ").split(", "))
    cure = f"did you mean {near}?" if near else f"write {words}" + (default_hint(around) if around else "")
    document.report(path, code, expected=words, found=show_found(str(path[-1]), path[:-1]), cure=cure, of_key=True)


@dataclass(slots=True)
class Kept:
    """What could be kept of a file with problems, so that the rules can look at the rest.

    Attributes
    ----------
    config : Config or None
        None when too little is left.
    pruned : list of tuple
        Key paths, in the file, that were left out.
    indexes : dict
        By path of a list in `config`: where its entries stand in the file.
    """

    config: Config | None = None
    pruned: list[KeyPath] = field(default_factory=list)
    indexes: dict[KeyPath, list[int]] = field(default_factory=dict)

    def to_file(self, path: KeyPath) -> KeyPath:
        """A key path of `config` as one of the file."""
        out: list[str | int] = []
        for n, part in enumerate(path):
            indexes = self.indexes.get(path[:n])
            out.append(indexes[part] if isinstance(part, int) and indexes is not None else part)
        return tuple(out)

    def is_touched(self, paths: Sequence[KeyPath]) -> bool:
        """Whether something at, below or above one of these paths of `config` was left out."""
        mine = [self.to_file(path) for path in paths]
        return any(path[: len(one)] == one or one[: len(path)] == path for path in self.pruned for one in mine)


_PLACEHOLDERS: dict[str, Any] = {
    "version": 1,
    "topics": [{"name": "placeholder", "kind": "metrics", "format": "metric_json"}],
    "detectors": [{"name": "placeholder"}],
}
"""Stand in for keys that must be there, so that one that is missing or wrong does not keep the rules from the rest."""


class _Dropped:
    """Stands in a list for an entry that was left out, so that the others keep their index."""


def keep_valid(data: Any, bad: Sequence[KeyPath]) -> Kept:
    """Leave out what is wrong until the rest is a configuration.

    Parameters
    ----------
    data : object
        Values of the file; not changed.
    bad : sequence of tuple
        Key paths of problems found while reading.

    Examples
    --------
    >>> topic = {"name": "m", "kind": "metrics", "format": "metric_json"}
    >>> data = {"version": 1, "topics": [{"name": "x"}, topic], "detectors": [{"name": "d", "absence": 3}]}
    >>> kept = keep_valid(data, [])
    >>> kept.config.topics[0].name, kept.to_file(("topics", 0, "name")), kept.pruned
    ('m', ('topics', 1, 'name'), [('topics', 0), ('detectors', 0, 'absence')])
    """
    kept = Kept()
    data = copy.deepcopy(data)
    for path in bad:
        _prune(data, path, kept)
    for _ in range(_MAX_ROUNDS):
        compact = _compact(data, (), kept.indexes)
        try:
            kept.config = Config.model_validate(compact)
        except ValidationError as error:
            located = [_to_error(details, compact) for details in error.errors(include_url=False, include_context=False)]
            for one in located:
                if one.type == "missing" and len(one.path) == 1:
                    data[one.path[0]] = copy.deepcopy(_PLACEHOLDERS[str(one.path[0])])
                    kept.pruned.append(one.path)
                    continue
                _prune(data, kept.to_file(one.path[:-1] if one.type == "missing" else one.path), kept)
        else:
            return kept
    return kept


def _prune(data: Any, path: KeyPath, kept: Kept) -> None:
    """Leave out what stands at `path`; an entry of a list goes as a whole."""
    if any(path[: len(gone)] == gone for gone in kept.pruned):
        return
    while path:
        try:
            around = _value_at(data, path[:-1])
            if not isinstance(around, list):
                del around[path[-1]]
            elif isinstance(path[-1], int):
                around[path[-1]] = _Dropped()
            else:
                raise TypeError(path[-1])
        except (KeyError, IndexError, TypeError):
            path = path[:-1]
            continue
        kept.pruned.append(path)
        return


def _compact(data: Any, path: KeyPath, indexes: dict[KeyPath, list[int]]) -> Any:
    if isinstance(data, dict):
        return {name: _compact(value, (*path, name), indexes) for name, value in data.items()}
    if isinstance(data, list):
        present = [i for i, one in enumerate(data) if not isinstance(one, _Dropped)]
        indexes[path] = present
        return [_compact(data[i], (*path, n), indexes) for n, i in enumerate(present)]
    return data
