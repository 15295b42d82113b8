"""Whether every topic that a worker reads or writes is there."""

from __future__ import annotations

from collections.abc import Mapping

from aiokafka.admin import AIOKafkaAdminClient

from pipeline.config.schema import Config
from pipeline.errors import BrokerError
from pipeline.service.kafka_settings import connection_arguments

__all__ = ["check_topics"]


async def check_topics(config: Config) -> Mapping[str, int]:
    """Partitions of every topic by name.

    Raises
    ------
    BrokerError
        A topic is missing (``TOPIC_MISSING``), or two whose partitions belong together have different numbers of them
        (``TOPIC_PARTITIONS``).
    KafkaError
        The broker refused or is away.
    """
    outputs = config.outputs
    written = [getattr(outputs, key).name for key in type(outputs).model_fields]
    wanted = [topic.name for topic in config.topics] + written
    admin = AIOKafkaAdminClient(**connection_arguments(config.broker), client_id="streamwarden-worker")
    try:
        await admin.start()
        found = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics(wanted)}
    finally:
        await admin.close()
    missing = sorted(name for name in wanted if not found.get(name))
    if missing:
        raise BrokerError(
            f"{config.broker.bootstrap}: topic {', '.join(missing)} not there; create the topics with `streamwarden topics apply`",
            code="TOPIC_MISSING",
        )
    for one, other in ((outputs.incidents, outputs.checked), (outputs.verdicts, outputs.anomalies)):
        if found[one.name] != found[other.name]:
            raise BrokerError(
                f"{one.name} has {found[one.name]} partitions, {other.name} has {found[other.name]}; expected the same number; "
                "make them equal (`streamwarden topics diff`)",
                code="TOPIC_PARTITIONS",
            )
    return found
