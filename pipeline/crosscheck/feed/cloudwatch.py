"""Series that are published to CloudWatch, as PutMetricData requests."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from pipeline.config.providers import CloudWatchMetric
from pipeline.config.providers import CloudWatchProvider as CloudWatchSettings
from pipeline.crosscheck.cloudwatch.names import BandQuery, find_metric, map_series
from pipeline.crosscheck.cloudwatch.publisher import detector_request
from pipeline.crosscheck.cloudwatch.writer import build_data, group_requests
from pipeline.crosscheck.feed.base import Place, call_patiently
from pipeline.crosscheck.remote.aws import AwsClients

__all__ = ["CloudWatchFeed"]

Mapped = tuple[CloudWatchMetric, BandQuery]


class CloudWatchFeed:
    """Writes the samples of series whose entry says `publish`, and sets up their detectors where it says `create_detector`.

    CloudWatch adds up what it gets: samples that a crash makes it write twice weigh twice in sums, and not at all in averages.

    Parameters
    ----------
    settings : CloudWatchProvider settings
        Names and periods.
    clients : AwsClients
        Its calls block.

    Attributes
    ----------
    n_written : int
        Entries of PutMetricData.
    """

    def __init__(self, settings: CloudWatchSettings, clients: AwsClients) -> None:
        self._settings = settings
        self._clients = clients
        self._names: dict[tuple[str, tuple[tuple[str, str], ...]], Mapped | None] = {}
        self._samples: dict[tuple[BandQuery, Place], tuple[CloudWatchMetric, list[tuple[int, float]]]] = {}
        self._wanted: dict[BandQuery, bool] = {}
        self._random = random.Random(3)  # noqa: S311 - jitter, not a secret
        self.n_written = 0

    def add(self, place: Place, offset: int, labels: Mapping[str, str], event_time_ns: int, value: float) -> None:  # noqa: ARG002
        """Take in one sample; series that are not published are left out."""
        key = (place[0], tuple(sorted(labels.items())))
        if key not in self._names:
            metric = find_metric(self._settings.metrics, place[0], labels)
            is_fed = metric is not None and metric.publish and metric.expression is None
            query = map_series(metric, labels) if is_fed and metric is not None else None
            self._names[key] = None if metric is None or query is None else (metric, query)
            if metric is not None and query is not None and metric.create_detector:
                self._wanted.setdefault(query, True)
        mapped = self._names[key]
        if mapped is not None:
            metric, query = mapped
            self._samples.setdefault((query, place), (metric, []))[1].append((event_time_ns, value * metric.scale))

    def flush(self, *, everything: bool = False) -> None:  # noqa: ARG002
        """Write what was taken in.

        Raises
        ------
        ProviderError
            CloudWatch refused, or is away for too long.
        """
        for query in [query for query, is_wanted in self._wanted.items() if is_wanted]:
            self._call("PutAnomalyDetector", "put_anomaly_detector", detector_request(query))
            self._wanted[query] = False
        by_namespace: dict[str, list[dict[str, Any]]] = {}
        for (query, _), (metric, samples) in self._samples.items():
            key = query.inputs[0][1]
            by_namespace.setdefault(key.namespace, []).extend(build_data(key, samples, query.period_secs, metric.unit))
        for namespace, data in sorted(by_namespace.items()):
            for request in group_requests(data):
                self._call("PutMetricData", "put_metric_data", {"Namespace": namespace, "MetricData": request})
                self.n_written += len(request)
        self._samples.clear()

    def safe_offset(self, place: Place, next_offset: int) -> int:  # noqa: ARG002
        """Nothing is held over a flush."""
        return next_offset

    def forget(self, place: Place) -> None:
        """Drop what was not written yet of a partition."""
        for own in [own for own in self._samples if own[1] == place]:
            del self._samples[own]

    def _call(self, api: str, method: str, request: dict[str, Any]) -> None:
        call_patiently(
            f"cloudwatch {api}",
            lambda: getattr(self._clients.get("cloudwatch"), method)(**request),
            draw=self._random.random,
        )
