"""How long a topic keeps its records: old history may be deleted before anyone reads it."""

from __future__ import annotations

from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

__all__ = ["find_retention_ms", "warn_of_retention"]

_MS_PER_HOUR = 3_600_000


def find_retention_ms(settings: dict[str, Any], topic: str) -> int | None:
    """The topic's ``retention.ms``; None = kept for ever, or the broker does not tell."""
    try:
        admin: Any = KafkaAdminClient(**settings)
    except KafkaError:
        return None
    try:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs={"retention.ms": None})
        answer = admin.describe_configs([resource], config_filter="all")
        told = next((one.get(topic, {}).get("retention.ms") for one in answer.values()), None)
        retention_ms = int(told["value"]) if told else -1
    except (KafkaError, KeyError, TypeError, ValueError, AttributeError):
        # Not every broker answers this; the question is only for a warning.
        return None
    finally:
        admin.close()
    return retention_ms if retention_ms >= 0 else None


def warn_of_retention(
    topic: str, retention_ms: int | None, oldest_ms: int, now_ms: int, *, is_shifted: bool = False
) -> str | None:
    """A sentence when records as old as `oldest_ms` outlive the topic's retention; None when they do not.

    With `is_shifted` times end now already, and only a longer retention is a cure.

    Examples
    --------
    >>> warn_of_retention("m", 7 * 24 * 3_600_000, oldest_ms=0, now_ms=8 * 24 * 3_600_000)
    'm keeps records for 168 hours, the oldest here is of 192 hours ago: Kafka may delete it at any time; use --shift-to-now ...'
    >>> warn_of_retention("m", 7 * 24 * 3_600_000, oldest_ms=0, now_ms=8 * 24 * 3_600_000, is_shifted=True)
    'm keeps records for 168 hours, the oldest here is of 192 hours ago: Kafka may delete it at any time; raise retention_hours'
    >>> warn_of_retention("m", None, 0, 10**12) is None
    True
    """
    if retention_ms is None or now_ms - oldest_ms <= retention_ms:
        return None
    cure = "raise retention_hours" if is_shifted else "use --shift-to-now or raise retention_hours"
    return (
        f"{topic} keeps records for {retention_ms / _MS_PER_HOUR:.0f} hours, the oldest here is of "
        f"{(now_ms - oldest_ms) / _MS_PER_HOUR:.0f} hours ago: Kafka may delete it at any time; {cure}"
    )
