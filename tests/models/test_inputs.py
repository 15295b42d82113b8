"""What comes from outside: numbers of every kind, what is no number, and arrays that are none; a refusal changes nothing."""

from __future__ import annotations

import pickle
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from models import registry
from models.base import Estimator, Scores
from models.checks.comparison import flatten
from models.errors import ShapeError
from models.warmup import learn_and_score_one

SLOT = np.zeros(1, dtype=np.int64)
NUMBERS = [3, True, np.float32(2.5), np.float64(2.5), np.int64(2), np.uint8(7), np.array(2.5), Decimal("2.5"), Fraction(5, 2)]
NO_NUMBERS = ["2.5", b"2.5", 1j, [2.5], np.array([2.5]), {"a": 2.5}, object(), np.datetime64("2026-01-01")]


def _arguments(model: Any, value: Any) -> tuple[Any, ...]:
    if getattr(model, "needs_target", False):
        return {"a": 1.0}, value
    return ({"a": value},) if hasattr(model, "feature_names") else (value,)


def _learned(name: str) -> Any:
    model: Any = registry.build(name, registry.variants(name)[0])
    for step in range(30):
        model.learn_one(*_arguments(model, 0.1 * step))
    return model


@pytest.mark.parametrize("name", registry.names())
def test_numbers_of_every_kind_count_as_floats(name: str) -> None:
    for value in NUMBERS:
        given, plain = _learned(name), _learned(name)
        assert type(given.score_one(*_arguments(given, value))) is float
        assert given.score_one(*_arguments(given, value)) == plain.score_one(*_arguments(plain, float(value)))
        given.learn_one(*_arguments(given, value))
        plain.learn_one(*_arguments(plain, float(value)))
        assert flatten(given.snapshot(SLOT)) == flatten(plain.snapshot(SLOT)), value


@pytest.mark.parametrize("name", registry.names())
def test_what_is_no_number_is_refused_and_nothing_learned(name: str) -> None:
    model = _learned(name)
    before = flatten(model.snapshot(SLOT))
    for value in NO_NUMBERS:
        if isinstance(value, dict) and name == "river_model":
            continue
        for call in (model.score_one, model.learn_one):
            with pytest.raises(TypeError, match=r"number|0-dimensional"):
                call(*_arguments(model, value))
    with pytest.raises(OverflowError):
        model.learn_one(*_arguments(model, 10**400))
    assert flatten(model.snapshot(SLOT)) == before


@pytest.mark.parametrize("name", ["half_space_trees", "loda", "one_class_svm", "local_outlier_factor", "random_cut_forest"])
def test_a_vector_is_a_dict_of_its_features(name: str) -> None:
    model: Any = registry.build(name, {"features": ["a", "b"]})
    for step in range(5):
        model.learn_one({"a": 0.1 * step, "b": 0.5})
    before = flatten(model.snapshot(SLOT))
    for value in (0.5, [0.1, 0.2], (0.1, 0.2), np.array([0.1, 0.2]), None):
        for call in (model.score_one, model.learn_one):
            with pytest.raises(ShapeError, match="expected a dict of features, by name \\('a', 'b'\\)"):
                call(value)
    assert flatten(model.snapshot(SLOT)) == before
    again: Any = registry.build(name, {"features": ["a", "b"]})
    again.learn_one({"a": 0.5, "b": None})
    missing: Any = registry.build(name, {"features": ["a", "b"]})
    missing.learn_one({"a": 0.5})
    assert flatten(again.snapshot(SLOT)) == flatten(missing.snapshot(SLOT))


@pytest.mark.parametrize("name", registry.names())
def test_pickled_models_go_on_by_themselves(name: str) -> None:
    for parameters in registry.variants(name):
        fresh = registry.build(name, parameters)
        used = pickle.loads(pickle.dumps(fresh))
        learn_and_score_one(used)
        learn_and_score_one(fresh)
        kept = flatten(used.snapshot(SLOT))
        assert kept == flatten(fresh.snapshot(SLOT))
        copied = pickle.loads(pickle.dumps(used))
        learn_and_score_one(copied, 0.25)
        assert flatten(used.snapshot(SLOT)) == kept
        learn_and_score_one(used, 0.25)
        assert flatten(used.snapshot(SLOT)) == flatten(copied.snapshot(SLOT))


class Frame:
    """As a table of another library: it has a shape and is no array."""

    shape = (3, 1)
    ndim = 2


BAD: list[tuple[dict[str, Any], str]] = [
    ({"X": [1.0, 2.0, 3.0]}, r"X is a list; expected a NumPy array \(np.asarray\(X, dtype=np.float64\)\)"),
    ({"X": Frame()}, "X is a Frame; expected a NumPy array"),
    ({"X": np.ones(3, np.float32)}, "X is float32; expected float64"),
    ({"X": np.ones(3, np.int64)}, "X is int64; expected float64"),
    ({"X": np.ones(3, object)}, "X is object; expected float64"),
    ({"X": np.ones((3, 2))}, "X has shape"),
    ({"X": np.ones(2)}, "X has shape"),
    ({"slots": [0, 0, 0]}, "slots is a list"),
    ({"slots": np.zeros(3)}, "slots is float64"),
    ({"slots": np.zeros(3, np.int32)}, "slots is int32"),
    ({"slots": np.zeros((3, 1), np.int64)}, "slots is int64 of 2 axes"),
    ({"event_time_ns": np.zeros(3, "datetime64[ns]")}, "event_time_ns is datetime64"),
    ({"event_time_ns": np.zeros(2, np.int64)}, "event_time_ns has 2 rows"),
    ({"out": None}, "out is a NoneType; expected Scores"),
    ({"out": Scores.empty(2)}, "expected writeable contiguous float64 columns of 3 rows"),
    ({"out": Scores(*np.empty((3, 3), np.float32))}, "expected writeable contiguous float64"),
    ({"out": Scores(*np.empty((3, 3)).T)}, "expected writeable contiguous float64"),
]


@pytest.mark.parametrize(("change", "told"), BAD)
@pytest.mark.parametrize("name", ["gaussian_scorer", "half_space_trees", "default", "quantile_filter", "snarimax"])
def test_columns_that_are_none_are_refused_with_a_cure(name: str, change: dict[str, Any], told: str) -> None:
    model: Estimator = registry.build(name, registry.variants(name)[0])
    model.reserve(1)
    given: dict[str, Any] = {"slots": np.zeros(3, np.int64), "event_time_ns": np.zeros(3, np.int64), "X": np.ones(3)}
    before = flatten(model.snapshot(SLOT))
    with pytest.raises(ShapeError, match=told):
        model.score_learn_many(**{**given, "out": Scores.empty(3), **change})
    assert flatten(model.snapshot(SLOT)) == before
