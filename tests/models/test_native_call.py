"""A kernel called without numba's wrapper: the same results, the errors of a C function, and nothing lost or kept too long."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
import weakref
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from models import registry
from models.base import FloatColumn
from models.moments_kernel import compute_variance
from models.native_call import bind_value
from models.quantile import kernel as quantile_kernel
from models.quantile.state import make_p2_row
from models.state_array import StateArray

LEVELS = (0.1, 0.5, 0.9)


@pytest.mark.parametrize("value", [2.0, 2, True, -1.0, -1, np.float64(2.5), np.float32(2.5), np.int32(3), Fraction(5, 2)])
def test_whatever_is_a_number_is_taken(value: Any) -> None:
    assert bind_value(compute_variance, 3.0)(value) == compute_variance(3.0, float(value))


@pytest.mark.parametrize("value", ["2.0", None, 1j, [1.0]])
def test_what_is_none_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        bind_value(compute_variance, 3.0)(value)


def test_an_integer_too_great_is_refused() -> None:
    with pytest.raises(OverflowError):
        bind_value(compute_variance, 3.0)(10**400)


def test_results_of_every_kind() -> None:
    rows = make_p2_row(LEVELS)
    learn = bind_value(quantile_kernel.learn_estimate, rows, 0.9)
    score = bind_value(quantile_kernel.score_estimate, rows, 0.9, 3)
    assert learn(1.0) is True
    assert learn(1e200) is False
    assert score(7.0) == 0.0
    assert [learn(y) for y in (2.0, 3.0)] == [True, True]
    assert score(7.0) == quantile_kernel.score_estimate(rows, 0.9, 3, 7.0) > 0.0
    model: Any = registry.build("page_hinkley")
    assert model.update(1.0) is None


def test_arrays_live_as_long_as_the_function() -> None:
    class Rows(np.ndarray[Any, Any]):
        """An array that can be watched."""

    rows: StateArray = make_p2_row(LEVELS).view(Rows)
    plain = np.ascontiguousarray(make_p2_row(LEVELS))
    watched = weakref.ref(rows)
    learn = bind_value(quantile_kernel.learn_estimate, plain, 0.9)
    held: FloatColumn | None = plain
    del rows, plain, held
    gc.collect()
    assert watched() is None
    filler = [np.full((1, 30), np.nan) for _ in range(2000)]
    assert all(learn(float(y)) for y in range(2000))
    assert len(filler) == 2000


def test_references_are_counted() -> None:
    model: Any = registry.build("adwin")
    model.update(0.0)
    value = 1234.5
    before = sys.getrefcount(None), sys.getrefcount(value)
    for _ in range(5000):
        model.update(value)
    after = sys.getrefcount(None), sys.getrefcount(value)
    assert all(abs(late - early) < 100 for late, early in zip(after, before, strict=True))


@pytest.mark.parametrize("name", ["adwin", "page_hinkley", "ew_scorer", "gaussian_scorer", "quantile_scorer"])
@pytest.mark.parametrize("again", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["deepcopy", "pickle"])
def test_a_copy_is_bound_to_its_own_state(name: str, again: Any) -> None:
    model: Any = registry.build(name)
    slots = np.zeros(1, dtype=np.int64)
    for y in range(70):
        model.learn_one(None, float(y % 7))
    other = again(model)
    state = [column.tobytes() for column in model.snapshot(slots)["columns"].values()]
    for y in range(70):
        other.learn_one(None, float(y % 5))
    assert [column.tobytes() for column in model.snapshot(slots)["columns"].values()] == state
    for y in range(70):
        model.learn_one(None, float(y % 5))
    for mine, theirs in zip(model.snapshot(slots)["columns"].values(), other.snapshot(slots)["columns"].values(), strict=True):
        assert mine.tobytes() == theirs.tobytes()
