"""A real broker made slow for one client: Kafka's own quota on the bytes it may write a second."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kafka.admin import KafkaAdminClient
from kafka.protocol.admin.client_quotas import AlterClientQuotasRequest

WORKER_CLIENT = "streamwarden-worker"


def set_quota(bootstrap: str, bytes_per_sec: float | None, client_id: str = WORKER_CLIENT) -> None:
    """Let a client write so many bytes a second, on average over some ten of them; None = as many as it likes.

    The broker takes what comes and then leaves the connection unread until the average is right again.
    """
    entry = AlterClientQuotasRequest.EntryData
    request = AlterClientQuotasRequest(
        entries=[
            entry(
                entity=[entry.EntityData(entity_type="client-id", entity_name=client_id)],
                ops=[entry.OpData(key="producer_byte_rate", value=bytes_per_sec or 0.0, remove=bytes_per_sec is None)],
            )
        ],
        validate_only=False,
    )
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        answer = admin._manager.run(admin._manager.send, request)
    finally:
        admin.close()
    assert [one.error_code for one in answer.entries] == [0], answer


@contextmanager
def slow_for_worker(bootstrap: str, bytes_per_sec: float) -> Iterator[None]:
    """A broker that takes so little from workers within the block."""
    set_quota(bootstrap, bytes_per_sec)
    try:
        yield
    finally:
        set_quota(bootstrap, None)
