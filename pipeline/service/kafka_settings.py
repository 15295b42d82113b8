"""How aiokafka is told where the cluster is and how to talk to it."""

from __future__ import annotations

from typing import Any

from aiokafka.helpers import create_ssl_context

from pipeline.config.broker_access import broker_access
from pipeline.config.schema import BrokerSettings

__all__ = ["connection_arguments"]


def connection_arguments(broker: BrokerSettings) -> dict[str, Any]:
    """Arguments that every aiokafka client takes: those of `broker_access`, and the certificates that brokers are held to.

    Raises
    ------
    ConfigError
        As `broker_access`.

    Examples
    --------
    >>> sorted(connection_arguments(BrokerSettings.model_validate({"security": {"protocol": "ssl"}})))
    ['bootstrap_servers', 'security_protocol', 'ssl_context']
    """
    arguments = broker_access(broker)
    if broker.security.protocol in ("ssl", "sasl_ssl"):
        arguments["ssl_context"] = create_ssl_context(cafile=broker.security.ca_file)
    return arguments
