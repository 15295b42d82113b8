"""Every metric there is: name, type, labels and one sentence.  Nothing is exported that is not in `METRICS`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["METRICS", "MetricSpec"]


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric: its name without the prefix, type, label names and what it says."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    sentence: str

    @property
    def exported_name(self) -> str:
        """Name as scraped."""
        return f"streamwarden_{self.name}"


METRICS: tuple[MetricSpec, ...] = (
    MetricSpec(
        "records_total",
        "counter",
        ("topic", "outcome"),
        "Records consumed, by what became of them: every record ends in exactly one outcome.",
    ),
    MetricSpec(
        "samples_total",
        "counter",
        ("topic", "outcome"),
        "Samples extracted, by what became of them.",
    ),
    MetricSpec(
        "reasons_total",
        "counter",
        ("topic", "outcome", "reason"),
        "Records and samples that were not scored, by the reason code.",
    ),
    MetricSpec(
        "dead_letters_total",
        "counter",
        ("topic", "stage", "code"),
        "Records sent to the dead-letter topic, by stage and error code.",
    ),
    MetricSpec(
        "lag_records",
        "gauge",
        ("topic", "partition"),
        "Records of an assigned source partition that are not yet processed.",
    ),
    MetricSpec(
        "stage_lag_records",
        "gauge",
        ("topic", "partition"),
        "Anomalies and checked anomalies of an assigned partition that are not yet processed: a sink or a provider is slow.",
    ),
    MetricSpec(
        "batch_seconds",
        "histogram",
        ("topic",),
        "Time spent from bytes to anomalies, per batch.",
    ),
    MetricSpec(
        "scoring_cpu_seconds_total",
        "counter",
        ("topic",),
        "CPU time spent from bytes to anomalies.",
    ),
    MetricSpec(
        "checkpoint_seconds",
        "histogram",
        ("topic",),
        "Time from the copy of what changed to the acknowledged checkpoint.",
    ),
    MetricSpec(
        "checkpoint_bytes_total",
        "counter",
        ("topic",),
        "Bytes of state written to the checkpoint topic.",
    ),
    MetricSpec(
        "checkpoint_copies_total",
        "counter",
        ("outcome",),
        "Second copies of checkpoints in S3: written, failed.",
    ),
    MetricSpec(
        "restore_seconds",
        "histogram",
        ("topic",),
        "Time in which the state of a partition was restored from its checkpoint.",
    ),
    MetricSpec(
        "standby_bytes",
        "gauge",
        ("partition",),
        "Bytes held of checkpoints of other workers' partitions, by partition of the checkpoint topic.",
    ),
    MetricSpec(
        "standby_used_total",
        "counter",
        ("topic",),
        "Partitions taken over whose checkpoint was here already and was not read.",
    ),
    MetricSpec(
        "series",
        "gauge",
        ("topic", "state"),
        "Series held, by state: ready, warming, silent.",
    ),
    MetricSpec(
        "series_failing",
        "gauge",
        ("detector",),
        "Series that a detector cannot score because its model raises on what it is given; they count as warming.",
    ),
    MetricSpec(
        "model_faults_total",
        "counter",
        ("detector", "code"),
        "Samples at which the model of a detector raised, by class of the exception; they are not scored.",
    ),
    MetricSpec(
        "series_evicted_total",
        "counter",
        ("topic",),
        "Series forgotten because they were idle for too long.",
    ),
    MetricSpec(
        "anomalies_total",
        "counter",
        ("detector", "kind", "phase"),
        "Anomalies published, by detector, kind and phase.",
    ),
    MetricSpec(
        "verdicts_total",
        "counter",
        ("provider", "outcome", "reason"),
        "Cross-check verdicts, by provider, outcome and reason.",
    ),
    MetricSpec(
        "crosscheck_seconds",
        "histogram",
        ("provider",),
        "Time from the arrival of an anomaly to its verdict.",
    ),
    MetricSpec(
        "crosscheck_pending",
        "gauge",
        ("partition",),
        "Anomalies whose cross-check is under way, by partition of the topic of anomalies.",
    ),
    MetricSpec(
        "crosscheck_calls_total",
        "counter",
        ("provider", "api", "outcome"),
        "Calls of remote cross-check providers, by API and outcome: ok or an error code; retries count.",
    ),
    MetricSpec(
        "crosscheck_cost_usd_total",
        "counter",
        ("provider",),
        "Estimated cost of those calls by list prices, in US dollars.",
    ),
    MetricSpec(
        "crosscheck_breaker_open",
        "gauge",
        ("provider",),
        "1 while a remote provider is left alone after failures in a row, or tried again.",
    ),
    MetricSpec(
        "incidents_open",
        "gauge",
        ("severity",),
        "Incidents that are firing in the groups of this worker, by severity.",
    ),
    MetricSpec(
        "alerts_total",
        "counter",
        ("type", "severity"),
        "Alert events published, by type and severity.",
    ),
    MetricSpec(
        "kernel_cache_faults_total",
        "counter",
        ("kind",),
        "Compiled kernels that the cache folder did not take or give: unwritable, unreadable, damaged.",
    ),
    MetricSpec(
        "events_total",
        "counter",
        ("event", "code"),
        "Operational events, one log line each, by event and error code.",
    ),
    MetricSpec(
        "build_info",
        "gauge",
        ("version", "config_hash"),
        "Always 1; its labels say which version runs with which configuration.",
    ),
)
"""Every metric there is."""
