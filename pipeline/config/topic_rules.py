"""What must hold for topics: what they are for, how they are kept, what their settings are called."""

from __future__ import annotations

from models.parameters import nearest_name
from pipeline.config.findings import Findings
from pipeline.config.report import KeyPath
from pipeline.config.schema import Config, OutputTopic, SourceTopic

__all__ = ["check_settings", "check_topics", "list_outputs"]

_FORMATS_BY_KIND = {"metrics": ("metric_json", "remote_write", "otlp_metrics"), "logs": ("log_json", "fluentd_json")}

KAFKA_SETTINGS = frozenset(
    {
        "cleanup.policy",
        "compression.gzip.level",
        "compression.lz4.level",
        "compression.type",
        "compression.zstd.level",
        "delete.retention.ms",
        "file.delete.delay.ms",
        "flush.messages",
        "flush.ms",
        "follower.replication.throttled.replicas",
        "index.interval.bytes",
        "leader.replication.throttled.replicas",
        "local.retention.bytes",
        "local.retention.ms",
        "max.compaction.lag.ms",
        "max.message.bytes",
        "message.timestamp.after.max.ms",
        "message.timestamp.before.max.ms",
        "message.timestamp.type",
        "min.cleanable.dirty.ratio",
        "min.compaction.lag.ms",
        "min.insync.replicas",
        "preallocate",
        "remote.log.copy.disable",
        "remote.log.delete.on.disable",
        "remote.storage.enable",
        "retention.bytes",
        "retention.ms",
        "segment.bytes",
        "segment.index.bytes",
        "segment.jitter.ms",
        "segment.ms",
        "unclean.leader.election.enable",
    }
)
"""Topic settings of Apache Kafka 4.3; brokers of other make may know more, so others are refused only where they look misspelt."""


def list_outputs(config: Config) -> list[tuple[str, OutputTopic]]:
    """Output topics with their keys."""
    return [(key, getattr(config.outputs, key)) for key in type(config.outputs).model_fields]


def check_topics(config: Config, findings: Findings) -> None:
    """Topics can be what they are for: read or written, of one kind, partitioned alike."""
    outputs = {topic.name: key for key, topic in list_outputs(config)}
    for i, topic in enumerate(config.topics):
        if key := outputs.get(topic.name):
            findings.note(
                ("topics", i, "name"),
                "CFG302",
                expected="a topic that is only read",
                found=f"{topic.name}, which outputs.{key} writes",
                cure="rename one of the two",
                among=[("outputs", key, "name")],
            )
        formats = _FORMATS_BY_KIND[topic.kind]
        if topic.format not in formats:
            findings.note(
                ("topics", i, "format"),
                "CFG303",
                expected=f"a format of {topic.kind}: {' or '.join(formats)}",
                found=topic.format,
                cure=f"write one of them, or kind: {'logs' if topic.kind == 'metrics' else 'metrics'}",
                among=[("topics", i, "kind")],
            )
    for name, beside, why in (
        ("incidents", "checked", "an incident's state must meet its anomalies"),
        ("verdicts", "anomalies", "a verdict must meet its anomaly"),
    ):
        expected, found = getattr(config.outputs, beside).partitions, getattr(config.outputs, name).partitions
        if expected != found:
            findings.note(
                ("outputs", name, "partitions"),
                "CFG306",
                expected=f"{expected}, as outputs.{beside} has",
                found=str(found),
                cure=f"give both the same number of partitions: {why}",
                among=[("outputs", beside, "partitions")],
            )


def check_settings(config: Config, findings: Findings) -> None:
    """Kafka settings of topics do what the topic needs."""
    for i, source in enumerate(config.topics):
        path: KeyPath = ("topics", i)
        if "compact" in _policies(source):
            _note_policy(
                findings, path, "delete", "the samples of a series share a key: compaction would drop all but the newest"
            )
        if source.retention_hours is not None and "retention.ms" in source.config:
            findings.note(
                (*path, "config", "retention.ms"),
                "CFG306",
                expected="the retention once",
                found="retention_hours and retention.ms",
                cure="remove one of them",
                among=[(*path, "retention_hours")],
            )
        _check_common(source, path, findings)
    for key, output in list_outputs(config):
        path = ("outputs", key)
        if key == "incidents" and "compact" not in _policies(output):
            _note_policy(findings, path, "compact", "open incidents must not age out, and closed ones need no history")
        elif key == "checkpoints" and "compact" not in _policies(output):
            _note_policy(findings, path, "compact", "state must not age out, and superseded state needs no history")
        elif key not in ("incidents", "checkpoints") and "compact" in _policies(output):
            _note_policy(findings, path, "delete", "several messages share a key: compaction would drop all but the newest")
        _check_common(output, path, findings)


def _policies(topic: SourceTopic | OutputTopic) -> list[str]:
    return [policy.strip() for policy in topic.config.get("cleanup.policy", "delete").split(",")]


def _note_policy(findings: Findings, path: KeyPath, wanted: str, why: str) -> None:
    findings.note(
        (*path, "config", "cleanup.policy"),
        "CFG307",
        expected=f"the cleanup.policy {wanted}",
        found="compact" if wanted == "delete" else "no compaction",
        cure=f"write cleanup.policy: {wanted}; {why}",
        among=[(*path, "config")],
    )


def _check_common(topic: SourceTopic | OutputTopic, path: KeyPath, findings: Findings) -> None:
    for name, value in topic.config.items():
        here = (*path, "config", name)
        if name not in KAFKA_SETTINGS and (near := nearest_name(name, KAFKA_SETTINGS)) and _is_misspelt(name, near):
            findings.note(here, "CFG307", expected="a Kafka topic setting", found=name, cure=f"did you mean {near}?", of_key=True)
        if name == "min.insync.replicas" and value.isdigit() and int(value) > topic.replication_factor:
            findings.note(
                here,
                "CFG306",
                expected=f"at most {topic.replication_factor}, the replication_factor",
                found=value,
                cure="raise replication_factor or lower min.insync.replicas: nothing could be written",
                among=[(*path, "replication_factor")],
            )


def _is_misspelt(name: str, near: str) -> bool:
    import difflib

    return difflib.SequenceMatcher(None, name.replace("_", "."), near).ratio() > 0.85
