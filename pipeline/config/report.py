"""Problems of a configuration: where, what was found, what was expected, the cure; and how they are told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.config.codes import CODES
from pipeline.errors import ConfigError

__all__ = ["InvalidConfigError", "KeyPath", "Problem", "render_path", "sort_problems"]

KeyPath = tuple[str | int, ...]
"""Keys and list indexes from the top of the file down to a value."""

MASK = "***"
"""Stands where a secret would."""


def render_path(path: KeyPath) -> str:
    """A key path as text.

    Examples
    --------
    >>> render_path(("topics", 2, "config", "retention.ms"))
    'topics[2].config.retention.ms'
    >>> render_path(())
    ''
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes
    ----------
    file : str
        File, or where else the value came from.
    line, column : int
        Place in the file, counted from 1; 0 = not in a file.
    path : tuple of str and int
        Key path.
    code : str
        Key of `pipeline.config.codes.CODES`.
    expected, found : str
        In words.
    cure : str
        What to do about it.

    Examples
    --------
    >>> print(Problem("topics.yaml", 14, 7, ("topics", 2, "lateness_secs"), "CFG203",
    ...               "a number, at least 0", "-1", "give seconds, or remove it (default 60)").render())
    topics.yaml:14:7  topics[2].lateness_secs  CFG203
      expected a number, at least 0; found -1
      fix: give seconds, or remove it (default 60)
    """

    file: str
    line: int
    column: int
    path: KeyPath
    code: str
    expected: str
    found: str
    cure: str

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"problem code {self.code!r}: expected one of pipeline.config.codes.CODES")

    @property
    def place(self) -> str:
        """``file:line:column``, or the bare origin when there is no line."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def render(self) -> str:
        """Three lines of text."""
        head = "  ".join(part for part in (self.place, render_path(self.path), self.code) if part)
        return f"{head}\n  expected {self.expected}; found {self.found}\n  fix: {self.cure}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, the key path as text."""
        return asdict(self) | {"path": render_path(self.path)}


def sort_problems(problems: Iterable[Problem]) -> list[Problem]:
    """In the order of the file, each once.

    Examples
    --------
    >>> low, high = (Problem("t", line, 1, (), "CFG301", "a", "b", "c") for line in (1, 9))
    >>> sort_problems([high, low, high]) == [low, high]
    True
    """
    unique = dict.fromkeys(problems)
    return sorted(
        unique, key=lambda problem: (problem.file, problem.line, problem.column, problem.code, render_path(problem.path))
    )


class InvalidConfigError(ConfigError):
    """A configuration with all that is wrong with it.

    Parameters
    ----------
    found : sequence of Problem
        At least one.

    Attributes
    ----------
    found : tuple of Problem
        In the order of the file.
    """

    def __init__(self, found: Sequence[Problem]) -> None:
        self.found = tuple(sort_problems(found))
        rendered = tuple(problem.render() for problem in self.found)
        super().__init__("\n".join(rendered), problems=rendered)
