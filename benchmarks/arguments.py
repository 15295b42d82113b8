"""Command lines of the benchmarks: help that teaches what a benchmark measures, and numbers that are refused before anything runs."""

from __future__ import annotations

import argparse
import math
import textwrap
from collections.abc import Callable
from inspect import cleandoc

__all__ = ["at_least", "make_parser", "positive_number"]


class _Teaching(argparse.HelpFormatter):
    """Paragraphs are filled to the width of the terminal, indented ones stay as they are; defaults are told."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        filled = [
            textwrap.indent(part, indent)
            if part.startswith(" ")
            else textwrap.fill(" ".join(part.split()), width, initial_indent=indent, subsequent_indent=indent)
            for part in text.split("\n\n")
        ]
        return "\n\n".join(filled)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)  # names of what can be chosen stay whole

    def _get_help_string(self, action: argparse.Action) -> str:
        told = action.help or ""
        is_plain = isinstance(action.default, int | float) and not isinstance(action.default, bool)
        return f"{told} (default: %(default)s)".strip() if is_plain else told


def make_parser(name: str, doc: str | None) -> argparse.ArgumentParser:
    """Parser of ``streamwarden bench NAME``, whose help is the docstring of the benchmark's module.

    Parameters
    ----------
    name : str
        Name of the command.
    doc : str or None
        The module's ``__doc__``: its first line stands before the options, the rest after them.

    Examples
    --------
    >>> parser = make_parser("stages", "Where the time goes.\\n\\nIn memory::\\n\\n    streamwarden bench stages\\n")
    >>> _ = parser.add_argument("--repeats", type=at_least(1), default=5, help="runs")
    >>> text = parser.format_help()
    >>> "Where the time goes." in text, "runs (default: 5)" in text, "\\nIn memory:\\n\\n    streamwarden bench stages" in text
    (True, True, True)
    """
    first, _, rest = cleandoc(doc or "").partition("\n")
    return argparse.ArgumentParser(
        prog=f"streamwarden bench {name}",
        description=first,
        epilog=rest.replace("::\n", ":\n").replace("``", "`").strip("\n"),
        formatter_class=_Teaching,
    )


def at_least(least: int) -> Callable[[str], int]:
    """Type of an argument: an integer that is not below `least`.

    Examples
    --------
    >>> at_least(1)("5")
    5
    >>> at_least(1)("0")
    Traceback (most recent call last):
    argparse.ArgumentTypeError: expected an integer of at least 1; found '0'
    """

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f"expected an integer of at least {least}; found {text!r}")
        return number

    return read


def positive_number(text: str) -> float:
    """Type of an argument: a finite number above 0.

    Examples
    --------
    >>> positive_number("0.5")
    0.5
    >>> positive_number("nan")
    Traceback (most recent call last):
    argparse.ArgumentTypeError: expected a number above 0; found 'nan'
    """
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not (math.isfinite(number) and number > 0.0):
        raise argparse.ArgumentTypeError(f"expected a number above 0; found {text!r}")
    return number
