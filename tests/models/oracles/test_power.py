"""Roots and squares are Python's to the last bit, wherever the exact result lies."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.power_kernel import square, take_root, take_roots


@settings(deadline=None)
@given(st.floats(min_value=0.0, allow_nan=False, allow_infinity=True))
def test_root_of_any_float(x: float) -> None:
    assert take_root(x) == x**0.5


@settings(deadline=None)
@given(st.floats(min_value=-1e150, max_value=1e150))
def test_square_of_any_float(x: float) -> None:
    assert square(x) == x**2


def test_many() -> None:
    x = np.random.default_rng(1).lognormal(0.0, 20.0, 300_000)
    roots = x.copy()
    take_roots(roots, 0, x.size, np.empty(x.size, dtype=np.bool_))
    expected = [value**0.5 for value in x.tolist()]
    assert roots.tolist() == expected
    assert [take_root(value) for value in x.tolist()] == expected
    assert [square(value) for value in x.tolist()] == [value**2 for value in x.tolist()]
    # The arguments reach those where a correctly rounded root or product would be another float: the shortcut earns its test.
    assert (np.sqrt(x) != roots).any()


def test_what_overflows_is_infinite() -> None:
    assert square(1e200) == square(float("-inf")) == take_root(float("inf")) == float("inf")
    assert np.isnan(take_root(float("nan")))
    assert np.isnan(square(float("nan")))
