"""Models by name: which class stands behind a name in ``topics.yaml``, and which parameters it takes.

Classes are imported when they are asked for, so that naming one family does not load the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, NamedTuple, cast

from models.base import Estimator
from models.errors import ParameterError
from models.parameters import Parameter, nearest_name, settle_parameters

__all__ = ["DEFAULT_MODEL", "NestedModel", "build", "list_nested", "model_class", "names", "schema", "variants"]

DEFAULT_MODEL = "default"

_CLASS_PATH_BY_NAME: dict[str, str] = {
    DEFAULT_MODEL: "models.seasonal.model:SeasonalScorer",
    "gaussian_scorer": "models.gaussian.model:GaussianScorer",
    "standard_absolute_deviation": "models.sad.model:StandardAbsoluteDeviation",
    "local_outlier_factor": "models.lof.model:LocalOutlierFactor",
    "one_class_svm": "models.svm.model:OneClassSVM",
    "loda": "models.loda.model:LODA",
    "quantile_filter": "models.filters.model:QuantileFilter",
    "threshold_filter": "models.filters.model:ThresholdFilter",
    "holt_winters": "models.holt_winters.model:HoltWinters",
    "snarimax": "models.snarimax.model:SNARIMAX",
    "linear_regression": "models.linear.model:LinearRegression",
    "predictive_anomaly_detection": "models.pad.model:PredictiveAnomalyDetection",
    "adwin": "models.adwin.model:ADWIN",
    "ew_scorer": "models.ew.model:EWScorer",
    "kswin": "models.kswin.model:KSWIN",
    "page_hinkley": "models.page_hinkley.model:PageHinkley",
    "quantile_scorer": "models.quantile.model:QuantileScorer",
    "river_model": "models.river_model.model:RiverModel",
    "half_space_trees": "models.hst.model:HalfSpaceTrees",
    "random_cut_forest": "models.rcf.model:RandomCutForest",
}

_INNER_NAMES = ("detector", "forecaster")


class NestedModel(NamedTuple):
    """A model as configured, by itself or inside others.

    Attributes
    ----------
    name : str
        Registered name.
    parameters : mapping
        As configured.
    path : tuple of str
        Keys that lead to its parameters from those of the outermost model.
    """

    name: str
    parameters: Mapping[str, Any]
    path: tuple[str, ...]


def names() -> list[str]:
    """Registered names, sorted.

    Examples
    --------
    >>> "gaussian_scorer" in names()
    True
    """
    return sorted(_CLASS_PATH_BY_NAME)


def model_class(name: str) -> type[Estimator]:
    """The class registered under `name`.

    Raises
    ------
    ParameterError
        No model has this name; the nearest one is suggested.

    Examples
    --------
    >>> model_class("gaussian_scorer").__name__
    'GaussianScorer'
    >>> model_class("gausian")
    Traceback (most recent call last):
        ...
    models.errors.ParameterError: models.name: expected a registered model (did you mean 'gaussian_scorer'?); found 'gausian'
    """
    path = _CLASS_PATH_BY_NAME.get(name)
    if path is None:
        near = nearest_name(name, _CLASS_PATH_BY_NAME)
        cure = f"did you mean {near!r}?" if near else f"one of {', '.join(names())}"
        raise ParameterError("models", "name", expected=f"a registered model ({cure})", found=name)
    module, _, attribute = path.partition(":")
    return cast(type[Estimator], getattr(import_module(module), attribute))


def schema(name: str) -> tuple[Parameter, ...]:
    """Parameters of the model `name`, in the order of its constructor.

    Raises
    ------
    ParameterError
        No model has this name.

    Examples
    --------
    >>> [parameter.name for parameter in schema("gaussian_scorer")]
    ['window_size', 'grace_period']
    """
    return cast("tuple[Parameter, ...]", getattr(model_class(name), "schema"))  # noqa: B009 - not part of the contract


def variants(name: str) -> tuple[Mapping[str, Any], ...]:
    """Parameter sets that together reach every branch and kernel signature of the model `name`.

    Raises
    ------
    ParameterError
        No model has this name.

    Examples
    --------
    >>> {} in variants("gaussian_scorer")
    True
    """
    return cast("tuple[Mapping[str, Any], ...]", getattr(model_class(name), "variants", ({},)))


def list_nested(name: str, parameters: Mapping[str, Any]) -> Iterator[NestedModel]:
    """A model and those inside it, from the outside in.

    Parameters
    ----------
    name : str
        Registered name of the outermost.
    parameters : mapping
        As configured.

    Examples
    --------
    >>> [(one.name, one.path) for one in list_nested("quantile_filter", {"q": 0.9, "detector": {"model": "loda"}})]
    [('quantile_filter', ()), ('loda', ('detector', 'parameters'))]
    """
    path: tuple[str, ...] = ()
    while True:
        yield NestedModel(name, parameters, path)
        key = next((key for key in _INNER_NAMES if key in parameters), None)
        if key is None:
            return
        name, parameters = parameters[key]["model"], parameters[key].get("parameters", {})
        path = (*path, key, "parameters")


def build(name: str, parameters: Mapping[str, Any] | None = None) -> Estimator:
    """Make the model `name` with `parameters`; those left out take their defaults.

    Raises
    ------
    ParameterError
        Unknown model, unknown parameter (the nearest is suggested), wrong type or out of range.

    Examples
    --------
    >>> build("gaussian_scorer", {"grace_period": 10}).parameters["grace_period"]
    10
    >>> build("gaussian_scorer", {"grace": 10})
    Traceback (most recent call last):
        ...
    models.errors.ParameterError: gaussian_scorer.grace: expected a known parameter (did you mean 'grace_period'?); found 'grace'
    """
    chosen = model_class(name)
    return chosen(**settle_parameters(name, schema(name), parameters or {}))
