"""Secrets, wherever the configuration names one: named in one way, and to be had."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from pipeline.config.findings import Findings
from pipeline.config.report import KeyPath
from pipeline.config.schema import Config
from pipeline.config.secret import resolve_secret
from pipeline.config.section import Secret
from pipeline.errors import ConfigError

__all__ = ["check_secret_sources", "check_secrets", "list_secrets"]

_BROKER_PASSWORD = ("broker", "security", "password")


def list_secrets(config: Config) -> list[tuple[KeyPath, Secret]]:
    """Every secret with its key path, in the order of the schema."""
    return list(_walk(config, ()))


def _walk(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Secret]]:
    if isinstance(value, Secret):
        yield path, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _walk(getattr(value, name), (*path, name))
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _walk(one, (*path, name))
    elif isinstance(value, list):
        for i, one in enumerate(value):
            yield from _walk(one, (*path, i))


def check_secret_sources(config: Config, findings: Findings) -> None:
    """Every secret comes from exactly one of the environment and a file."""
    for path, secret in list_secrets(config):
        given = [name for name in ("env", "file") if getattr(secret, name) is not None]
        if len(given) != 1:
            findings.note(
                path,
                "CFG502",
                expected="exactly one of env and file",
                found="both" if given else "neither",
                cure="remove one of them" if given else "add env: NAME_OF_A_VARIABLE or file: path/of/a/file",
            )


def check_secrets(config: Config, findings: Findings) -> None:
    """Secrets can be had here and now."""
    for path, secret in list_secrets(config):
        is_unused = path == _BROKER_PASSWORD and not config.broker.security.protocol.startswith("sasl")
        if is_unused or (secret.env is None) == (secret.file is None):
            continue
        try:
            resolve_secret(secret)
        except ConfigError as error:
            found, _, cure = str(error).partition("; ")
            findings.note(path, "CFG503", expected="a secret that can be had", found=found, cure=cure)
