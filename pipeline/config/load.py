"""Loading a configuration: read, validate, check what must hold between values, and report every problem at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.config.broker_rules import check_broker
from pipeline.config.crosscheck_rules import check_crosscheck
from pipeline.config.detector_rules import check_references, check_rule_order, check_shadows
from pipeline.config.document import Document
from pipeline.config.findings import Findings, Rule
from pipeline.config.fingerprint import config_hash
from pipeline.config.model_rules import check_models
from pipeline.config.name_rules import check_names
from pipeline.config.options import option_at
from pipeline.config.plain_scalar import resolve_plain
from pipeline.config.report import InvalidConfigError, KeyPath, Problem
from pipeline.config.schema import Config
from pipeline.config.secret_rules import check_secret_sources, check_secrets
from pipeline.config.series_rules import check_series
from pipeline.config.source import parse_text, read_file
from pipeline.config.topic_rules import check_settings, check_topics
from pipeline.config.trial_rules import check_trials
from pipeline.config.validation import explain_errors, keep_valid

__all__ = ["BROKER_VARIABLE", "KEY_BY_VARIABLE", "LoadedConfig", "config_hash", "load_config", "load_document", "load_text"]

BROKER_VARIABLE = "STREAMWARDEN_BROKER"
"""Environment variable that goes before ``broker.bootstrap`` of the file; the command line goes before both."""

KEY_BY_VARIABLE: dict[str, str] = {
    BROKER_VARIABLE: "broker.bootstrap",
    "STREAMWARDEN_GROUP": "worker.group",
    "STREAMWARDEN_REGION": "worker.region",
    "STREAMWARDEN_WEB_HOST": "worker.web_host",
    "STREAMWARDEN_WEB_PORT": "worker.web_port",
}
"""What may differ from place to place under one file: environment variable → dotted key.  An empty variable is not given."""

_FATAL = frozenset({"CFG001", "CFG002", "CFG003", "CFG004", "CFG005", "CFG009"})
_EXTENSION = "x-"

_RULES: tuple[Rule, ...] = (
    check_names,
    check_topics,
    check_settings,
    check_crosscheck,
    check_series,
    check_broker,
    check_secret_sources,
    check_shadows,
    check_rule_order,
    check_references,
    check_models,
    check_trials,
)


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A configuration and where its values came from.

    Attributes
    ----------
    config : Config
        Effective values.
    document : Document
        The file, with positions.
    origins : dict
        Origin, in words, of the values that came from elsewhere than the file.
    """

    config: Config
    document: Document
    origins: dict[KeyPath, str]


def load_config(path: str | Path, *, overrides: Mapping[str, Any] | None = None) -> Config:
    """Load a configuration file.

    Parameters
    ----------
    path : path
        YAML file.
    overrides : mapping of str to object, optional
        Values of the command line by dotted key, e.g. ``{"broker.bootstrap": "kafka:9092"}``; None = not given.  They go before
        the environment (`KEY_BY_VARIABLE`), which goes before the file.

    Raises
    ------
    ConfigError
        With every problem there is: an `InvalidConfigError`.
    """
    return load_document(read_file(Path(path)), overrides=overrides).config


def load_text(text: str, name: str = "topics.yaml", *, overrides: Mapping[str, Any] | None = None) -> Config:
    """Load a configuration from text.

    Parameters
    ----------
    text : str
        YAML.
    name : str
        What messages call it.
    overrides : mapping, optional
        See `load_config`.

    Raises
    ------
    ConfigError
        With every problem there is.

    Examples
    --------
    >>> text = '''
    ... version: 1
    ... topics: [{name: metrics, kind: metrics, format: metric_json}]
    ... detectors: [{name: all, model: {type: gaussian_scorer}}]
    ... '''
    >>> load_text(text).detectors[0].threshold.probability
    1e-05
    >>> load_text(text.replace("detectors", "detektors"))
    Traceback (most recent call last):
        ...
    pipeline.config.report.InvalidConfigError: topics.yaml:1:1  detectors  CFG102
      expected the key detectors in the file; found no such key
      fix: add detectors: a list of mappings, at least one
    topics.yaml:4:1  detektors  CFG101
      expected a known key; found detektors
      fix: did you mean detectors?
    """
    return load_document(parse_text(text, name), overrides=overrides).config


def load_document(document: Document, *, overrides: Mapping[str, Any] | None = None, with_secrets: bool = False) -> LoadedConfig:
    """Load a configuration that was read already.

    Parameters
    ----------
    document : Document
        Its values are changed by overrides.
    overrides : mapping, optional
        See `load_config`.
    with_secrets : bool
        True = also report secrets that cannot be had here and now.

    Raises
    ------
    ConfigError
        With every problem there is.
    """
    if not document.problems and not isinstance(document.data, dict):
        _report_top(document)
    if not isinstance(document.data, dict) or any(problem.code in _FATAL for problem in document.problems):
        raise InvalidConfigError(document.problems)
    document.data = {key: value for key, value in document.data.items() if not key.startswith(_EXTENSION)}
    origins = _override(document, overrides or {})
    bad = [problem.path for problem in document.problems]
    try:
        Config.model_validate(document.data)
    except ValidationError as error:
        explain_errors(error, document)
    kept = keep_valid(document.data, bad)
    if kept.config is not None:
        findings = Findings(document, kept)
        for rule in (*_RULES, check_secrets) if with_secrets else _RULES:
            rule(kept.config, findings)
    if document.problems or kept.config is None:
        raise InvalidConfigError([_relocate(problem, origins) for problem in document.problems])
    return LoadedConfig(kept.config, document, origins)


def _report_top(document: Document) -> None:
    found = "nothing" if document.data is None else "a list" if isinstance(document.data, list) else "a single value"
    cure = "write keys and values, e.g. version: 1; start from the topics.yaml that comes with Streamwarden"
    document.report(
        (), "CFG005" if document.data is not None else "CFG004", expected="a mapping of keys to values", found=found, cure=cure
    )


def _override(document: Document, overrides: Mapping[str, Any]) -> dict[KeyPath, str]:
    """Put values of the environment and the command line into the data; their origins."""
    origins: dict[KeyPath, str] = {}
    given: list[tuple[str, Any, str]] = []
    for variable, key in KEY_BY_VARIABLE.items():
        if text := os.environ.get(variable):
            option = option_at(tuple(key.split(".")), {})
            is_text = option is not None and option.annotation is str
            given.append((key, text if is_text else resolve_plain(text), f"environment {variable}"))
    given += [(key, value, "command line") for key, value in overrides.items() if value is not None]
    for key, value, origin in given:
        path = tuple(key.split("."))
        here = document.data
        for part in path[:-1]:
            inner = here.get(part)
            # A copy: the section may be shared through an alias.
            here[part] = dict(inner) if isinstance(inner, dict) else {} if inner is None else inner
            here = here[part]
            if not isinstance(here, dict):
                break
        else:
            here[path[-1]] = value
            origins[path] = origin
    return origins


def _relocate(problem: Problem, origins: Mapping[KeyPath, str]) -> Problem:
    """A problem of an overridden value is one of where the value came from."""
    origin = origins.get(problem.path)
    if origin is None:
        return problem
    return Problem(origin, 0, 0, problem.path, problem.code, problem.expected, problem.found, problem.cure)
