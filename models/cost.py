"""What models cost beside each other, for whoever has to choose before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models import registry

__all__ = ["is_accelerated", "relative_cost"]

# CPU time a sample, score and learn, in batches over a thousand series, with default parameters; the default detector = 1.
_COST_BY_NAME = {
    "adwin": 0.35,
    "default": 1.0,
    "ew_scorer": 0.05,
    "gaussian_scorer": 0.06,
    "half_space_trees": 1.1,
    "holt_winters": 0.07,
    "kswin": 6.0,
    "linear_regression": 0.5,
    "local_outlier_factor": 18.0,
    "loda": 10.0,
    "one_class_svm": 0.1,
    "page_hinkley": 0.05,
    "quantile_scorer": 0.4,
    "random_cut_forest": 300.0,
    "river_model": 150.0,
    "snarimax": 3.0,
    "standard_absolute_deviation": 0.05,
}
# Of a filter or predictive detection itself, without the model inside.
_COST_AROUND = 0.2


def is_accelerated(name: str) -> bool:
    """Whether a model runs in compiled kernels; ``river_model`` runs river's own Python.

    Examples
    --------
    >>> is_accelerated("default"), is_accelerated("river_model")
    (True, False)
    """
    return name != "river_model"


def relative_cost(name: str, parameters: Mapping[str, Any]) -> float:
    """CPU time a sample beside that of the default detector, to within a factor of three or so.

    Parameters
    ----------
    name : str
        Registered name.
    parameters : mapping
        Its parameters; of them only a model inside is looked at.

    Raises
    ------
    ParameterError
        No model has this name.

    Examples
    --------
    >>> relative_cost("gaussian_scorer", {}), relative_cost("threshold_filter", {"detector": {"model": "gaussian_scorer"}})
    (0.06, 0.26)
    """
    registry.model_class(name)
    if name in _COST_BY_NAME:
        return _COST_BY_NAME[name]
    inside = parameters.get("detector") or parameters["forecaster"]
    return _COST_AROUND + relative_cost(inside["model"], inside.get("parameters", {}))
