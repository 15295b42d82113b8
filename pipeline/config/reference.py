"""Writes the options in ``docs/configuration.md`` from the schema, so that the page cannot fall behind it.

Run from the repository's root::

    python -m pipeline.config.reference
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from pipeline.config.codes import CODES
from pipeline.config.options import MISSING, Option, section_options, sections_of, show_plain
from pipeline.config.schema import Config

__all__ = ["PAGE", "render_reference"]

PAGE = Path("docs") / "configuration.md"

_MARK = "<!-- From here on written by `python -m pipeline.config.reference`: change the schema, not this. -->\n"


def render_reference(page: str) -> str:
    """The page with everything below its mark written anew.

    Parameters
    ----------
    page : str
        As it is: what stands above the mark is kept.

    Raises
    ------
    ValueError
        The mark is gone.

    Examples
    --------
    >>> page = render_reference(f"# Mine\\n{_MARK}")
    >>> page.startswith("# Mine"), "`bootstrap`" in page, "CFG101" in page
    (True, True, True)
    """
    above, mark, _ = page.partition(_MARK)
    if not mark:
        raise ValueError(f"{PAGE}: found no mark, expected the line {_MARK.strip()}; put it back above the options")
    paths: dict[type[BaseModel], list[str]] = {}
    _collect("", Config, paths, ())
    parts = [_MARK, *(_render_section(section, places) for section, places in paths.items()), _render_codes()]
    return above + "\n".join(parts).rstrip() + "\n"


def _collect(
    path: str, section: type[BaseModel], paths: dict[type[BaseModel], list[str]], above: tuple[type[BaseModel], ...]
) -> None:
    """Every section with the places where it may stand, in the order of the file."""
    paths.setdefault(section, []).append(path)
    for name, option in section_options(section).items():
        inner = f"{path}.{name}".lstrip(".") + _suffix(option.annotation)
        for one in _sections_below(option.annotation):
            if one not in (*above, section):
                _collect(inner, one, paths, (*above, section))


def _render_section(section: type[BaseModel], places: list[str]) -> str:
    options = section_options(section)
    lines = []
    if places != [""]:
        kind = f", `type: {show_plain(options['type'].default)}`" if _is_choice(options) else ""
        lines.append(f"### {', '.join(f'`{place}`' for place in dict.fromkeys(places))}{kind}\n")
    sentence = " ".join((section.__doc__ or "").partition("\n\n")[0].split())
    lines += [f"{sentence}\n", "| option | accepts | default | |\n|---|---|---|---|"]
    lines += [f"| `{name}` | {_cell(one.words)} | {_default(one)} | {_cell(one.sentence)} |" for name, one in options.items()]
    return "\n".join([*lines, ""])


def _is_choice(options: dict[str, Option]) -> bool:
    own = options.get("type")
    return own is not None and len(get_args(own.annotation)) == 1


def _sections_below(annotation: Any) -> list[type[BaseModel]]:
    """Sections at a place, or in the lists and mappings that stand there."""
    found = sections_of(annotation)
    for member in _members(annotation):
        if get_origin(member) is list:
            found += _sections_below(get_args(member)[0])
        elif get_origin(member) is dict:
            found += _sections_below(get_args(member)[1])
    return list(dict.fromkeys(found))


def _suffix(annotation: Any) -> str:
    origins = {get_origin(member) for member in _members(annotation)}
    return "[]" if list in origins else ".*" if dict in origins else ""


def _members(annotation: Any) -> tuple[Any, ...]:
    return (
        (annotation,)
        if get_origin(annotation) in (list, dict)
        else tuple(one for one in get_args(annotation) if one is not NoneType)
    )


def _default(option: Option) -> str:
    if option.default is MISSING:
        return "**must be given**"
    if isinstance(option.default, BaseModel) and not option.default.model_fields_set:
        return "see below"
    return f"`{show_plain(option.default)}`".replace("|", "\\|")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")


def _render_codes() -> str:
    lines = [
        "## Problems\n",
        "Every problem has a code. They are stable: tools may go by them (`streamwarden check --json`).\n",
        "| code | |\n|---|---|",
    ]
    return "\n".join([*lines, *(f"| `{code}` | {_cell(sentence)} |" for code, sentence in CODES.items())])


if __name__ == "__main__":
    PAGE.write_text(render_reference(PAGE.read_text()))
    sys.stdout.write(f"{PAGE} written\n")
