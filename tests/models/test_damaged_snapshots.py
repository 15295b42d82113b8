"""Snapshots that are damaged: refused by name with nothing changed, or harmless; no kernel follows them out of its arrays."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from models import registry
from models.base import Estimator, Scores, Snapshot
from models.checks.comparison import flatten
from models.errors import SnapshotError

SLOTS = np.arange(2, dtype=np.int64)
N_SAMPLES = 400
CASES = [(name, variant) for name in registry.names() for variant in registry.variants(name)]


def _run(model: Estimator, n: int = N_SAMPLES, first_ns: int = 0) -> Scores:
    rng = np.random.default_rng(1)
    X = rng.normal(0.5, 0.2, (n, model.n_features))
    out = Scores.empty(n)
    times = first_ns + np.arange(n) * 60_000_000_000
    model.score_learn_many(rng.integers(0, 2, n), times, X if model.n_features > 1 else X[:, 0].copy(), out)
    return out


def _learned(name: str, parameters: Any) -> Estimator:
    model = registry.build(name, parameters)
    model.reserve(2)
    _run(model)
    return model


def _iterate_arrays(snapshot: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in snapshot.items():
        if isinstance(value, dict):
            yield from _iterate_arrays(value, (*path, key))
        elif isinstance(value, np.ndarray) and value.nbytes:
            yield (*path, key)


def _get(snapshot: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        snapshot = snapshot[key]
    return snapshot


def _damage(snapshot: Snapshot, rng: np.random.Generator) -> Snapshot:
    """One number at an end of its type, or NaN, or far out; or a few bits turned."""
    damaged = copy.deepcopy(snapshot)
    paths = list(_iterate_arrays(damaged))
    path = paths[rng.integers(len(paths))]
    array = _get(damaged, path).copy()
    if rng.random() < 0.25:
        raw = np.frombuffer(array.tobytes(), np.uint8).copy()
        for place in rng.integers(raw.size, size=3):
            raw[place] ^= 1 << rng.integers(8)
        array = np.frombuffer(raw.tobytes(), array.dtype).reshape(array.shape).copy()
    else:
        field = array[array.dtype.names[rng.integers(len(array.dtype.names))]] if array.dtype.names else array
        at = tuple(rng.integers(size) for size in field.shape)
        if field.dtype.kind == "f":
            field[at] = rng.choice([np.nan, np.inf, -1.0, 1e18, np.finfo(field.dtype).max, 2.5])
        elif field.dtype.kind in "iu":
            ends = np.iinfo(field.dtype)
            field[at] = [ends.min, ends.max, ends.max // 2, 1][rng.integers(4)]
        else:
            field[at] = not field[at]
    _get(damaged, path[:-1])[path[-1]] = array
    return damaged


def _go_through(name: str, parameters: Any, n_damaged: int, seed: int) -> int:
    good, rng = _learned(name, parameters).snapshot(SLOTS), np.random.default_rng(seed)
    n_refused = 0
    for _ in range(n_damaged):
        model = registry.build(name, parameters)
        model.reserve(2)
        _run(model, 50)
        before = flatten(model.snapshot(SLOTS))
        try:
            model.restore(SLOTS, _damage(good, rng))
        except SnapshotError:
            n_refused += 1
            assert flatten(model.snapshot(SLOTS)) == before
            continue
        _run(model, first_ns=10**15)
        model.describe(0)
        model.snapshot(SLOTS)
    return n_refused


@pytest.mark.parametrize("name", registry.names())
def test_a_damaged_number_is_refused_or_harmless(name: str) -> None:
    assert _go_through(name, registry.variants(name)[-1], 12, 3) > 0


@pytest.mark.soak
@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_many_damaged_numbers(name: str, parameters: Any) -> None:
    assert _go_through(name, parameters, 60 if name == "river_model" else 400, 4) > 0


DAMAGED: list[tuple[str, dict[str, Any], str, str | None, float, str]] = [
    ("gaussian_scorer", {"window_size": 20}, "rows", None, 1e9, "n_window of row 0 is"),
    ("kswin", {}, "rows", "head", 100, "window_head of row 0 is 100; expected a whole number from 0 to 99"),
    ("kswin", {}, "words", None, 0, "words of row 0"),
    ("holt_winters", {}, "rows", "n_first", 3, "n_first of row 0 is 3; expected a whole number from 0 to 2"),
    ("snarimax", {"p": 2}, "rows", "lag_head", -1, "lags_head of row 0 is -1"),
    ("adwin", {}, "rows", "n_recent", 4000, "n_recent of row 0 is 4000"),
    ("adwin", {}, "rows", "due", 3000, "due of row 0 is 3000"),
    ("loda", {}, "n_bins", None, 11, "n_bins of row 0 is 11; expected a whole number from 1 to 10"),
    ("local_outlier_factor", {"window_size": 30}, "order", None, 3, "order of row 0"),
    ("half_space_trees", {}, "rows", "draw", 7, "name draws 7 to 7; it holds 1"),
    ("half_space_trees", {}, "rows", "counter", 250, "counter of row 0 is 250"),
    ("quantile_scorer", {}, "estimates", None, -1.0, "n of row 0 is -1.0"),
    ("random_cut_forest", {"tree_size": 20}, "parent", None, 3, "a tree of row 0 is none"),
    ("random_cut_forest", {"tree_size": 20}, "n_free", None, 300, "a tree of row 0 is none"),
    ("ew_scorer", {}, "rows", "mean", np.nan, "rows.mean of row 0 is nan; expected a finite number"),
    ("default", {}, "rows", "kind", 9, "kind of row 0 is 9"),
]


@pytest.mark.parametrize(("name", "parameters", "column", "field", "value", "told"), DAMAGED)
def test_what_is_damaged_is_named(
    name: str, parameters: dict[str, Any], column: str, field: str | None, value: float, told: str
) -> None:
    model = _learned(name, parameters)
    damaged = copy.deepcopy(model.snapshot(SLOTS))
    array = damaged["columns"][column]
    (array[field] if field else array.reshape(2, -1))[...] = value
    before = flatten(model.snapshot(SLOTS))
    with pytest.raises(SnapshotError, match=told) as refused:
        model.restore(SLOTS, damaged)
    assert name in str(refused.value)
    assert flatten(model.snapshot(SLOTS)) == before


def test_what_is_no_snapshot_is_refused() -> None:
    model: Any = _learned("half_space_trees", {"n_features": 2})
    good = model.snapshot(SLOTS)
    before = flatten(good)
    rows = good["columns"]["rows"]
    strangers: dict[str, Any] = {
        "mapping": None,
        "mapping,": [1, 2],
        "an array": {**good, "columns": {**good["columns"], "rows": rows.tolist()}},
        "columns are damaged": {**good, "columns": {"rows": rows}},
        r"expected .* \(2,\)": {**good, "columns": {**good["columns"], "rows": rows[:1]}},
        "masks": {**good, "masks": np.zeros((1, 2), np.bool_)},
        "parameters": registry.build("half_space_trees", {"n_features": 3}).snapshot(SLOTS[:0]),
    }
    for told, stranger in strangers.items():
        with pytest.raises(SnapshotError, match=told):
            model.restore(SLOTS, stranger)
    assert flatten(model.snapshot(SLOTS)) == before
    old = {"model": "loda", "version": 1, "columns": {"rows": 1, "bins": 2, "n_bins": 3}}
    with pytest.raises(SnapshotError, match="damaged"):
        registry.build("loda").restore(SLOTS, old)
