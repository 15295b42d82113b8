"""The configuration's hash: the same for configurations that lead to the same outcomes."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from models import registry
from models.parameters import settle_parameters
from pipeline.config.schema import Config

__all__ = ["config_hash"]

_SECTIONS = ("topics", "series", "logs", "detectors", "crosscheck", "alerts")
# How the broker stores a topic changes no outcome.
_STORAGE = frozenset({"replication_factor", "retention_hours", "config"})


def config_hash(config: Config) -> str:
    """Hash of what decides outcomes: 16 hex digits.

    Topics (but not how the broker stores them), series, logs, detectors, cross-check and alerts go in, with defaults filled in;
    broker, worker and output topics do not.  The order of keys, comments and the writing of numbers do not matter; the order of
    lists does.

    Examples
    --------
    >>> from pipeline.config.schema import BrokerSettings, DetectorSettings, SourceTopic
    >>> parts = {"version": 1, "topics": [SourceTopic(name="m", kind="metrics", format="metric_json")]}
    >>> one = Config(**parts, detectors=[DetectorSettings(name="d")])
    >>> two = Config(**parts, detectors=[DetectorSettings(name="d")], broker=BrokerSettings(bootstrap="kafka:9092"))
    >>> three = Config(**parts, detectors=[DetectorSettings(name="e")])
    >>> config_hash(one) == config_hash(two), config_hash(one) == config_hash(three), len(config_hash(one))
    (True, False, 16)
    """
    data: dict[str, Any] = config.model_dump(include=set(_SECTIONS))
    for topic in data["topics"]:
        for name in _STORAGE:
            del topic[name]
    for detector in data["detectors"]:
        model = detector["model"]
        model["parameters"] = settle_parameters(model["type"], registry.schema(model["type"]), model["parameters"])
    canonical = orjson.dumps(data, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.blake2b(canonical, digest_size=8).hexdigest()
