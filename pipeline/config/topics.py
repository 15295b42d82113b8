"""The topics: those that are read, and those that Streamwarden writes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from pipeline.config.section import Form, LabelName, Section

__all__ = ["OutputTopic", "OutputTopics", "SourceTopic"]

TopicName = Annotated[
    str,
    Field(pattern=r"^([A-Za-z0-9_-]|\.[A-Za-z0-9_-]|\.\.[A-Za-z0-9._-])[A-Za-z0-9._-]*$", max_length=249),
    Form("a Kafka topic name: letters, digits, dots, underscores and hyphens, at most 249"),
]


def _write_setting(value: object) -> object:
    """Kafka's settings are text; numbers and booleans may be written plainly."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and value == value and value not in (float("inf"), float("-inf")):
        return str(int(value)) if value.is_integer() else repr(value)
    return value


KafkaSettings = dict[str, Annotated[str, BeforeValidator(_write_setting)]]


class SourceTopic(Section):
    """A topic that is read and scored."""

    name: TopicName = Field(description="Name of the Kafka topic.")
    kind: Literal["metrics", "logs"] = Field(description="What the records hold.")
    format: Literal["metric_json", "remote_write", "otlp_metrics", "log_json", "fluentd_json"] = Field(
        description="How the records are encoded."
    )
    partitions: Annotated[int, Field(ge=1, le=10_000)] = Field(6, description="Partitions to provision.")
    replication_factor: Annotated[int, Field(ge=1, le=15)] = Field(1, description="Copies of each partition to provision.")
    retention_hours: Annotated[float, Field(gt=0)] | None = Field(
        None, description="How long the broker keeps records; the cluster's default when absent."
    )
    config: KafkaSettings = Field({}, description="Further Kafka topic settings, as the broker spells them.")
    labels: dict[LabelName, str] = Field({}, description="Labels added to every series of the topic that lacks them.")
    lateness_secs: Annotated[float, Field(ge=0)] = Field(
        60.0,
        description="A sample this much older than the newest of its series is still scored; older ones count as late.",
    )
    future_secs: Annotated[float, Field(ge=0)] = Field(
        300.0,
        description="A sample this much ahead of its record's broker timestamp is dead-lettered as from the future.",
    )


class OutputTopic(Section):
    """A topic that Streamwarden writes."""

    name: TopicName = Field(description="Name of the Kafka topic.")
    partitions: Annotated[int, Field(ge=1, le=10_000)] = Field(3, description="Partitions to provision.")
    replication_factor: Annotated[int, Field(ge=1, le=15)] = Field(1, description="Copies of each partition to provision.")
    config: KafkaSettings = Field({}, description="Further Kafka topic settings, as the broker spells them.")


class OutputTopics(Section):
    """The topics Streamwarden writes."""

    anomalies: OutputTopic = Field(OutputTopic(name="anomalies"), description="Suspicions of the detectors, keyed by series.")
    checked: OutputTopic = Field(
        OutputTopic(name="anomalies-checked"), description="Anomalies with a second opinion, keyed by incident group."
    )
    verdicts: OutputTopic = Field(
        OutputTopic(name="verdicts"),
        description="Ledger of the cross-check: every verdict and every judgement of an operator, keyed by series; partitions must "
        "equal those of `anomalies`.",
    )
    alerts: OutputTopic = Field(OutputTopic(name="alerts"), description="Alert events, keyed by incident id.")
    incidents: OutputTopic = Field(
        OutputTopic(name="incidents", config={"cleanup.policy": "compact"}),
        description="State of open incidents, compacted, keyed by incident group; partitions must equal those of `checked`.",
    )
    dead_letters: OutputTopic = Field(
        OutputTopic(name="dead-letters", config={"max.message.bytes": "4194304"}),
        description="Records that could not be used, bytes untouched; they get headers, so allow more than the sources do.",
    )
    checkpoints: OutputTopic = Field(
        OutputTopic(
            name="checkpoints",
            partitions=12,
            config={"cleanup.policy": "compact", "segment.bytes": "67108864", "min.cleanable.dirty.ratio": "0.2"},
        ),
        description="State of the source partitions with the offsets it includes, compacted; more partitions = quicker restoring.",
    )
