"""Secrets: taken from the environment or a file when they are needed, never kept in the configuration."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pipeline.config.report import MASK
from pipeline.config.schema import Secret
from pipeline.errors import ConfigError

__all__ = ["resolve_secret"]

# A secret written where the name of its variable belongs must not be told either.
_TELLABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


def resolve_secret(secret: Secret) -> str:
    """The secret itself.

    Parameters
    ----------
    secret : Secret
        Where it is.

    Raises
    ------
    ConfigError
        Not exactly one of `env` and `file` is given (``CFG502``), the variable is not set or empty, or the file cannot be
        read (``CFG503``).

    Examples
    --------
    >>> resolve_secret(Secret(env="STREAMWARDEN_NO_SUCH_VARIABLE"))
    Traceback (most recent call last):
        ...
    pipeline.errors.ConfigError: the environment variable STREAMWARDEN_NO_SUCH_VARIABLE is not set; set it where this runs
    """
    if (secret.env is None) == (secret.file is None):
        found = "neither env nor file" if secret.env is None else "both env and file"
        raise ConfigError(f"{found} given for a secret; name exactly one of them", code="CFG502")
    if secret.env is not None:
        value = os.environ.get(secret.env, "")
        if not value:
            shown = secret.env if _TELLABLE.fullmatch(secret.env) else MASK
            state = "empty" if secret.env in os.environ else "not set"
            raise ConfigError(f"the environment variable {shown} is {state}; set it where this runs", code="CFG503")
        return value
    assert secret.file is not None
    try:
        value = Path(secret.file).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ConfigError(
            f"the file {secret.file} cannot be read: {why.lower()}; correct the path or its rights", code="CFG503"
        ) from error
    value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise ConfigError(f"the file {secret.file} is empty; write the secret into it", code="CFG503")
    return value
