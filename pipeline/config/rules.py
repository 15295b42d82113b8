"""What must hold between values: names, topics, cross-check, series, security.  Detectors and models have files of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from models.parameters import nearest_name
from pipeline.config.providers import (
    CloudWatchProvider,
    EnsembleProvider,
    LocalProvider,
    MemberSettings,
    OpenSearchProvider,
    RemoteProvider,
)
from pipeline.config.report import KeyPath
from pipeline.config.schema import Config, OutputTopic, SourceTopic
from pipeline.config.source import Document
from pipeline.config.validation import Kept

__all__ = [
    "Findings",
    "Rule",
    "check_crosscheck",
    "check_names",
    "check_series",
    "check_settings",
    "check_topics",
    "list_outputs",
    "list_providers",
]

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


@dataclass(slots=True)
class Findings:
    """Where rules note what they find.

    Attributes
    ----------
    document : Document
        Of the file; its problems grow.
    kept : Kept
        The configuration the rules look at, and what it lacks of the file.
    """

    document: Document
    kept: Kept

    def note(
        self,
        path: KeyPath,
        code: str,
        *,
        expected: str,
        found: str,
        cure: str,
        among: Sequence[KeyPath] = (),
        of_key: bool = False,
    ) -> None:
        """Note a problem at a key path of the configuration.

        Nothing is noted when that value, or one of those it is judged by (`among`), was left out for a problem of its own: what
        stands in its place is a default nobody wrote.
        """
        if self.kept.is_touched([path, *among]):
            return
        self.document.report(self.kept.to_file(path), code, expected=expected, found=found, cure=cure, of_key=of_key)


Rule = Callable[[Config, Findings], None]


def list_outputs(config: Config) -> list[tuple[str, OutputTopic]]:
    """Output topics with their keys."""
    return [(key, getattr(config.outputs, key)) for key in type(config.outputs).model_fields]


def _note_twice(findings: Findings, named: Iterable[tuple[KeyPath, str]], what: str) -> None:
    first: dict[str, KeyPath] = {}
    for path, name in named:
        if name in first:
            line = findings.document.place(findings.kept.to_file(first[name])).line
            cure = "rename or remove one of them"
            found = f"{name} again (first on line {line})"
            findings.note(path, "CFG301", expected=f"every {what} once", found=found, cure=cure, among=[first[name]])
        else:
            first[name] = path


def check_names(config: Config, findings: Findings) -> None:
    """Names that must be unique are."""
    _note_twice(findings, [(("detectors", i, "name"), one.name) for i, one in enumerate(config.detectors)], "detector name")
    _note_twice(findings, [(("topics", i, "name"), one.name) for i, one in enumerate(config.topics)], "topic name")
    _note_twice(
        findings, [(("alerts", "severity", i, "name"), one.name) for i, one in enumerate(config.alerts.severity)], "rule name"
    )
    _note_twice(findings, [(("outputs", key, "name"), one.name) for key, one in list_outputs(config)], "output topic")
    for path, labels in (
        (("alerts", "incident", "group_by"), config.alerts.incident.group_by),
        (("logs", "group_by"), config.logs.group_by),
    ):
        _note_twice(findings, [((*path, i), label) for i, label in enumerate(labels)], "label")


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


def list_providers(config: Config) -> list[tuple[KeyPath, MemberSettings]]:
    """Every provider that is asked, with its key path."""
    path: KeyPath = ("crosscheck", "provider")
    provider = config.crosscheck.provider
    if isinstance(provider, EnsembleProvider):
        return [((*path, "members", i), member) for i, member in enumerate(provider.members)]
    return [] if provider is None else [(path, provider)]


def check_crosscheck(config: Config, findings: Findings) -> None:
    """The cross-check's cuts are in order, and its limits leave time to answer."""
    for path, provider in list_providers(config):
        if isinstance(provider, LocalProvider):
            _check_tails(provider, path, findings)
        if isinstance(provider, RemoteProvider):
            _check_pace(provider, config.crosscheck.deadline_secs, path, findings)
        if isinstance(provider, CloudWatchProvider):
            _check_math(provider, path, findings)
        if isinstance(provider, OpenSearchProvider):
            _check_basic_auth(provider, path, findings)
    if isinstance(config.crosscheck.provider, EnsembleProvider):
        _check_quorums(config.crosscheck.provider, findings)


def _check_tails(provider: LocalProvider, path: KeyPath, findings: Findings) -> None:
    if not provider.confirm_tail < provider.refute_tail:
        findings.note(
            (*path, "confirm_tail"),
            "CFG306",
            expected=f"less than refute_tail, {provider.refute_tail:g}",
            found=f"{provider.confirm_tail:g}",
            cure="lower confirm_tail or raise refute_tail; between the two the verdict is unknown",
            among=[(*path, "refute_tail")],
        )


def _check_pace(provider: RemoteProvider, deadline_secs: float, path: KeyPath, findings: Findings) -> None:
    """A candidate may have to wait for one call's turn and for one call."""
    if provider.burst_calls >= provider.max_calls_per_minute:
        findings.note(
            (*path, "burst_calls"),
            "CFG306",
            expected=f"less than max_calls_per_minute, {provider.max_calls_per_minute:g}",
            found=str(provider.burst_calls),
            cure="lower burst_calls or raise max_calls_per_minute: after a burst no call would be left for the rest of the minute",
            among=[(*path, "max_calls_per_minute")],
        )
        return
    longest_secs = 60.0 / (provider.max_calls_per_minute - provider.burst_calls) + provider.call_timeout_secs
    if deadline_secs < longest_secs:
        findings.note(
            ("crosscheck", "deadline_secs"),
            "CFG306",
            expected=f"at least {longest_secs:.3g}: 60 / (max_calls_per_minute - burst_calls), and call_timeout_secs",
            found=f"{deadline_secs:g}",
            cure="raise deadline_secs or max_calls_per_minute; under load every verdict would be unknown",
            among=[(*path, "max_calls_per_minute"), (*path, "burst_calls"), (*path, "call_timeout_secs")],
        )


def _check_math(provider: CloudWatchProvider, path: KeyPath, findings: Findings) -> None:
    for i, metric in enumerate(provider.metrics):
        if (metric.expression is None) != (not metric.inputs):
            has = "inputs" if metric.inputs else "an expression"
            lacks = "expression" if metric.inputs else "inputs"
            findings.note(
                (*path, "metrics", i, "inputs" if metric.inputs else "expression"),
                "CFG306",
                expected="an expression together with its inputs",
                found=f"{has} alone",
                cure=f"add {lacks}, or remove it",
                among=[(*path, "metrics", i, lacks)],
            )


def _check_basic_auth(provider: OpenSearchProvider, path: KeyPath, findings: Findings) -> None:
    for name, value in (("username", provider.username), ("password", provider.password)):
        if (value is None) != (provider.auth != "basic"):
            findings.note(
                (*path, name),
                "CFG501",
                expected=f"{name}, because auth is basic" if value is None else f"no {name}, because auth is {provider.auth}",
                found="none" if value is None else "one",
                cure=f"add {name}" if value is None else "write auth: basic, or remove it",
                among=[(*path, "auth")],
            )


def _check_quorums(provider: EnsembleProvider, findings: Findings) -> None:
    path: KeyPath = ("crosscheck", "provider")
    _note_twice(findings, [((*path, "members", i, "type"), one.type) for i, one in enumerate(provider.members)], "kind of member")
    for name in ("confirm_quorum", "refute_quorum"):
        quorum = getattr(provider, name)
        if quorum is not None and quorum > len(provider.members):
            findings.note(
                (*path, name),
                "CFG306",
                expected=f"at most {len(provider.members)}, the number of members",
                found=str(quorum),
                cure="lower it: it could never be reached",
                among=[(*path, "members")],
            )


def check_series(config: Config, findings: Findings) -> None:
    """A series is not forgotten before its silence can be told."""
    series = config.series
    if series.evict_after_secs <= series.silence_min_secs:
        findings.note(
            ("series", "evict_after_secs"),
            "CFG306",
            expected=f"more than silence_min_secs, {series.silence_min_secs:g}",
            found=f"{series.evict_after_secs:g}",
            cure="raise evict_after_secs: a series that is forgotten cannot be missed",
            among=[("series", "silence_min_secs")],
        )
    for path, provider in list_providers(config):
        if isinstance(provider, LocalProvider) and provider.min_samples > series.context_samples:
            findings.note(
                (*path, "min_samples"),
                "CFG306",
                expected=f"at most series.context_samples, {series.context_samples}",
                found=str(provider.min_samples),
                cure="lower min_samples or raise series.context_samples: every verdict would be unknown",
                among=[("series", "context_samples")],
            )
