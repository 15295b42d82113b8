"""Whatever is done to the file that ships, it loads or is told what is wrong with it, at places that are in it."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.config.effective import list_values, render_effective
from pipeline.config.load import config_hash, load_document, load_text
from pipeline.config.report import InvalidConfigError, Problem
from pipeline.config.source import parse_bytes, parse_text

SHIPPED = (Path(__file__).parents[2] / "topics.yaml").read_text()
PLAIN: Any = parse_text(SHIPPED, "topics.yaml").data

# As YAML breaks lines.
LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
PIECES = (
    *":-#&*!|>'\"{}[],?%@`\t\n\r ~<",
    *("<<: *cut", "*sustained", "&cut", "---", "...", "!!int", "\ufeff", "\u2028", "\x85", "\x00", "é", "💥"),
    *("on", "null", "1e400", "-1", "0x10", "1_000", ".nan", ".inf", "9" * 30, "5m", "type", "default", "metrics", "*", ""),
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(2**70), max_value=2**70),
    st.floats(),
    st.sampled_from(
        ["", "*", "default", "tail", "fixed", "metrics", "all", "river_model", "half_space_trees", "P0", "below", "x" * 300]
    ),
    st.text(max_size=8),
    st.just([]),
    st.just({}),
    st.just([None]),
    st.just({"type": "fixed", "score": 0.5}),
    st.just({"model": "default"}),
    st.dictionaries(
        st.sampled_from(["type", "name", "match", "labels", "parameters", "x-mine", "env"]), st.integers(), max_size=3
    ),
)


def check_told(text: str, *, name: str = "topics.yaml") -> None:
    """Load it; if it cannot be, every problem must be at a place that there is, and can be rendered."""
    found: tuple[Problem, ...] = ()
    try:
        loaded = load_document(parse_text(text, name), with_secrets=True)
    except InvalidConfigError as error:
        found = error.found
    lines = LINE_BREAK.split(text)
    for problem in found:
        assert problem.render()
        assert 1 <= problem.line <= len(lines), problem
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1, problem
    if found:
        return
    # What loads can be told and loaded again, and means the same.
    again = load_text(render_effective(list_values(loaded)))
    assert config_hash(again) == config_hash(loaded.config)


def positions(text: str) -> st.SearchStrategy[int]:
    return st.integers(min_value=0, max_value=len(text))


@st.composite
def mangled_text(draw: st.DrawFn) -> str:
    text = SHIPPED
    for _ in range(draw(st.integers(min_value=1, max_value=4))):
        at = draw(positions(text))
        kind = draw(st.sampled_from(["insert", "delete", "cut", "line", "indent", "token"]))
        if kind == "insert":
            text = text[:at] + draw(st.sampled_from(PIECES)) + text[at:]
        elif kind == "delete":
            text = text[:at] + text[at + draw(st.integers(min_value=1, max_value=30)) :]
        elif kind == "cut":
            text = text[:at]
        else:
            lines = text.split("\n")
            i = draw(st.integers(min_value=0, max_value=len(lines) - 1))
            if kind == "line":
                lines.insert(draw(st.integers(min_value=0, max_value=len(lines))), lines[i])
            elif kind == "indent":
                lines[i] = " " * draw(st.integers(min_value=0, max_value=3)) + lines[i].removeprefix("  ")
            else:
                words = lines[i].split(" ")
                words[draw(st.integers(min_value=0, max_value=len(words) - 1))] = draw(st.sampled_from(PIECES))
                lines[i] = " ".join(words)
            text = "\n".join(lines)
    return text


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(below for key, one in inner for below in paths_of(one, (*path, key)))]


PATHS = [path for path in paths_of(PLAIN) if path]


@st.composite
def mangled_values(draw: st.DrawFn) -> str:
    data = copy.deepcopy(PLAIN)
    for _ in range(draw(st.integers(min_value=1, max_value=4))):
        path = draw(st.sampled_from(PATHS))
        around = data
        try:
            for part in path[:-1]:
                around = around[part]
            kind = draw(st.sampled_from(["replace", "delete", "rename", "double"]))
            if kind == "replace":
                around[path[-1]] = draw(VALUES)
            elif kind == "delete":
                del around[path[-1]]
            elif kind == "rename" and isinstance(around, dict):
                around[draw(st.text(max_size=6)) or "zz"] = around.pop(path[-1])
            elif isinstance(around, list):
                around.append(copy.deepcopy(around[path[-1]]))
        except (KeyError, IndexError, TypeError):
            continue
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mangled_text())
def test_mangled_text(text: str) -> None:
    check_told(text)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mangled_values())
def test_mangled_values(text: str) -> None:
    check_told(text)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    with pytest.raises(InvalidConfigError) as caught:
        load_document(parse_bytes(raw, "topics.yaml"))
    assert all(problem.render() for problem in caught.value.found)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{n}: &{n} [{', '.join([f'*{p}'] * 9)}]\n" for p, n in zip("abcdefg", "bcdefgh", strict=True)),
        "{" * 5_000,
        "[" * 5_000 + "]" * 5_000,
        "- " * 5_000,
        "a: " * 2_000,
        "x" * 2_000_000,
        "? " * 3_000,
    ],
    ids=["aliases", "braces", "brackets", "dashes", "colons", "large", "questions"],
)
def test_bombs_are_told_of(text: str) -> None:
    with pytest.raises(InvalidConfigError):
        load_text(text)
