"""What models cost beside each other, for whoever has to choose before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import log2
from typing import Any

import numpy as np

from models import registry
from models.base import Estimator, Scores

__all__ = ["is_accelerated", "measure_series_nbytes", "relative_cost"]

Numbers = Callable[[str], float]
"""A model's parameter by name, the default where none is given; features are counted."""

# CPU time a sample, score and learn, in batches over a thousand series; the default detector = 1.
_COST_BY_NAME: dict[str, Callable[[Numbers], float]] = {
    "adwin": lambda _: 0.1,
    "default": lambda _: 1.0,
    "ew_scorer": lambda _: 0.05,
    "gaussian_scorer": lambda _: 0.06,
    "half_space_trees": lambda get: 1.3 * get("n_trees") / 10 * get("height") / 8 * _per_feature(get, 0.1),
    "holt_winters": lambda _: 0.06,
    "kswin": lambda get: 14.0 * get("window_size") / 100,
    "linear_regression": lambda get: 0.2 * _per_feature(get, 0.5),
    "local_outlier_factor": lambda get: (
        7.0 * get("n_neighbors") / 10 if get("features") == 1 else 60.0 * get("features") * get("window_size") / 1000
    ),
    "loda": lambda get: 8.0 * get("n_random_cuts") / 100 * (1.0 + get("n_bins") / 10) / 2 * _per_feature(get, 0.02),
    "one_class_svm": lambda get: 0.12 * _per_feature(get, 0.1),
    "page_hinkley": lambda _: 0.05,
    "quantile_scorer": lambda _: 0.2,
    "random_cut_forest": lambda get: (
        600.0 * get("n_trees") / 40 * log2(get("tree_size")) / 8 * (1.0 + 0.1 * (get("features") * get("shingle_size") - 1))
    ),
    "snarimax": lambda get: 0.5 + 0.1 * (get("p") + get("q") + get("sp") + get("sq")),
    "standard_absolute_deviation": lambda _: 0.05,
}
# Of a filter or predictive detection itself, without the model inside.
_COST_AROUND = 0.1
# Of a filter around a model that knows no gate (`models.filters.run_ahead`), where a few samples in a hundred are refused.
_COST_OF_RUNNING_AHEAD = 1.0

# Of river's own models, called from here sample by sample, with default parameters.
_COST_BY_RIVER_PATH = {
    "river.anomaly.GaussianScorer": 25.0,
    "river.anomaly.HalfSpaceTrees": 130.0,
    "river.anomaly.LODA": 1200.0,
    "river.anomaly.LocalOutlierFactor": 6000.0,
    "river.anomaly.OneClassSVM": 35.0,
    "river.anomaly.PredictiveAnomalyDetection": 1600.0,
    "river.anomaly.StandardAbsoluteDeviation": 25.0,
    "river.drift.ADWIN": 75.0,
    "river.drift.KSWIN": 1100.0,
    "river.drift.PageHinkley": 95.0,
    "river.time_series.HoltWinters": 15.0,
    "river.time_series.SNARIMAX": 70.0,
}
_COST_OF_OTHER_RIVER_MODELS = 150.0

_N_GROWING = 300


def is_accelerated(name: str, parameters: Mapping[str, Any] = {}) -> bool:
    """Whether a model runs in compiled kernels; ``river_model``, also behind a filter, runs river's own Python.

    Parameters
    ----------
    name : str
        Registered name.
    parameters : mapping
        Its parameters.

    Examples
    --------
    >>> is_accelerated("default"), is_accelerated("river_model")
    (True, False)
    >>> is_accelerated("threshold_filter", {"detector": {"model": "river_model"}, "threshold": 0.9})
    False
    """
    return all(one.name != "river_model" for one in registry.list_nested(name, parameters))


def relative_cost(name: str, parameters: Mapping[str, Any]) -> float:
    """CPU time a sample beside that of the default detector, to within a factor of three or so.

    Parameters
    ----------
    name : str
        Registered name.
    parameters : mapping
        Its parameters.

    Raises
    ------
    ParameterError
        No model has this name.

    Examples
    --------
    >>> relative_cost("gaussian_scorer", {}), relative_cost("threshold_filter", {"detector": {"model": "gaussian_scorer"}})
    (0.06, 0.16)
    >>> relative_cost("threshold_filter", {"detector": {"model": "holt_winters"}, "threshold": 5.0})
    1.2
    >>> relative_cost("loda", {"n_random_cuts": 20}), relative_cost("river_model", {"path": "river.anomaly.LODA"})
    (1.6, 1200.0)
    >>> steps = [{"path": "river.preprocessing.MinMaxScaler"}, {"path": "river.anomaly.LODA"}]
    >>> relative_cost("river_model", {"path": "river.compose.Pipeline", "parameters": {"steps": steps}})
    1200.0
    """
    registry.model_class(name)
    if name == "river_model":
        known = [_COST_BY_RIVER_PATH[path] for path in _find_paths(parameters) if path in _COST_BY_RIVER_PATH]
        return max(known, default=_COST_OF_OTHER_RIVER_MODELS)
    if name in _COST_BY_NAME:
        cost = _COST_BY_NAME[name](lambda key: _get_number(name, parameters, key))
    else:
        _, inside, *_ = registry.list_nested(name, parameters)
        runs_ahead = "detector" in parameters and not getattr(registry.model_class(inside.name), "has_gate", False)
        cost = _COST_AROUND + (_COST_OF_RUNNING_AHEAD if runs_ahead else 0.0) + relative_cost(inside.name, inside.parameters)
    return float(f"{cost:.2g}")


def measure_series_nbytes(model: Estimator) -> int:
    """Bytes of state a series; of a model whose state grows, after some hundred samples.

    Parameters
    ----------
    model : Estimator
        Fresh.  It learns when its state grows.

    Examples
    --------
    >>> measure_series_nbytes(registry.build("gaussian_scorer"))
    32
    >>> trees = registry.build("river_model", {"path": "river.anomaly.HalfSpaceTrees", "parameters": {"n_trees": 2}})
    >>> trees.slot_nbytes < 20_000 < measure_series_nbytes(trees)
    True
    """
    from models.filters.filter import find_core

    # Past the filters, if there are any: what they keep out depends on the data.
    grows = find_core(model)
    if not getattr(grows, "has_fixed_size", True):
        model.reserve(1)
        zeros = np.zeros(_N_GROWING, dtype=np.int64)
        X = np.random.default_rng(0).uniform(0.0, 1.0, (_N_GROWING, model.n_features))
        grows.score_learn_many(zeros, zeros, X if model.n_features > 1 else X[:, 0], Scores.empty(_N_GROWING))
    return model.slot_nbytes


def _find_paths(value: Any) -> Iterator[str]:
    """Every class path named in a configuration of a river model."""
    if isinstance(value, Mapping):
        if isinstance(value.get("path"), str):
            yield value["path"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _find_paths(item)


def _get_number(name: str, parameters: Mapping[str, Any], key: str) -> float:
    if key == "features":
        return len(parameters.get("features") or ()) or _get_number(name, parameters, "n_features")
    default = next(parameter.default for parameter in registry.schema(name) if parameter.name == key)
    return float(parameters.get(key, default))


def _per_feature(get: Numbers, share: float) -> float:
    return 1.0 + share * (get("features") - 1.0)
