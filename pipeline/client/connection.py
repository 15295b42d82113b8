"""How kafka-python is told where the cluster is and how to talk to it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pipeline.config.schema import BrokerSettings, Secret
from pipeline.errors import BrokerError, ConfigError

__all__ = ["connection_settings", "unreachable"]

BROKER_VARIABLE = "STREAMWARDEN_BROKER"


def connection_settings(broker: BrokerSettings, override: str | None = None) -> dict[str, Any]:
    """Connection settings of kafka-python.

    Parameters
    ----------
    broker : BrokerSettings
        Of the configuration.
    override : str or None
        ``host:port`` list of the command line; it goes before the environment variable STREAMWARDEN_BROKER, which goes before
        the configuration.

    Raises
    ------
    ConfigError
        The password cannot be had.

    Examples
    --------
    >>> connection_settings(BrokerSettings(), "kafka-1:9092,kafka-2:9092")["bootstrap_servers"]
    ['kafka-1:9092', 'kafka-2:9092']
    """
    security = broker.security
    bootstrap = override or os.environ.get(BROKER_VARIABLE) or broker.bootstrap
    settings: dict[str, Any] = {
        "bootstrap_servers": [server.strip() for server in bootstrap.split(",")],
        "client_id": "streamwarden-cli",
        "security_protocol": security.protocol.upper(),
    }
    if security.mechanism is not None:
        settings["sasl_mechanism"] = security.mechanism
        settings["sasl_plain_username"] = security.username
        settings["sasl_plain_password"] = None if security.password is None else _read_secret(security.password)
    if security.ca_file is not None:
        settings["ssl_cafile"] = security.ca_file
    return settings


def _read_secret(secret: Secret) -> str:
    if secret.env is not None:
        value = os.environ.get(secret.env)
        if value is None:
            raise ConfigError(f"broker.security.password: environment variable {secret.env} is not set; set it")
        return value
    if secret.file is not None:
        try:
            return Path(secret.file).read_text().removesuffix("\n")
        except OSError as error:
            raise ConfigError(f"broker.security.password: {secret.file}: {error.strerror}; correct the path") from error
    raise ConfigError("broker.security.password: found neither env nor file, expected one of them")


def unreachable(where: str, error: Exception) -> BrokerError:
    """The error of a broker that does not answer.

    Examples
    --------
    >>> unreachable("h:1", TimeoutError()).code
    'BROKER_UNREACHABLE'
    """
    return BrokerError(
        f"{where}: {str(error) or type(error).__name__}; expected a Kafka broker; start one, or name it with --broker host:port",
        code="BROKER_UNREACHABLE",
    )
