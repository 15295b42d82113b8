"""Models that detectors name: known, with parameters they accept, and able to do what the detector asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models import registry
from models.errors import ParameterError
from models.parameters import Parameter, nearest_name
from pipeline.config.cure import show_found
from pipeline.config.findings import Findings
from pipeline.config.model_fit import find_misfit
from pipeline.config.options import show_plain
from pipeline.config.report import KeyPath
from pipeline.config.schema import Config

__all__ = ["check_models"]


def check_models(config: Config, findings: Findings) -> None:
    """Every detector's model can be built and does what the detector asks."""
    for i, detector in enumerate(config.detectors):
        path: KeyPath = ("detectors", i)
        if not _check_parameters(detector.model.type, detector.model.parameters, (*path, "model"), findings):
            continue
        misfit = find_misfit(detector)
        if misfit is not None:
            findings.note(
                (*path, *misfit.path),
                misfit.code,
                expected=misfit.expected,
                found=misfit.found,
                cure=misfit.cure,
                among=[(*path, *one) for one in misfit.among],
            )


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


def _default_hint(parameter: Parameter) -> str:
    if parameter.is_required:
        return ""
    return ", or remove it" + ("" if parameter.default is None else f" (default {show_plain(parameter.default)})")
