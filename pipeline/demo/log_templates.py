"""What the simulated services write: templates, how often, and what fills their fields."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["SERVICES", "LogTemplate", "fill"]


@dataclass(frozen=True, slots=True)
class LogTemplate:
    """One kind of line.

    Attributes
    ----------
    level, text : str
        Severity word; text with fields in braces.
    rate : float
        Lines a simulated second in one region at load 1.
    """

    level: str
    text: str
    rate: float


SERVICES: dict[str, tuple[LogTemplate, ...]] = {
    "dag-engine": (
        LogTemplate("INFO", "block {hash} sealed with {n} transactions in {ms} ms", 0.10),
        LogTemplate("INFO", "tip {hash} selected, weight {n}", 0.06),
        LogTemplate("DEBUG", "pruned {n} vertices below depth {n}", 0.02),
        LogTemplate("WARN", "vertex {hash} references unknown parent {hash}", 0.006),
    ),
    "p2p": (
        LogTemplate("INFO", "peer {ip} connected, protocol version {n}", 0.03),
        LogTemplate("INFO", "peer {ip} disconnected after {n} s", 0.03),
        LogTemplate("WARN", "peer {ip} answered ping after {ms} ms", 0.008),
    ),
    "mempool": (
        LogTemplate("INFO", "accepted {n} transactions, pool holds {n}", 0.08),
        LogTemplate("INFO", "evicted {n} expired transactions", 0.02),
        LogTemplate("WARN", "transaction {hash} rejected: fee {n} below minimum", 0.02),
    ),
    "gateway": (
        LogTemplate("INFO", "{method} {route} 200 in {ms} ms", 0.12),
        LogTemplate("INFO", "{method} {route} 404 in {ms} ms", 0.02),
        LogTemplate("WARN", "authentication failed for user {user} from {ip}: bad password", 0.01),
        LogTemplate("ERROR", "upstream {service} timed out after {ms} ms on {route}", 0.004),
    ),
}
"""Lines of each service; the gateway's come through Fluentd."""

_FIELD = re.compile(r"\{(\w+)\}")
_FILLERS: dict[str, Callable[[random.Random], str]] = {
    "hash": lambda rng: f"0x{rng.getrandbits(64):016x}",
    "n": lambda rng: str(rng.randint(1, 4_000)),
    "ms": lambda rng: str(round(rng.lognormvariate(4.0, 0.6))),
    "ip": lambda rng: f"10.{rng.randint(0, 63)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}",
    "user": lambda rng: rng.choice(("admin", "root", "operator", "svc-bridge", "svc-indexer", "deploy")),
    "method": lambda rng: rng.choice(("GET", "GET", "GET", "POST")),
    "route": lambda rng: rng.choice(("/v1/tx", "/v1/blocks", "/v1/balance", "/v1/peers")),
    "service": lambda rng: rng.choice(("mempool", "dag-engine", "indexer")),
}


def fill(template: str, rng: random.Random) -> str:
    """A line of a template, its fields filled at random.

    Examples
    --------
    >>> fill("evicted {n} expired transactions", random.Random(1))
    'evicted 551 expired transactions'
    """
    return _FIELD.sub(lambda found: _FILLERS[found.group(1)](rng), template)
