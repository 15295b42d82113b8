"""How kafka-python is told where the cluster is and how to talk to it."""

from __future__ import annotations

from typing import Any

from pipeline.config.broker_access import broker_access
from pipeline.config.schema import BrokerSettings
from pipeline.errors import BrokerError

__all__ = ["connection_settings", "unreachable"]


def connection_settings(broker: BrokerSettings) -> dict[str, Any]:
    """Connection settings of kafka-python.

    Parameters
    ----------
    broker : BrokerSettings
        Of the configuration, with what the command line and the environment override.

    Raises
    ------
    ConfigError
        The password cannot be had.

    Examples
    --------
    >>> connection_settings(BrokerSettings(bootstrap="kafka-1:9092, kafka-2:9092"))["bootstrap_servers"]
    ['kafka-1:9092', 'kafka-2:9092']
    """
    settings = {"client_id": "streamwarden-cli", **broker_access(broker)}
    if broker.security.ca_file is not None:
        settings["ssl_cafile"] = broker.security.ca_file
    return settings


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
