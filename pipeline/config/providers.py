"""Settings of the cross-check's providers, told apart by `type`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.section import Form, LabelName, Match, NonEmpty, Secret, Section

__all__ = [
    "AmpDetector",
    "AmpProvider",
    "CloudWatchMetric",
    "CloudWatchProvider",
    "CloudWatchSource",
    "EnsembleProvider",
    "LocalProvider",
    "LookoutAlert",
    "LookoutBucket",
    "LookoutDetector",
    "LookoutMeasure",
    "LookoutProvider",
    "MemberSettings",
    "OpenSearchDetector",
    "OpenSearchProvider",
    "ProviderSettings",
    "RemoteProvider",
]

Url = Annotated[str, Field(pattern=r"^https?://[^\s/?#]+[^\s?#]*$"), Form("a URL that begins with http:// or https://")]
Region = Annotated[str, Field(pattern=r"^[a-z]{2,}(-[a-z]+)+-[0-9]+$"), Form("an AWS region, e.g. us-east-1")]
QueryId = Annotated[
    str, Field(pattern=r"^[a-z][A-Za-z0-9_]{0,60}$"), Form("a name of letters, digits and underscores, a lower-case letter first")
]
LookoutName = Annotated[
    str,
    Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}$"),
    Form("letters, digits, hyphens and underscores, a letter or digit first, at most 63"),
]
Arn = Annotated[str, Field(pattern=r"^arn:[a-z0-9-]+:[^:]*:[^:]*:[^:]*:.+$", max_length=256), Form("an ARN, arn:aws:...")]


class LocalProvider(Section):
    """An independent detector of another family over the anomaly's own recent history."""

    type: Literal["local"] = Field("local", description="The provider that needs nothing outside the worker.")
    family: Literal["nearest_neighbours", "random_cut_forest"] = Field(
        "nearest_neighbours",
        description="What judges a value; the forest tells which sample is to blame as well, and takes ten times the time.",
    )
    min_samples: Annotated[int, Field(ge=8)] = Field(24, description="Context it needs for a verdict other than unknown.")
    confirm_tail: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        0.01, description="Tail probability at or below which it confirms."
    )
    refute_tail: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.1, description="Tail probability at or above which it refutes; between the two it is unknown."
    )


class RemoteProvider(Section):
    """What all providers behind a network have in common."""

    region: Region | None = Field(None, description="AWS region; null takes it from the usual AWS chain.")
    profile: NonEmpty | None = Field(None, description="Profile of the AWS configuration files; null takes the chain's default.")
    endpoint_url: Url | None = Field(None, description="Address to talk to in place of AWS's own.")
    call_timeout_secs: Annotated[float, Field(gt=0, le=60)] = Field(
        3.0, description="Longest wait for a connection, and for the next bytes of an answer."
    )
    max_attempts: Annotated[int, Field(ge=1, le=10)] = Field(
        3, description="Times a call is tried, the first included, as far as the deadline allows."
    )
    max_calls_per_minute: Annotated[float, Field(gt=0)] = Field(
        10.0, description="Most API calls in any minute, retries included; candidates that wait share a call."
    )
    burst_calls: Annotated[int, Field(ge=1, le=1_000)] = Field(
        4, description="Those of them that may be made at once after a pause; the others come evenly spread."
    )
    breaker_failures: Annotated[int, Field(ge=1)] = Field(
        5, description="Failures in a row after which the provider is left alone for a while."
    )
    breaker_open_secs: Annotated[float, Field(gt=0)] = Field(
        30.0, description="How long it is left alone before it is tried again."
    )
    n_threads: Annotated[int, Field(ge=1, le=64)] = Field(4, description="Calls that may be under way at a time.")


class CloudWatchSource(Section):
    """One metric of CloudWatch, told from a series' labels."""

    namespace: NonEmpty = Field("Streamwarden", description="Namespace of the metric.")
    metric: NonEmpty = Field("{__name__}", description="Metric name; {label} stands for the value of a label.")
    dimensions: dict[str, str] | None = Field(
        None,
        description="Dimensions by name, {label} stands for the value of a label; null makes every label a dimension.",
    )
    stat: NonEmpty = Field("Average", description="Statistic, e.g. Average, Sum, Maximum, p99.")


class CloudWatchMetric(CloudWatchSource):
    """Which series are which metric of CloudWatch, and how they are compared."""

    match: Match = Field(Match(), description="Series it is for; the first that fits counts.")
    period_secs: Annotated[int, Field(ge=60, le=86_400, multiple_of=60)] = Field(60, description="Period of its data points.")
    expression: NonEmpty | None = Field(None, description="Metric math over `inputs`; in place of the one metric above.")
    inputs: dict[QueryId, CloudWatchSource] = Field({}, description="Metrics of the expression by the name they have in it.")
    scale: float = Field(1.0, description="What a sample is multiplied by to be in CloudWatch's unit.")
    compare: Literal["sample", "datapoint"] = Field(
        "sample",
        description="What is held against the band: the suspicious sample, or CloudWatch's own data point of its period.",
    )
    publish: bool = Field(
        False, description="Whether samples of suspicious series are written to CloudWatch; costs money per metric."
    )
    create_detector: bool = Field(
        False, description="Whether a CloudWatch anomaly detector is set up for a series at its first candidate."
    )
    unit: NonEmpty | None = Field(None, description="Unit written with published samples, e.g. Percent; null writes none.")


class CloudWatchProvider(RemoteProvider):
    """Amazon CloudWatch anomaly detection: the value against the band."""

    type: Literal["cloudwatch"] = Field("cloudwatch", description="CloudWatch anomaly detection.")
    metrics: Annotated[list[CloudWatchMetric], Field(min_length=1)] = Field(
        description="What the series are called in CloudWatch; a series that none of them fits gets unknown."
    )
    band_width: Annotated[float, Field(gt=0, le=100)] = Field(2.0, description="Width of the band in standard deviations.")
    refute_share: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0,
        description="Share of the band's half-width, from its middle, within which a value refutes; between it and the edge: unknown.",
    )
    max_band_age_periods: Annotated[int, Field(ge=1, le=60)] = Field(
        5, description="How many periods old the newest band may be that a value is compared with."
    )
    cache_secs: Annotated[float, Field(ge=0)] = Field(
        60.0, description="How long a band that was read answers further candidates."
    )


class LookoutMeasure(Section):
    """One measure of a Lookout detector."""

    metric: NonEmpty = Field(description="Metric name of the series that are this measure.")
    aggregation: Literal["AVG", "SUM"] = Field("AVG", description="How its samples of one interval become one value.")


class LookoutDetector(Section):
    """One Lookout for Metrics detector: which series it watches, and how they are called there."""

    name: LookoutName = Field(description="Name of the detector; its metric set and alert are named after it.")
    arn: Arn | None = Field(None, description="Its ARN; null looks it up by name.")
    match: Match = Field(Match(), description="Series it watches, among those of its measures.")
    interval: Literal["PT5M", "PT10M", "PT1H", "P1D"] = Field("PT5M", description="How often it looks.")
    delay_secs: Annotated[int, Field(ge=0, le=432_000)] = Field(
        120, description="How long after the end of an interval it waits for its data."
    )
    measures: Annotated[dict[LookoutName, LookoutMeasure], Field(min_length=1, max_length=5)] = Field(
        description="Its measures by name, at most 5."
    )
    dimensions: Annotated[dict[LookoutName, LabelName], Field(max_length=5)] = Field(
        {}, description="Label by dimension, at most 5; a series that lacks one of the labels is not watched."
    )
    sensitivity: Annotated[int, Field(ge=0, le=100)] = Field(
        50, description="Severity from which an anomaly group counts, 0 to 100."
    )


class LookoutBucket(Section):
    """Where the detectors' data lie."""

    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"), Form("the name of an S3 bucket")] = Field(
        description="Name of the bucket."
    )
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_/=-]+$"), Form("letters, digits, _ - = and /")] = Field(
        "streamwarden", description="Beginning of every key."
    )
    role_arn: Arn = Field(description="Role that Lookout reads the bucket with.")
    endpoint_url: Url | None = Field(None, description="Address of S3 in place of AWS's own.")


class LookoutAlert(Section):
    """Alert that Lookout itself sends, beside Streamwarden's."""

    sns_topic_arn: Arn = Field(description="SNS topic it goes to.")
    role_arn: Arn = Field(description="Role that Lookout publishes with.")
    sensitivity: Annotated[int, Field(ge=0, le=100)] = Field(70, description="Severity from which it is sent, 0 to 100.")
    endpoint_url: Url | None = Field(
        None, description="Address of SNS in place of AWS's own, where `crosscheck setup` looks for the topic."
    )


class LookoutProvider(RemoteProvider):
    """Amazon Lookout for Metrics, ended by AWS in October 2025: for whoever has a compatible endpoint."""

    type: Literal["lookout"] = Field("lookout", description="Lookout for Metrics.")
    detectors: Annotated[list[LookoutDetector], Field(min_length=1, max_length=10)] = Field(
        description="Its detectors, at most 10; a series that none of them watches gets unknown."
    )
    poll_secs: Annotated[float, Field(ge=1)] = Field(
        30.0, description="How long what was read of a detector answers further candidates."
    )
    related: bool = Field(True, description="Whether measures that cause or follow a confirmed anomaly are asked for and told.")
    s3: LookoutBucket | None = Field(None, description="Where `crosscheck feed` writes series and the detectors read them.")
    alert: LookoutAlert | None = Field(None, description="Alert that `crosscheck setup` makes for each detector.")


class OpenSearchDetector(Section):
    """One anomaly detector of OpenSearch: which series it watches."""

    name: NonEmpty = Field(description="Name in messages.")
    detector_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$"), Form("the id of a detector")] = Field(
        description="Its id in OpenSearch."
    )
    match: Match = Field(Match(), description="Series it watches; the first detector that fits counts.")
    entity: dict[NonEmpty, LabelName] = Field(
        {}, description="Label by category field; empty for a detector without category fields."
    )
    interval_secs: Annotated[int, Field(ge=1, le=86_400)] = Field(600, description="Its detection interval.")
    delay_secs: Annotated[int, Field(ge=0, le=86_400)] = Field(60, description="Its window delay.")


class OpenSearchProvider(RemoteProvider):
    """The anomaly detection plugin of OpenSearch, self-hosted or Amazon's."""

    type: Literal["opensearch"] = Field("opensearch", description="OpenSearch anomaly detection.")
    endpoint_url: Url = Field(description="Address of the cluster.")
    auth: Literal["sigv4", "basic", "none"] = Field("sigv4", description="How requests are authenticated.")
    username: NonEmpty | None = Field(None, description="User, with auth basic.")
    password: Secret | None = Field(None, description="Password, with auth basic.")
    ca_file: NonEmpty | None = Field(None, description="PEM file of the certificate authority the cluster is checked against.")
    result_index: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._*-]*$"), Form("an index name")] | None = Field(
        None, description="Custom result index of the detectors; null searches the plugin's own."
    )
    detectors: Annotated[list[OpenSearchDetector], Field(min_length=1)] = Field(description="Its detectors.")
    min_grade: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="Anomaly grade above which it confirms.")
    min_confidence: Annotated[float, Field(ge=0, le=1)] = Field(
        0.5, description="Confidence below which the detector's word does not count."
    )
    poll_secs: Annotated[float, Field(ge=1)] = Field(10.0, description="How often results that are not there yet are looked for.")


class AmpDetector(Section):
    """One anomaly detector of Amazon Managed Prometheus: which series it watches."""

    alias: Annotated[str, Field(pattern=r"^[0-9A-Za-z][-.0-9A-Z_a-z]{0,63}$"), Form("the alias of a detector")] = Field(
        description="Its alias."
    )
    match: Match = Field(Match(), description="Series it watches; the first detector that fits counts.")
    labels: dict[LabelName, LabelName] = Field(
        {}, description="Label of the series by label of the detector's output; empty where its query leaves no labels."
    )
    interval_secs: Annotated[int, Field(ge=30, le=86_400)] = Field(60, description="How often it looks.")
    scale: float = Field(1.0, description="What a sample is multiplied by to be in the unit of its query.")
    query: NonEmpty | None = Field(
        None,
        description="PromQL with an aggregation that `crosscheck setup` makes the detector with; null = it is there already.",
    )


class AmpProvider(RemoteProvider):
    """Anomaly detectors of Amazon Managed Service for Prometheus: the value against the band they write."""

    type: Literal["amp"] = Field("amp", description="Amazon Managed Prometheus anomaly detectors.")
    workspace_id: Annotated[str, Field(pattern=r"^[-.0-9A-Z_a-z]{1,64}$"), Form("the id of a workspace, ws-...")] = Field(
        description="Workspace the detectors are in."
    )
    detectors: Annotated[list[AmpDetector], Field(min_length=1)] = Field(description="Its detectors.")
    upper_metric: NonEmpty = Field("anomaly_detector_upper_band", description="Metric that holds the band's upper edge.")
    lower_metric: NonEmpty = Field("anomaly_detector_lower_band", description="Metric that holds the band's lower edge.")
    alias_label: LabelName = Field("anomaly_detector_alias", description="Label of those that holds the detector's alias.")
    refute_share: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, description="Share of the band's half-width, from its middle, within which a value refutes; beyond: unknown."
    )
    max_band_age_intervals: Annotated[int, Field(ge=1, le=60)] = Field(
        5, description="How many intervals old the newest band may be that a value is compared with."
    )


MemberSettings = Annotated[
    LocalProvider | CloudWatchProvider | LookoutProvider | OpenSearchProvider | AmpProvider, Field(discriminator="type")
]


class EnsembleProvider(Section):
    """Several providers and a quorum."""

    type: Literal["ensemble"] = Field("ensemble", description="Several providers that vote.")
    members: Annotated[list[MemberSettings], Field(min_length=2, max_length=8)] = Field(
        description="Who is asked, each kind once at most."
    )
    confirm_quorum: Annotated[int, Field(ge=1)] = Field(
        1, description="Members that must confirm, and more of them than refute, for a confirmation."
    )
    refute_quorum: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="Members that must refute, and more of them than confirm, for a refutation; null = more than half of all.",
    )


ProviderSettings = Annotated[
    LocalProvider | CloudWatchProvider | LookoutProvider | OpenSearchProvider | AmpProvider | EnsembleProvider,
    Field(discriminator="type"),
]
"""Any provider's settings."""
