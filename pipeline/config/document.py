"""A file of YAML with the places of everything in it, so that every problem can be pointed at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pipeline.config.report import KeyPath, Problem

__all__ = ["Document", "Place"]


class Place(NamedTuple):
    """Line and column of something in a file, counted from 1."""

    line: int
    column: int


@dataclass(slots=True)
class Document:
    """A parsed file.

    Attributes
    ----------
    name : str
        Of the file, for messages.
    data : object
        Plain values; None when there is nothing.
    key_places, value_places : dict
        Where keys and values stand, by key path.
    problems : list of Problem
        What is wrong with the file as YAML.
    """

    name: str
    data: Any = None
    key_places: dict[KeyPath, Place] = field(default_factory=dict)
    value_places: dict[KeyPath, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def place(self, path: KeyPath, *, of_key: bool = False) -> Place:
        """Where the value (or the key) at `path` stands; for what is not there, the nearest thing around it that is.

        Examples
        --------
        >>> from pipeline.config.source import parse_text
        >>> document = parse_text("broker:\\n  bootstrap: a:1\\n", "t.yaml")
        >>> document.place(("broker", "bootstrap")), document.place(("broker", "bootstrap"), of_key=True)
        (Place(line=2, column=14), Place(line=2, column=3))
        >>> document.place(("broker", "security", "protocol"))
        Place(line=1, column=1)
        """
        if of_key and path in self.key_places:
            return self.key_places[path]
        if path in self.value_places:
            return self.value_places[path]
        for n in range(len(path) - 1, 0, -1):
            around = path[:n]
            if around in self.key_places:
                return self.key_places[around]
            if around in self.value_places:
                return self.value_places[around]
        return Place(1, 1)

    def report(self, path: KeyPath, code: str, *, expected: str, found: str, cure: str, of_key: bool = False) -> None:
        """Note a problem at `path`."""
        line, column = self.place(path, of_key=of_key)
        self.problems.append(Problem(self.name, line, column, path, code, expected, found, cure))
