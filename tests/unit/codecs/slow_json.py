"""JSON as the standard library reads it, strict where the codecs are: the slow decoders' ground."""

from __future__ import annotations

import json
import re
from typing import Any

__all__ = ["Bad", "NotUtf8", "Number", "Pairs", "is_text", "parse_object"]


class Bad(Exception):  # noqa: N818 - not an error of the tests
    pass


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


def parse_object(value: bytes) -> Pairs:
    """The object that `value` is, or `Bad`."""
    tree = _parse(value)
    if not isinstance(tree, Pairs):
        raise Bad
    return tree


def is_text(one: Any) -> bool:
    """Whether it was written as a text, all of it UTF-8."""
    return isinstance(one, str) and not isinstance(one, Number | NotUtf8)
