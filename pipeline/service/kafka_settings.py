"""How aiokafka is told where the cluster is and how to talk to it."""

from __future__ import annotations

from typing import Any

from aiokafka.helpers import create_ssl_context

from pipeline.config.schema import BrokerSettings
from pipeline.config.secret import resolve_secret

__all__ = ["bootstrap_servers", "connection_arguments"]


def bootstrap_servers(broker: BrokerSettings) -> list[str]:
    """The ``host:port`` list.

    Examples
    --------
    >>> bootstrap_servers(BrokerSettings(bootstrap="kafka-1:9092, kafka-2:9092"))
    ['kafka-1:9092', 'kafka-2:9092']
    """
    return [server.strip() for server in broker.bootstrap.split(",")]


def connection_arguments(broker: BrokerSettings) -> dict[str, Any]:
    """Arguments that every aiokafka client takes: servers, transport security, authentication.

    Parameters
    ----------
    broker : BrokerSettings
        Of the configuration.

    Raises
    ------
    ConfigError
        The password cannot be had.

    Examples
    --------
    >>> connection_arguments(BrokerSettings(bootstrap="kafka:9092"))
    {'bootstrap_servers': ['kafka:9092'], 'security_protocol': 'PLAINTEXT'}
    """
    security = broker.security
    arguments: dict[str, Any] = {
        "bootstrap_servers": bootstrap_servers(broker),
        "security_protocol": security.protocol.upper(),
    }
    if security.mechanism is not None:
        arguments["sasl_mechanism"] = security.mechanism
        arguments["sasl_plain_username"] = security.username
        if security.password is not None:
            arguments["sasl_plain_password"] = resolve_secret(security.password)
    if security.protocol in ("ssl", "sasl_ssl"):
        arguments["ssl_context"] = create_ssl_context(cafile=security.ca_file)
    return arguments
