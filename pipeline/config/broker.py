"""The Kafka cluster, and how to talk to it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.section import Form, Secret, Section

__all__ = ["BrokerSettings", "SecuritySettings"]

Bootstrap = Annotated[
    str,
    Field(pattern=r"^ *(\[[0-9A-Fa-f:.]+\]|[^\s:,@/\[\]]+):[0-9]{1,5} *(, *(\[[0-9A-Fa-f:.]+\]|[^\s:,@/\[\]]+):[0-9]{1,5} *)*$"),
    Form("host:port, or several of them with commas between"),
]


class SecuritySettings(Section):
    """How to talk to the brokers."""

    protocol: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Field(
        "plaintext", description="Transport security of the connection."
    )
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        None, description="SASL mechanism; needed with the sasl protocols."
    )
    username: str | None = Field(None, description="SASL user name.")
    password: Secret | None = Field(None, description="SASL password.")
    ca_file: str | None = Field(None, description="PEM file of the certificate authority the brokers are checked against.")


class BrokerSettings(Section):
    """The Kafka cluster."""

    bootstrap: Bootstrap = Field(
        "127.0.0.1:9092", description="Comma-separated host:port list; STREAMWARDEN_BROKER or --broker override it."
    )
    security: SecuritySettings = Field(SecuritySettings(), description="Transport security and authentication.")
    session_timeout_secs: Annotated[float, Field(gt=0)] = Field(
        10.0, description="A worker that stays silent this long is taken out of its group."
    )
    heartbeat_interval_secs: Annotated[float, Field(gt=0)] = Field(
        1.0, description="Seconds between group heartbeats; with the next one a worker hears of a rebalance."
    )
    rebalance_timeout_secs: Annotated[float, Field(gt=0)] = Field(
        20.0, description="Longest time the group waits for a worker to join a rebalance."
    )
