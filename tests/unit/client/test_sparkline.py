"""Sparklines of anything."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from pipeline.client.sparkline import draw_sparkline, sparkline

VALUES = st.lists(st.none() | st.floats(allow_nan=True, allow_infinity=True), max_size=60)


@given(values=VALUES, width=st.integers(0, 40))
def test_one_character_a_value_and_gaps_where_nothing_is_finite(values: list[float | None], width: int) -> None:
    line = sparkline(values, width)
    tail = values[-width:] if width else []
    assert len(line) == len(tail)
    for value, block in zip(tail, line, strict=True):
        assert (block == " ") == (value is None or not math.isfinite(value))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=24, unique=True))
def test_order_is_kept_and_the_ends_are_the_ends(values: list[float]) -> None:
    line = sparkline(values)
    for (a, block_a), (b, block_b) in zip(
        sorted(zip(values, line, strict=True))[:-1], sorted(zip(values, line, strict=True))[1:], strict=True
    ):
        assert a < b
        assert block_a <= block_b
    assert line[values.index(max(values))] == "█"
    assert line[values.index(min(values))] == "▁"


def test_only_what_is_out_of_the_band_stands_out() -> None:
    text = draw_sparkline([1.0, 5.0, None, 0.0], lower=0.5, upper=4.0)
    styles = [str(span.style) for span in text.spans]
    assert styles == ["cyan", "bold red", "cyan", "bold red"]
