"""The configuration of a run: that of the user, on the run's broker, under names of its own where others use the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.config.dump import dump_yaml
from pipeline.config.schema import BrokerSettings, Config

__all__ = ["derive_config", "write_config"]


def _prefixed(glob: str | list[str] | None, prefix: str) -> str | list[str] | None:
    if glob is None:
        return None
    return prefix + glob if isinstance(glob, str) else [prefix + one for one in glob]


def _prefix_matches(value: Any, prefix: str) -> None:
    """Put the prefix before the topics of every matcher: of detectors, severity rules and providers."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        _prefix_matches(one, prefix)
    if isinstance(value, dict) and isinstance(value.get("match"), dict) and "topic" in value["match"]:
        value["match"]["topic"] = _prefixed(value["match"]["topic"], prefix)


def derive_config(config: Config, *, broker: BrokerSettings, web_port: int, prefix: str, speed: float) -> Config:
    """The configuration a run's worker gets.

    Parameters
    ----------
    config : Config
        The user's.
    broker : BrokerSettings
        The run's.
    web_port : int
        Port of the worker's metrics.
    prefix : str
        Put before every topic and the group, so that nothing of a cluster in use is touched; "" on a broker of the run's own.

    speed : float
        Event seconds a wall second.

    Returns
    -------
    Config
        Detectors, thresholds, cross-check and alerts are the user's.
    """
    document = config.model_dump(mode="json")
    document["broker"] = broker.model_dump(mode="json")
    document["worker"] |= {"group": prefix + document["worker"]["group"], "web_host": "127.0.0.1", "web_port": web_port}
    document["worker"] |= {"start_at": "earliest", "event_secs_per_sec": speed}
    for topic in document["topics"]:
        topic["name"] = prefix + topic["name"]
    for topic in document["outputs"].values():
        topic["name"] = prefix + topic["name"]
    _prefix_matches(document, prefix)
    # Tests are the author's, and name topics of their own.
    document["tests"] = []
    return Config.model_validate(document)


def write_config(config: Config, path: Path) -> None:
    """Write a configuration as YAML."""
    document: dict[str, Any] = config.model_dump(mode="json")
    path.write_text(dump_yaml(document))
