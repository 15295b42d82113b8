"""Where the cluster is and how to talk to it, by the names that kafka-python and aiokafka share."""

from __future__ import annotations

from typing import Any

from pipeline.config.broker import BrokerSettings
from pipeline.config.secret import resolve_secret

__all__ = ["bootstrap_servers", "broker_access"]


def bootstrap_servers(broker: BrokerSettings) -> list[str]:
    """The ``host:port`` list.

    Examples
    --------
    >>> bootstrap_servers(BrokerSettings(bootstrap="kafka-1:9092, kafka-2:9092"))
    ['kafka-1:9092', 'kafka-2:9092']
    """
    return [server.strip() for server in broker.bootstrap.split(",")]


def broker_access(broker: BrokerSettings) -> dict[str, Any]:
    """Arguments that every client takes: servers, kind of transport, authentication.  How certificates are named is each its own.

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
    >>> broker_access(BrokerSettings(bootstrap="kafka:9092"))
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
    return arguments
