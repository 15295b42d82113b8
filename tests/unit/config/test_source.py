"""YAML with positions: plain scalars, places, merges."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.config.document import Place
from pipeline.config.dump import dump_value, dump_yaml
from pipeline.config.source import parse_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("off", "off"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("'true'", "true"),
        ("1e3", 1000),
        ("1.5e3", 1500.0),
        ("1e-5", 1e-05),
        ("-1E2", -100),
        ("007", "007"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("0x1F", 31),
        ("0o17", 15),
        ("2026-01-01", "2026-01-01"),
        (".5", 0.5),
        ("5.", 5.0),
        ("1.2.3", "1.2.3"),
        ("=", "="),
    ],
)
def test_plain_scalars(text: str, value: object) -> None:
    document = parse_text(f"a: {text}", "t")
    assert not document.problems
    assert document.data == {"a": value}
    assert type(document.data["a"]) is type(value)


def test_special_floats() -> None:
    data = parse_text("[.inf, -.inf, .nan]", "t").data
    assert data[:2] == [float("inf"), float("-inf")]
    assert data[2] != data[2]


def test_places_through_flow_and_block() -> None:
    document = parse_text("a:\n  - {b: 1,\n     c: [x, y]}\n", "t")
    assert document.place(("a", 0, "b")) == Place(2, 9)
    assert document.place(("a", 0, "c", 1)) == Place(3, 13)
    assert document.place(("a", 0, "c"), of_key=True) == Place(3, 6)
    # Of what is not there, the nearest thing around it that is.
    assert document.place(("a", 0, "z", 4)) == Place(2, 5)
    assert document.place(("z",)) == Place(1, 1)


def test_merged_values_stand_where_they_were_written() -> None:
    document = parse_text("x-base: &base\n  a: 1\n  b: {c: 2}\nmine:\n  <<: *base\n  a: 3\n", "t")
    assert document.data["mine"] == {"a": 3, "b": {"c": 2}}
    assert document.place(("mine", "a")) == Place(6, 6)
    assert document.place(("mine", "b", "c")) == Place(3, 10)


def test_the_first_of_several_merged_mappings_wins() -> None:
    document = parse_text("one: &one {a: 1}\ntwo: &two {a: 2, b: 2}\nmine: {<<: [*one, *two]}\n", "t")
    assert document.data["mine"] == {"a": 1, "b": 2}
    assert document.place(("mine", "a")) == Place(1, 15)


def test_a_quoted_double_arrow_is_a_key() -> None:
    assert parse_text("{'<<': 1}", "t").data == {"<<": 1}


def plain_values() -> st.SearchStrategy[Any]:
    scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=12)
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1, max_size=6), inner, max_size=4),
        max_leaves=12,
    )


@given(st.dictionaries(st.text(min_size=1, max_size=6), plain_values(), min_size=1, max_size=4))
def test_what_is_dumped_is_read_the_same(data: dict[str, Any]) -> None:
    document = parse_text(dump_yaml(data), "t")
    assert not document.problems
    assert document.data == data


@example("\n")
@example(["a\nb"])
@given(st.text(max_size=20) | st.lists(st.text(max_size=8), max_size=3))
def test_a_value_on_one_line_is_read_the_same(value: Any) -> None:
    text = f"a: {dump_value(value)}\n"
    assert text.count("\n") == 1
    assert parse_text(text, "t").data == {"a": value}
