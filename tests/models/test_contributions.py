"""The feature to blame is the one that was moved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models import registry
from models.base import Scores
from models.errors import SlotError

CASES: dict[str, dict[str, Any]] = {
    "half_space_trees": {"n_features": 4, "window_size": 100, "n_trees": 50},
    "loda": {"n_features": 4, "n_random_cuts": 200},
    "local_outlier_factor": {"n_features": 4, "window_size": 100},
    "random_cut_forest": {"n_features": 4, "tree_size": 64, "n_trees": 30},
    "river_model": {"path": "river.anomaly.LODA", "parameters": {"n_random_cuts": 60}, "n_features": 4},
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("moved", [0, 3])
def test_moved_feature_is_blamed(name: str, moved: int) -> None:
    model: Any = registry.build(name, CASES[name])
    model.reserve(2)
    rng = np.random.default_rng(5)
    X = rng.uniform(0.4, 0.6, (400, 4))
    slots = np.ones(400, dtype=np.int64)
    model.score_learn_many(slots, slots, X, Scores.empty(400))
    sample = np.full(4, 0.5)
    sample[moved] = 0.97
    before = model.snapshot(slots[:1])
    blame = model.contributions(1, sample)
    assert blame.shape == (4,)
    assert int(blame.argmax()) == moved
    assert str(model.snapshot(slots[:1])) == str(before)
    sample[moved] = np.nan
    assert model.contributions(1, sample)[moved] == 0.0


def test_svm_contributions_add_up_to_the_score() -> None:
    model: Any = registry.build("one_class_svm", {"n_features": 3})
    for step in range(50):
        model.learn_one({"a": 1.0, "b": 0.1 * (step % 3), "c": -0.5})
    x = np.array([0.7, 0.2, np.nan])
    assert model.contributions(0, x).sum() == pytest.approx(model.score_one({"a": 0.7, "b": 0.2}))


@pytest.mark.parametrize("name", CASES)
def test_unreserved_slot_is_refused(name: str) -> None:
    model: Any = registry.build(name, CASES[name])
    with pytest.raises(SlotError):
        model.contributions(7, np.zeros(4))
