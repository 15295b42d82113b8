"""What must hold for the connection to the brokers."""

from __future__ import annotations

from pipeline.config.findings import Findings
from pipeline.config.schema import Config

__all__ = ["check_broker"]

_SECURITY = ("broker", "security")


def check_broker(config: Config, findings: Findings) -> None:
    """Timeouts are in order, and security settings complete and of use."""
    _check_timeouts(config, findings)
    security = config.broker.security
    is_sasl = security.protocol.startswith("sasl")
    given = {"mechanism": security.mechanism, "username": security.username, "password": security.password}
    for name, value in given.items():
        path = (*_SECURITY, name)
        if is_sasl and value is None:
            findings.note(
                path,
                "CFG501",
                expected=f"{name}, because the protocol is {security.protocol}",
                found="none",
                cure="add password: {env: KAFKA_PASSWORD} or password: {file: ...}" if name == "password" else f"add {name}",
                among=[(*_SECURITY, "protocol")],
            )
        elif not is_sasl and value is not None:
            findings.note(
                path,
                "CFG501",
                expected=f"no {name}, because the protocol {security.protocol} does not authenticate",
                found="one",
                cure="write protocol: sasl_ssl (or sasl_plaintext), or remove it",
                among=[(*_SECURITY, "protocol")],
            )
    if security.ca_file is not None and not security.protocol.endswith("ssl"):
        findings.note(
            (*_SECURITY, "ca_file"),
            "CFG501",
            expected=f"no ca_file, because the protocol {security.protocol} does not encrypt",
            found="one",
            cure="write protocol: ssl or sasl_ssl, or remove it",
            among=[(*_SECURITY, "protocol")],
        )


def _check_timeouts(config: Config, findings: Findings) -> None:
    broker = config.broker
    if not broker.heartbeat_interval_secs < broker.session_timeout_secs:
        findings.note(
            ("broker", "heartbeat_interval_secs"),
            "CFG306",
            expected=f"less than session_timeout_secs, {broker.session_timeout_secs:g}",
            found=f"{broker.heartbeat_interval_secs:g}",
            cure="make it a third of session_timeout_secs or less",
            among=[("broker", "session_timeout_secs")],
        )
    if broker.rebalance_timeout_secs < broker.session_timeout_secs:
        findings.note(
            ("broker", "rebalance_timeout_secs"),
            "CFG306",
            expected=f"at least session_timeout_secs, {broker.session_timeout_secs:g}",
            found=f"{broker.rebalance_timeout_secs:g}",
            cure="raise rebalance_timeout_secs or lower session_timeout_secs",
            among=[("broker", "session_timeout_secs")],
        )
