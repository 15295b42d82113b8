"""Snapshots of every released version can still be restored, and go on to the scores they went on to when they were taken.

``state/<model>.v<version>.json`` holds parameters, a snapshot after some samples, and the scores of the samples after it.  To add
one for a new version: ``python tests/models/test_state.py`` writes those that are missing, and never overwrites one.  Version 1
of some is there twice, because other parameters mean another layout.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import registry
from models.base import Estimator, Snapshot
from models.checks import make_stream, run_stream, score_digest

FOLDER = Path(__file__).parent / "state"
N_BEFORE, N_AFTER = 150, 60
SMALL: dict[str, dict[str, Any]] = {
    "default": {"grace_period": 50},
    "half_space_trees": {"n_trees": 2, "height": 3, "window_size": 40, "n_features": 2, "scale": "minmax"},
    "loda": {"n_random_cuts": 3, "n_bins": 4, "n_features": 2},
    "local_outlier_factor": {"window_size": 20, "n_neighbors": 3},
    "gaussian_scorer": {"window_size": 10, "grace_period": 5},
    "kswin": {"window_size": 20, "stat_size": 5, "alpha": 0.2},
    "adwin": {"clock": 4, "delta": 0.5},
    "ew_scorer": {"grace_period": 5},
    "quantile_scorer": {"grace_period": 5},
    "random_cut_forest": {"n_trees": 2, "tree_size": 8, "grace_period": 5},
    "snarimax": {"p": 2, "d": 1, "q": 1},
    "holt_winters": {"beta": 0.1, "gamma": 0.3, "seasonality": 5},
}


def to_plain(value: Any) -> Any:
    """A snapshot as JSON: arrays become their dtype, shape and bytes."""
    if isinstance(value, np.ndarray):
        dtype = value.dtype.descr if value.dtype.names else value.dtype.str
        return {"dtype": dtype, "shape": list(value.shape), "base64": base64.b64encode(value.tobytes()).decode()}
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    return value


def from_plain(value: Any) -> Any:
    """Back again."""
    if isinstance(value, dict) and set(value) == {"dtype", "shape", "base64"}:
        dtype = value["dtype"]
        made = np.dtype([tuple(field) for field in dtype] if isinstance(dtype, list) else dtype)
        return np.frombuffer(base64.b64decode(value["base64"]), dtype=made).reshape(value["shape"]).copy()
    if isinstance(value, dict):
        return {key: from_plain(item) for key, item in value.items()}
    return value


def make_model(name: str, parameters: dict[str, Any]) -> Estimator:
    """A model with two rows reserved."""
    model = registry.build(name, parameters)
    model.reserve(2)
    return model


def take(name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """What a state file holds."""
    model = make_model(name, parameters)
    stream = make_stream(model.n_features, n_series=2, n_samples=N_BEFORE + N_AFTER, dirt=False)
    run_stream(model, stream[:N_BEFORE])
    snapshot: Snapshot = model.snapshot(np.arange(2, dtype=np.int64))
    scores = run_stream(model, stream[N_BEFORE:]).out.score
    return {
        "model": name,
        "parameters": parameters,
        "snapshot": to_plain(snapshot),
        "scores": [score.hex() for score in scores.tolist()],
    }


def follow(held: dict[str, Any]) -> list[str]:
    """The scores after a snapshot that was held."""
    model = make_model(held["model"], held["parameters"])
    model.restore(np.arange(2, dtype=np.int64), from_plain(held["snapshot"]))
    stream = make_stream(model.n_features, n_series=2, n_samples=N_BEFORE + N_AFTER, dirt=False)
    return [score.hex() for score in run_stream(model, stream[N_BEFORE:]).out.score.tolist()]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_snapshot_is_restored(path: Path) -> None:
    held = json.loads(path.read_text())
    assert follow(held) == held["scores"]


def test_every_model_has_a_state_file_of_its_version() -> None:
    for name in registry.names():
        version = getattr(registry.model_class(name), "state_version", 1)
        assert (FOLDER / f"{name}.v{version}.json").exists(), f"{name} v{version}: run python {Path(__file__).name}"


@pytest.mark.parametrize("n", range(8))
def test_quantile_of_few_samples_is_restored_from_version_1(n: int) -> None:
    parameters = {"detector": {"model": "ew_scorer", "parameters": {"grace_period": 0}}, "q": 0.75}
    model, other = make_model("quantile_filter", parameters), make_model("quantile_filter", parameters)
    stream = make_stream(1, n_series=1, n_samples=60, dirt=False)
    run_stream(model, stream[:n])
    snapshot = model.snapshot(np.zeros(1, dtype=np.int64))
    row = snapshot["columns"]["cuts"][0].tolist()
    heights, wanted = (row[1:6], row[9:12]) if n <= 5 else ([row[1], *row[3:6], row[2]], row[9:12])
    last = float(max(n, 5))
    old = [*heights, 1.0, *row[6:9], last, 1.0, *wanted, last, float(n)]
    snapshot |= {"version": 1, "columns": {"cuts": np.array([old])}}
    other.restore(np.zeros(1, dtype=np.int64), snapshot)
    assert score_digest(other, stream[n:]) == score_digest(model, stream[n:])
    assert other.describe(0) == model.describe(0)


@pytest.mark.parametrize("n", range(8))
def test_quantiles_of_few_samples_are_restored_from_version_2(n: int) -> None:
    model, other = make_model("quantile_scorer", {"grace_period": 2}), make_model("quantile_scorer", {"grace_period": 2})
    stream = make_stream(1, n_series=1, n_samples=60, dirt=False)
    run_stream(model, stream[:n])
    snapshot = model.snapshot(np.zeros(1, dtype=np.int64))
    row = snapshot["columns"]["estimates"][0].tolist()
    heights, positions, wanted = row[3:12], row[12:21], row[21:30]
    # Each estimate's nine numbers stood together; the first five samples are where they were.
    old = row[:3] + [number for at in (0, 3, 6) for part in (heights, positions, wanted) for number in part[at : at + 3]]
    if n <= 5:
        old[1:6] = row[1:6]
    snapshot |= {"version": 2, "columns": {"estimates": np.array([old])}}
    other.restore(np.zeros(1, dtype=np.int64), snapshot)
    assert score_digest(other, stream[n:]) == score_digest(model, stream[n:])
    assert other.describe(0) == model.describe(0)


def test_a_snapshot_survives_being_written_and_read() -> None:
    model = make_model("half_space_trees", {"n_features": 2})
    snapshot = model.snapshot(np.arange(2, dtype=np.int64))
    again = from_plain(json.loads(json.dumps(to_plain(snapshot))))
    model.restore(np.arange(2, dtype=np.int64), again)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for model_name in registry.names():
        target = FOLDER / f"{model_name}.v{getattr(registry.model_class(model_name), 'state_version', 1)}.json"
        if not target.exists():
            chosen = SMALL.get(model_name, dict(registry.variants(model_name)[0]))
            target.write_text(json.dumps(take(model_name, chosen), indent=1) + "\n")
    for old in (path for model_name in sys.argv[1:] for path in FOLDER.glob(f"{model_name}.v*.json")):
        kept = json.loads(old.read_text())
        old.write_text(json.dumps(kept | {"scores": follow(kept)}, indent=1) + "\n")
