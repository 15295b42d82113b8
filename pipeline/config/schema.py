"""The schema of ``topics.yaml``: frozen pydantic models; every option has one sentence.

Positions, references between parts and model parameters are checked by `pipeline.config.load`, which reports every
problem at once.
Durations carry their unit in the name.  Matchers are exact values, ``*`` globs, or lists of them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from pipeline.config.checkpoint_copy import CheckpointCopySettings
from pipeline.config.crosscheck import CrosscheckSettings
from pipeline.config.providers import LocalProvider
from pipeline.config.section import Form, Glob, LabelName, Match, NonEmpty, Secret, Section
from pipeline.config.severity import Severity
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

Category = Literal["infrastructure", "application", "business", "security"]


TopicName = Annotated[
    str,
    Field(pattern=r"^([A-Za-z0-9_-]|\.[A-Za-z0-9_-]|\.\.[A-Za-z0-9._-])[A-Za-z0-9._-]*$", max_length=249),
    Form("a Kafka topic name: letters, digits, dots, underscores and hyphens, at most 249"),
]
DetectorName = Annotated[
    str,
    Field(pattern=r"^[a-z][a-z0-9_]{0,63}$"),
    Form("a name of lower-case letters, digits and underscores, a letter first, at most 64"),
]
Bootstrap = Annotated[
    str,
    Field(pattern=r"^ *(\[[0-9A-Fa-f:.]+\]|[^\s:,@/\[\]]+):[0-9]{1,5} *(, *(\[[0-9A-Fa-f:.]+\]|[^\s:,@/\[\]]+):[0-9]{1,5} *)*$"),
    Form("host:port, or several of them with commas between"),
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


class ModelSettings(Section):
    """A model by its registered name."""

    type: str = Field("default", description="Registered name of the model; `streamwarden models` lists them.")
    parameters: dict[str, Any] = Field({}, description="Parameters of the model; unknown or out-of-range ones are refused.")


class TailThreshold(Section):
    """Cut on a tail probability that is calibrated per series."""

    type: Literal["tail"] = Field("tail", description="A cut on the calibrated tail probability.")
    probability: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        1e-5, description="A sample whose tail probability is at or below this is anomalous."
    )
    min_samples: Annotated[int, Field(ge=10)] = Field(
        100, description="Scored samples a series must have had before its tail is trusted."
    )


class FixedThreshold(Section):
    """Cut on the bare score."""

    type: Literal["fixed"] = Field("fixed", description="A cut on the bare score.")
    score: float = Field(description="A sample whose score is at or above this is anomalous.")


Threshold = Annotated[TailThreshold | FixedThreshold, Field(discriminator="type")]


class EpisodeSettings(Section):
    """When a run of anomalous samples opens, is reported again, and is over."""

    open_after_samples: Annotated[int, Field(ge=1, le=1000)] = Field(
        1, description="Anomalous samples in a row that open an episode."
    )
    clear_after_samples: Annotated[int, Field(ge=1, le=100_000)] = Field(
        10, description="Normal samples in a row that end an episode."
    )
    repeat_secs: Annotated[float, Field(gt=0)] = Field(
        300.0, description="An episode that goes on is reported again after this much event time."
    )


class GroupSettings(Section):
    """Series that are scored together: one vector a group and period."""

    by: Annotated[list[LabelName], Field(min_length=1, max_length=16)] = Field(
        description="Labels whose values make one group; all its series must be in one partition, so let producers key by them."
    )
    features: Annotated[list[NonEmpty], Field(min_length=2, max_length=64)] = Field(
        description="Metric names, one a column of the vectors."
    )
    target: NonEmpty | None = Field(
        None,
        description="Feature that is predicted from the others, or the only one a model of one value looks at; never held. Without "
        "one, a model that predicts predicts the first.",
    )
    period_secs: Annotated[float, Field(gt=0)] = Field(
        60.0, description="Event-time period from which one vector is made; of several samples of a feature the last counts."
    )
    wait_secs: Annotated[float, Field(ge=0)] = Field(
        10.0,
        description="How long after its end, by the watermark, a period waits for stragglers; later ones are late to the group.",
    )
    missing: Literal["last", "absent", "skip"] = Field(
        "last",
        description="A feature without a sample in the period: its last value, missing to the model, or no vector for the period.",
    )
    hold_periods: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        3,
        description="With `missing: last`, for how many periods a value stands in; after that the feature is missing to the model.",
    )


class DetectorSettings(Section):
    """One detector: which series, which model, where to cut."""

    name: DetectorName = Field(description="Name, unique, in anomalies and metrics.")
    match: Match = Field(Match(), description="Series it scores.")
    model: ModelSettings = Field(ModelSettings(), description="What scores them.")
    group: GroupSettings | None = Field(
        None,
        description="Score vectors of several series instead of each series; needs a multivariate model, and never ends the search.",
    )
    threshold: Threshold = Field(TailThreshold(), description="Where a score becomes an anomaly.")
    direction: Literal["both", "above", "below"] = Field(
        "both",
        description="Side of the expected value on which anomalies count; needs a model that has an expected value.",
    )
    episode: EpisodeSettings = Field(EpisodeSettings(), description="Opening, repeating and ending of episodes.")
    category: Category = Field("infrastructure", description="Category of its alerts.")
    absence: bool = Field(True, description="Whether silence of its series raises absence anomalies.")
    also: bool = Field(
        False,
        description="A series goes to the first detector that fits; `also: true` joins in without ending the search.",
    )
    runbook: str | None = Field(None, description="Link put into its alerts.")


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
