"""Models that detectors name: known, with parameters they accept, and able to do what the detector asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models import registry
from models.base import Estimator
from models.errors import ParameterError
from models.parameters import Parameter, nearest_name
from pipeline.config.cure import show_found
from pipeline.config.options import show_plain
from pipeline.config.report import KeyPath
from pipeline.config.rules import Findings
from pipeline.config.schema import Config, DetectorSettings, ModelSettings

__all__ = ["build_model", "check_models", "has_expected_value", "model_parameters"]


def build_model(settings: ModelSettings) -> Estimator:
    """The model of a detector, fresh.

    Raises
    ------
    ParameterError
        The model is unknown or refuses its parameters.

    Examples
    --------
    >>> build_model(ModelSettings(type="gaussian_scorer")).name
    'gaussian_scorer'
    """
    return registry.build(settings.type, settings.parameters)


def model_parameters(detector: DetectorSettings) -> dict[str, Any]:
    """Parameters of a detector's model, with the features of its group as columns.

    Examples
    --------
    >>> from pipeline.config.schema import GroupSettings
    >>> group = GroupSettings(by=["host"], features=["cpu", "mem"])
    >>> model_parameters(DetectorSettings(name="d", group=group, model=ModelSettings(type="loda", parameters={"seed": 1})))
    {'seed': 1, 'features': ['cpu', 'mem']}
    """
    features = {} if detector.group is None else {"features": list(detector.group.features)}
    return {**detector.model.parameters, **features}


def has_expected_value(name: str, parameters: Mapping[str, Any]) -> bool:
    """Whether a model says what value it expected, so that above and below mean something.

    Parameters
    ----------
    name : str
        Registered name.
    parameters : mapping
        Its parameters: a filter has an expected value when the detector behind it has.

    Examples
    --------
    >>> has_expected_value("gaussian_scorer", {}), has_expected_value("half_space_trees", {})
    (True, False)
    >>> has_expected_value("threshold_filter", {"detector": {"model": "half_space_trees"}, "threshold": 0.9})
    False
    """
    from models.drift import DriftDetector
    from models.filters.model import Filter
    from models.multivariate import MultivariateEstimator

    chosen = registry.model_class(name)
    if issubclass(chosen, Filter):
        inner = parameters.get("detector", {})
        return has_expected_value(inner.get("model", ""), inner.get("parameters", {}))
    return not issubclass(chosen, DriftDetector | MultivariateEstimator) and name != "river_model"


def check_models(config: Config, findings: Findings) -> None:
    """Every detector's model can be built and does what the detector asks."""
    for i, detector in enumerate(config.detectors):
        path: KeyPath = ("detectors", i, "model")
        if _check_parameters(detector.model.type, detector.model.parameters, path, findings):
            _check_build(detector, path, findings)


def _check_parameters(name: str, given: Mapping[str, Any], path: KeyPath, findings: Findings) -> bool:
    """Note an unknown model and every refused parameter; True when there is none."""
    if name not in registry.names():
        near = nearest_name(name, registry.names())
        known = ", ".join(registry.names())
        cure = f"did you mean {near}?" if near else f"name one of {known}"
        findings.note((*path, "type"), "CFG401", expected="a registered model", found=name, cure=cure)
        return False
    schema = {parameter.name: parameter for parameter in registry.schema(name)}
    is_fine = True
    for key, value in given.items():
        here = (*path, "parameters", key)
        parameter = schema.get(key)
        if parameter is None:
            near = nearest_name(key, [known for known in schema if known not in given])
            cure = f"did you mean {near}?" if near else f"remove it; {name} takes {', '.join(schema) or 'no parameters'}"
            findings.note(here, "CFG402", expected=f"a parameter of {name}", found=key, cure=cure, of_key=True)
            is_fine = False
        else:
            is_fine &= _check_value(name, parameter, value, here, findings)
    for parameter in schema.values():
        if parameter.is_required and parameter.name not in given:
            findings.note(
                (*path, "parameters", parameter.name),
                "CFG403",
                expected=f"the parameter {parameter.name} of {name}, which has no default",
                found="none",
                cure=f"add it under parameters: {parameter.range_text}",
            )
            is_fine = False
    return is_fine


def _check_value(name: str, parameter: Parameter, value: Any, path: KeyPath, findings: Findings) -> bool:
    try:
        settled = parameter.settle(name, value)
    except ParameterError as error:
        cure = f"give {parameter.range_text}" + _default_hint(parameter)
        findings.note(path, "CFG403", expected=error.expected, found=show_found(value, path), cure=cure)
        return False
    if parameter.kind == "model" and settled is not None:
        return _check_nested(settled, path, findings)
    return True


def _check_nested(settled: Mapping[str, Any], path: KeyPath, findings: Findings) -> bool:
    """A model within a model is written as ``{model: name, parameters: {...}}``."""
    name = settled["model"]
    if name not in registry.names():
        near = nearest_name(name, registry.names())
        cure = f"did you mean {near}?" if near else f"name one of {', '.join(registry.names())}"
        findings.note((*path, "model"), "CFG401", expected="a registered model", found=name, cure=cure)
        return False
    return _check_parameters(name, settled["parameters"], path, findings)


def _check_build(detector: DetectorSettings, path: KeyPath, findings: Findings) -> None:
    if detector.group is not None and not _check_group(detector, path, findings):
        return
    try:
        model = build_model(ModelSettings(type=detector.model.type, parameters=model_parameters(detector)))
    except ParameterError as error:
        # Parameters that are fine one by one may not go together; the model says which one to change.
        at = (*path, "parameters", error.parameter) if error.parameter in detector.model.parameters else (*path, "parameters")
        cure = f"correct {error.parameter} of {error.model}"
        findings.note(at, "CFG403", expected=error.expected, found=show_found(error.found, at), cure=cure)
        return
    if model.n_features != 1 and detector.group is None:
        findings.note(
            path,
            "CFG404",
            expected="a model of one value, because a detector scores one series at a time",
            found=f"{detector.model.type} with {model.n_features} features",
            cure="remove n_features or features, take another model, or give the detector a group"
            if hasattr(model, "contributions")
            else "take another model",
        )
    elif detector.direction != "both" and not has_expected_value(detector.model.type, detector.model.parameters):
        findings.note(
            ("detectors", path[1], "direction"),
            "CFG404",
            expected=f"both, because {detector.model.type} has no expected value to be above or below of",
            found=detector.direction,
            cure="remove it, or take a model with an expected value, e.g. default",
            among=[path],
        )


def _check_group(detector: DetectorSettings, path: KeyPath, findings: Findings) -> bool:
    """Whether the model takes vectors, and leaves it to the group what their columns are."""
    takers = [name for name in registry.names() if hasattr(registry.model_class(name), "contributions")]
    if detector.model.type not in takers:
        findings.note(
            (*path, "type"),
            "CFG404",
            expected="a model of vectors, because the detector has a group",
            found=detector.model.type,
            cure=f"name one of {', '.join(takers)}, or remove the group",
            among=[("detectors", path[1], "group")],
        )
        return False
    group = detector.group
    assert group is not None
    for key, names in (("by", group.by), ("features", group.features)):
        for n, one in enumerate(names):
            if one in names[:n]:
                at = ("detectors", path[1], "group", key)
                findings.note((*at, n), "CFG301", expected="every name once", found=one, cure="remove one of the two", among=[at])
                return False
    for name in ("features", "n_features"):
        if name in detector.model.parameters:
            findings.note(
                (*path, "parameters", name),
                "CFG404",
                expected="no features among the parameters, because those of the group are the columns",
                found=show_found(detector.model.parameters[name], (*path, "parameters", name)),
                cure="remove it",
                among=[("detectors", path[1], "group")],
            )
            return False
    return True


def _default_hint(parameter: Parameter) -> str:
    if parameter.is_required:
        return ""
    return ", or remove it" + ("" if parameter.default is None else f" (default {show_plain(parameter.default)})")
