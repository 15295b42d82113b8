"""The schema of ``topics.yaml``: frozen pydantic models; every option has one sentence.

Positions, references between parts and model parameters are checked by `pipeline.config.load`, which reports every
problem at once.
Durations carry their unit in the name.  Matchers are exact values, ``*`` globs, or lists of them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.broker import BrokerSettings, SecuritySettings
from pipeline.config.checkpoint_copy import CheckpointCopySettings
from pipeline.config.crosscheck import CrosscheckSettings
from pipeline.config.detectors import (
    Category,
    DetectorSettings,
    EpisodeSettings,
    FixedThreshold,
    GroupSettings,
    ModelSettings,
    TailThreshold,
)
from pipeline.config.providers import LocalProvider
from pipeline.config.section import Form, Glob, LabelName, Match, NonEmpty, Secret, Section
from pipeline.config.severity import Severity
from pipeline.config.topics import OutputTopic, OutputTopics, SourceTopic
from pipeline.config.trial import Trial

__all__ = [
    "AlertSettings",
    "BrokerSettings",
    "Config",
    "CrosscheckSettings",
    "DetectorSettings",
    "EpisodeSettings",
    "FixedThreshold",
    "Form",
    "Glob",
    "GroupSettings",
    "IncidentSettings",
    "LocalProvider",
    "LogSettings",
    "Match",
    "ModelSettings",
    "OutputTopic",
    "OutputTopics",
    "Secret",
    "SecuritySettings",
    "SeriesSettings",
    "SeverityRule",
    "SourceTopic",
    "TailThreshold",
    "WorkerSettings",
]


class SeriesSettings(Section):
    """Limits and clocks of the series of one partition."""

    max_per_partition: Annotated[int, Field(ge=1, le=50_000_000)] = Field(
        200_000, description="Ceiling of live series per partition; samples of further series count as filtered."
    )
    evict_after_secs: Annotated[float, Field(gt=0)] = Field(
        86_400.0, description="A series idle this long in event time is forgotten and its slot reused."
    )
    silence_intervals: Annotated[float, Field(ge=2)] = Field(
        6.0, description="A series silent for this many of its usual intervals raises an absence anomaly."
    )
    silence_min_secs: Annotated[float, Field(ge=0)] = Field(60.0, description="Shortest silence that counts as an absence.")
    silence_min_samples: Annotated[int, Field(ge=3)] = Field(
        20, description="Samples a series must have had before its silence means anything."
    )
    check_interval_secs: Annotated[float, Field(gt=0)] = Field(
        10.0, description="Event-time grid on which silence and idleness are looked for."
    )
    context_samples: Annotated[int, Field(ge=8, le=1024)] = Field(
        64, description="Recent samples kept per series: context of anomalies and input of the local cross-check."
    )


class LogSettings(Section):
    """Log templates and their rates."""

    window_secs: Annotated[float, Field(gt=0)] = Field(60.0, description="Event-time window in which lines are counted.")
    similarity: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.4, description="Share of equal tokens from which two lines have one template."
    )
    max_templates: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        5_000,
        description="Ceiling of templates per partition; lines of further templates count under the template `other`.",
    )
    group_by: list[LabelName] = Field(
        ["service", "region"], description="Labels of the source that the template rates are kept apart by."
    )
    new_template_after_lines: Annotated[int, Field(ge=0)] = Field(
        1_000, description="Lines a partition must have seen before a new template counts as an anomaly."
    )


class SeverityRule(Section):
    """Sets the severity of what it matches; the first rule that fits wins."""

    name: NonEmpty = Field(description="Name of the rule, shown in explanations.")
    match: Match = Field(Match(), description="Series it is for.")
    category: Category | None = Field(None, description="Category it is for.")
    detector: Glob | None = Field(None, description="Detector it is for.")
    kind: Literal["point", "absence", "new_template"] | None = Field(None, description="Kind of anomaly it is for.")
    max_tail_probability: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="Fits only anomalies at most this likely."
    )
    min_series: Annotated[int, Field(ge=1)] = Field(1, description="Fits only incidents with this many series open at once.")
    severity: Severity = Field(description="The severity it gives.")


class IncidentSettings(Section):
    """How anomalies become incidents."""

    group_by: list[LabelName] = Field(
        ["region", "service"], description="Labels whose values, with the category, make one incident group."
    )
    update_min_secs: Annotated[float, Field(ge=0)] = Field(
        60.0,
        description="Least event time between two updates of one incident that change neither severity nor verdict.",
    )
    resolve_after_secs: Annotated[float, Field(ge=0)] = Field(
        60.0,
        description="Event time all its series must have been clear before an incident is resolved.",
    )
    stale_after_secs: Annotated[float, Field(gt=0)] = Field(
        3_600.0,
        description="An incident that nothing is heard of for this long of wall-clock time is resolved as stale.",
    )
    max_series: Annotated[int, Field(ge=1)] = Field(
        50, description="Series named in one alert event; further ones are only counted."
    )


class AlertSettings(Section):
    """Incidents, severities and their texts."""

    source: NonEmpty = Field("/streamwarden", description="CloudEvents source attribute of every alert event.")
    incident: IncidentSettings = Field(IncidentSettings(), description="Grouping, updating and resolving.")
    severity: list[SeverityRule] = Field([], description="Rules, first match wins; without a match P3.")


class WorkerSettings(Section):
    """The worker process."""

    group: NonEmpty = Field("streamwarden", description="Name of the consumer group.")
    region: str = Field("local", description="Region label of alerts whose series carry none.")
    web_host: str = Field("127.0.0.1", description="Address /metrics, /healthz and /readyz listen on.")
    web_port: Annotated[int, Field(ge=0, le=65_535)] = Field(8_088, description="Their port; 0 takes a free one.")
    max_poll_records: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        50_000, description="Most records of one fetch that are handed on as one batch."
    )
    reader: Literal["fast", "ordinary"] = Field(
        "fast",
        description="What reads fetched records: kernels, over whole record batches (fast), or aiokafka, one by one (ordinary).",
    )
    isolation: Literal["read_committed", "read_uncommitted"] = Field(
        "read_committed",
        description="Whether records of transactions that are open or aborted are left out (read_committed) or read too.",
    )
    commit_interval_secs: Annotated[float, Field(gt=0)] = Field(
        1.0, description="Seconds between two commits of the offsets that are done; they are committed on an orderly stop too."
    )
    checkpoint_interval_secs: Annotated[float, Field(gt=0)] = Field(
        10.0,
        description="Least time between two checkpoints of a partition; longer where all would take more than 4 % of the time. "
        "There is one on an orderly stop too.",
    )
    checkpoint_copy: CheckpointCopySettings | None = Field(
        None, description="Where a second copy of the checkpoints goes; null makes none."
    )
    standby: bool = Field(
        False,
        description="Whether each worker follows, in memory and packed, the checkpoints of partitions that other workers have, so "
        "that a take-over has nothing to read.",
    )
    event_secs_per_sec: Annotated[float, Field(gt=0, le=1_000_000)] = Field(
        1.0,
        description="Pace of event time beside the wall clock: 1 for live data; more only while history is replayed that much "
        "faster than it was recorded, so that what the passing of time does to incidents keeps pace.",
    )
    start_at: Literal["earliest", "latest"] = Field("earliest", description="Where a group without offsets begins.")
    restart_horizon_secs: Annotated[float, Field(ge=0)] = Field(
        86_400.0,
        description="How far back, by broker timestamp, a restarted worker reads again to re-learn before it goes on.",
    )


class Config(Section):
    """The whole of ``topics.yaml``."""

    version: Literal[1] = Field(description="Version of this file's form.")
    broker: BrokerSettings = Field(BrokerSettings(), description="The Kafka cluster.")
    worker: WorkerSettings = Field(WorkerSettings(), description="The worker process.")
    topics: Annotated[list[SourceTopic], Field(min_length=1)] = Field(description="Topics that are read.")
    outputs: OutputTopics = Field(OutputTopics(), description="Topics that are written.")
    series: SeriesSettings = Field(SeriesSettings(), description="Limits and clocks of series.")
    logs: LogSettings = Field(LogSettings(), description="Log templates and rates.")
    detectors: Annotated[list[DetectorSettings], Field(min_length=1)] = Field(description="Detectors, first match wins.")
    crosscheck: CrosscheckSettings = Field(CrosscheckSettings(), description="The second opinion.")
    alerts: AlertSettings = Field(AlertSettings(), description="Incidents and severities.")
    tests: list[Trial] = Field([], description="Made input and the incidents it should come to; `check --tests` plays them.")
