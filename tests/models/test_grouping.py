"""Batches over a state larger than the cache are run series by series: nobody may notice."""

from __future__ import annotations

import numpy as np
import pytest

from models import multivariate, registry
from models.base import Scores


@pytest.mark.parametrize("name", ["loda", "half_space_trees", "local_outlier_factor", "one_class_svm"])
def test_grouped_batches_score_as_samples_in_order(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    slots = rng.integers(0, 7, 2_000).astype(np.int64)
    X = rng.normal(0.5, 0.1, (slots.size, 2))
    X[rng.random(X.shape) < 0.05] = np.nan
    found = []
    for cache_nbytes in (1 << 60, 0):
        monkeypatch.setattr(multivariate, "_CACHE_NBYTES", cache_nbytes)
        model = registry.build(name, {"n_features": 2})
        model.reserve(7)
        scores, ready = [], []
        for part in np.array_split(np.arange(slots.size), 4):
            out = Scores.empty(part.size)
            ready.append(model.score_learn_many(slots[part], np.zeros(part.size, np.int64), X[part], out))
            scores.append(out.score)
        state = {key: column.tobytes() for key, column in model.snapshot(np.arange(7))["columns"].items()}
        found.append((np.concatenate(scores).tobytes(), np.concatenate(ready).tobytes(), state))
    assert found[0] == found[1]
