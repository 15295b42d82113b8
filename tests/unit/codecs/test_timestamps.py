"""Timestamps against exact arithmetic, at every edge."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.codecs.timestamps import END_NS, parse_time, parse_times
from pipeline.errors import DecodeError
from tests.unit.codecs.slow_json import Bad
from tests.unit.codecs.slow_time import slow_time

EDGES = (0, 10**11, 10**14, 10**17, 7_258_118_400, 7_258_118_400_000, 7_258_118_400_000_000, END_NS)


def fast(raw: Any) -> int | None:
    try:
        return parse_time(raw)
    except DecodeError:
        return None


def slow(raw: Any) -> int | None:
    try:
        return slow_time(raw)
    except Bad:
        return None


@pytest.mark.parametrize("edge", EDGES)
def test_edges_of_units_and_of_the_range(edge: int) -> None:
    for near in (-2, -1, 0, 1, 2):
        assert fast(edge + near) == slow(edge + near), edge + near
    import math

    for number in (float(edge), math.nextafter(edge, -1), math.nextafter(edge, 1e19), edge - 0.5, edge + 0.5):
        assert fast(number) == slow(number), number


@settings(max_examples=1_000)
@given(st.one_of(st.integers(-5, 2**70), st.integers(0, 10**11), st.integers(10**11, 10**14), st.integers(10**14, 10**17)))
def test_integers_are_exact(number: int) -> None:
    assert fast(number) == slow(number)


@settings(max_examples=1_000)
@given(st.integers(0, 7_258_118_399), st.integers(0, 999_999))
@example(1_700_000_000, 123_456)
def test_microseconds_written_as_a_float_of_seconds_are_kept(secs: int, us: int) -> None:
    """Up to 2106 a float of seconds has the digits for it; later it gives the nearest that it has."""
    number = secs + us / 1e6
    expected = secs * 10**9 + us * 1_000
    found = fast(number)
    assert found is not None
    assert found == expected or (number >= 2**32 and abs(found - expected) <= 1_000)


@settings(max_examples=1_000)
@given(st.one_of(st.floats(0, 8e9), st.floats(1e11, 8e12), st.floats(1e14, 8e15), st.floats(allow_nan=True)))
def test_floats_are_within_half_a_microsecond_of_the_exact_time(number: float) -> None:
    if number != number or number in (float("inf"), float("-inf")):
        assert fast(number) is None
        return
    found, exact = fast(number), slow(number)
    if found is None or exact is None:
        assert found == exact
    else:
        # A tie may be rounded either way: the product with a million is itself rounded.
        assert abs(found - exact) in (0, 1_000)
        assert found == exact or _is_near_tie(number)


def _is_near_tie(number: float) -> bool:
    from fractions import Fraction

    unit_us = {True: 10**6}.get(number < 1e11, 10**3 if number < 1e14 else 1)
    part = Fraction(number) * unit_us % 1
    return abs(part - Fraction(1, 2)) < Fraction(1, 10**6)


_parts = st.tuples(
    st.sampled_from(
        ["1970-01-01", "1969-12-31", "2023-02-29", "2024-02-29", "2199-12-31", "2200-01-01", "0001-01-01", "9999-12-31", "23-1-1"]
    ),
    st.sampled_from(["T", "t", " ", "  ", "", "_"]),
    st.sampled_from(["00:00:00", "23:59:59", "23:59:60", "23:59:61", "24:00:00", "12:60:00", "12:00", "1:02:03"]),
    st.sampled_from(["", ".", ".5", ",5", ".000000001", ".9999999999", ".123456789012", ".x"]),
    st.sampled_from(["", " "]),
    st.sampled_from(
        ["", "Z", "z", "+00:00", "-00:00", "+14:00", "-23:59", "+23:59", "+24:00", "+01:60", "+0130", "+1", "UTC", "+１2:00"]
    ),
)


@settings(max_examples=2_000)
@given(_parts)
@example(("1970-01-01", "T", "00:00:00", "", " ", "+0000"))
def test_texts(parts: tuple[str, ...]) -> None:
    text = "".join(parts)
    assert fast(text) == slow(text), text


@settings(max_examples=1_500)
@given(st.text(st.sampled_from("0123456789-:.TZ+ ,"), max_size=30))
def test_other_texts(text: str) -> None:
    assert fast(text) == slow(text), text


_numbers = st.one_of(
    st.integers(-2, 2**64),
    st.integers(1_600_000_000, 1_800_000_000),
    st.integers(1_600_000_000_000, 1_800_000_000_000),
    st.floats(0, 8e9),
    st.floats(1.6e9, 1.8e9),
    st.floats(1.6e12, 1.8e12),
    st.sampled_from(EDGES),
    st.none(),
    st.just("1970-01-01T00:00:01Z"),
)


@settings(max_examples=1_000)
@given(
    st.one_of(
        st.lists(_numbers, min_size=1, max_size=6),
        *(
            st.lists(one, min_size=1, max_size=6)
            for one in (
                st.integers(1_600_000_000, 1_800_000_000),
                st.floats(1.6e9, 1.8e9),
                st.floats(1.6e12, 1.8e12),
                st.integers(10**14, 10**17),
            )
        ),
    )
)
def test_a_column_gives_what_one_by_one_gives_or_nothing(numbers: list[Any]) -> None:
    column = parse_times(numbers)
    if column is not None:
        assert column.tolist() == [parse_time(number) for number in numbers]
