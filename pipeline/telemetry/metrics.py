"""Prometheus metrics of one worker, in a registry of their own, with bounded labels; `pipeline.telemetry.metric_specs` lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from pipeline.errors import StateError
from pipeline.telemetry.metric_specs import METRICS

__all__ = ["Metrics"]

_SECONDS_BUCKETS = (1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_SEVERITIES = ("P0", "P1", "P2", "P3")


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
