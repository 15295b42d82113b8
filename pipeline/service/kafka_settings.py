"""How aiokafka is told where the cluster is and how to talk to it."""

from __future__ import annotations

from typing import Any

from aiokafka.helpers import create_ssl_context

from pipeline.config.broker_access import broker_access
from pipeline.config.schema import BrokerSettings

__all__ = ["connection_arguments"]


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
    arguments = broker_access(broker)
    if broker.security.protocol in ("ssl", "sasl_ssl"):
        arguments["ssl_context"] = create_ssl_context(cafile=broker.security.ca_file)
    return arguments
