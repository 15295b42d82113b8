"""Prometheus metrics of one worker, in a registry of their own, with bounded labels.

`METRICS` is the whole list: name, type, labels and one sentence.  Nothing is exported that is not in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from pipeline.errors import StateError

__all__ = ["METRICS", "MetricSpec", "Metrics"]

_SECONDS_BUCKETS = (1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_SEVERITIES = ("P0", "P1", "P2", "P3")


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


class Metrics:
    """The metrics of one worker.

    Labels are bounded: topics, partitions, detectors and outcomes come from the configuration and the code; free values that come
    from outside (codes, reasons) are cut to `max_values` distinct ones per metric and label, further ones count as ``other``.

    Parameters
    ----------
    registry : CollectorRegistry, optional
        Where they live; a fresh one when absent.
    max_values : int
        Distinct values of a free label that are kept apart.

    Examples
    --------
    >>> metrics = Metrics()
    >>> metrics.count("anomalies_total", 2, detector="cpu", kind="point", phase="opened")
    >>> metrics.read("anomalies_total", detector="cpu", kind="point", phase="opened")
    2.0
    """

    def __init__(self, registry: CollectorRegistry | None = None, max_values: int = 64) -> None:
        self.registry = registry if registry is not None else CollectorRegistry()
        self._max_values = max_values
        self._values: dict[tuple[str, str], set[str]] = {}
        self._counted: dict[tuple[str, ...], float] = {}
        self._specs = {spec.name: spec for spec in METRICS}
        self._collectors: dict[str, Counter | Gauge | Histogram] = {}
        for spec in METRICS:
            if spec.type == "counter":
                self._collectors[spec.name] = Counter(spec.exported_name, spec.sentence, spec.labels, registry=self.registry)
            elif spec.type == "gauge":
                self._collectors[spec.name] = Gauge(spec.exported_name, spec.sentence, spec.labels, registry=self.registry)
            else:
                self._collectors[spec.name] = Histogram(
                    spec.exported_name, spec.sentence, spec.labels, registry=self.registry, buckets=_SECONDS_BUCKETS
                )
        self.show_incidents({})

    def count(self, name: str, amount: float = 1.0, **labels: str) -> None:
        """Add to a counter.

        Raises
        ------
        KeyError, ValueError
            No such counter; wrong labels; a negative amount.
        """
        collector = self._collectors[name]
        if not isinstance(collector, Counter):
            raise KeyError(f"{name} is not a counter")
        collector.labels(**self._bound(name, labels)).inc(amount)

    def show(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge.

        Raises
        ------
        KeyError, ValueError
            No such gauge; wrong labels.
        """
        collector = self._collectors[name]
        if not isinstance(collector, Gauge):
            raise KeyError(f"{name} is not a gauge")
        collector.labels(**self._bound(name, labels)).set(value)

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add an observation to a histogram.

        Raises
        ------
        KeyError, ValueError
            No such histogram; wrong labels.
        """
        collector = self._collectors[name]
        if not isinstance(collector, Histogram):
            raise KeyError(f"{name} is not a histogram")
        collector.labels(**self._bound(name, labels)).observe(value)

    def drop(self, name: str, **labels: str) -> None:
        """Stop exporting one set of label values, e.g. the lag of a partition that was taken away; absent ones are ignored."""
        collector, names = self._collectors[name], self._specs[name].labels
        values = [labels[label] for label in names]
        if self.registry.get_sample_value(self._specs[name].exported_name, labels) is not None:
            collector.remove(*values)

    def read(self, name: str, **labels: str) -> float:
        """Value of a counter or gauge; 0.0 when nothing was counted yet."""
        value = self.registry.get_sample_value(self._specs[name].exported_name, labels)
        return 0.0 if value is None else value

    def follow(self, name: str, total: float, source: str, **labels: str) -> None:
        """Bring a counter up to a running total kept elsewhere, e.g. in the accounting of a partition.

        Parameters
        ----------
        name : str
            A counter.
        total : float
            The running total of this source.
        source : str
            Who keeps it, e.g. ``topic/partition``: totals of several sources add up in one counter.
        labels : str
            Labels of the counter.

        Raises
        ------
        StateError
            The total went back (``METRIC_WENT_BACK``); call `restart` when a source legitimately begins anew.
        """
        key = (source, name, *(f"{label}={value}" for label, value in sorted(labels.items())))
        before = self._counted.get(key, 0.0)
        if total < before:
            raise StateError(f"{name} of {source}: total went from {before:g} back to {total:g}", code="METRIC_WENT_BACK")
        self._counted[key] = total
        if total > before:
            self.count(name, total - before, **labels)

    def restart(self, source: str) -> None:
        """Totals of this source begin anew at 0 (its partition was assigned again)."""
        self._counted = {key: total for key, total in self._counted.items() if key[0] != source}

    def observe_verdict(self, provider: str, outcome: str, reason: str, latency_secs: float) -> None:
        """A cross-check verdict and how long it took (this makes it an observer of the cross-check stage)."""
        self.count("verdicts_total", provider=provider, outcome=outcome, reason=reason)
        self.observe("crosscheck_seconds", latency_secs, provider=provider)

    def show_incidents(self, n_by_severity: Mapping[str, int]) -> None:
        """Set the number of firing incidents of every severity; absent ones are 0."""
        for severity in _SEVERITIES:
            self.show("incidents_open", n_by_severity.get(severity, 0), severity=severity)

    def render(self) -> bytes:
        """The text that Prometheus scrapes."""
        return generate_latest(self.registry)

    def _bound(self, name: str, labels: dict[str, str]) -> dict[str, str]:
        bounded: dict[str, str] = {}
        for label, value in labels.items():
            if label in _FREE_LABELS:
                known = self._values.setdefault((name, label), set())
                if value not in known and len(known) >= self._max_values:
                    bounded[label] = "other"
                    continue
                known.add(value)
            bounded[label] = value
        return bounded


_FREE_LABELS: Sequence[str] = ("code", "reason")
