"""Writes samples of series under suspicion to CloudWatch and sets up detectors for them, behind the verdicts' backs."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.clock import Clock
from pipeline.config.providers import CloudWatchMetric
from pipeline.config.providers import CloudWatchProvider as CloudWatchSettings
from pipeline.crosscheck.cloudwatch.names import BandQuery, MetricKey, value_queries
from pipeline.crosscheck.cloudwatch.writer import build_data, group_requests
from pipeline.crosscheck.remote.aws import AwsClients
from pipeline.crosscheck.remote.caller import RemoteCaller
from pipeline.crosscheck.remote.cost import Price
from pipeline.engine.anomaly import Anomaly
from pipeline.errors import ProviderError

__all__ = ["CloudWatchPublisher", "detector_request"]

MAX_SERIES = 50_000
MAX_WAITING = 10_000
CALL_SECS = 120.0


def detector_request(query: BandQuery) -> dict[str, Any]:
    """Arguments of PutAnomalyDetector for a metric, or for metric math over several.

    Examples
    --------
    >>> from pipeline.crosscheck.cloudwatch.names import MetricKey
    >>> detector_request(BandQuery((("m", MetricKey("N", "cpu", (), "Average")),), None, 60))
    {'SingleMetricAnomalyDetector': {'Namespace': 'N', 'MetricName': 'cpu', 'Dimensions': [], 'Stat': 'Average'}}
    """
    if query.expression is None:
        key = query.inputs[0][1]
        return {"SingleMetricAnomalyDetector": {**key.to_metric(), "Stat": key.stat}}
    return {"MetricMathAnomalyDetector": {"MetricDataQueries": value_queries(query, 0)}}


class CloudWatchPublisher:
    """Publishes in the background, with a rate limit and a breaker of its own: a full pipe here holds up no verdict.

    Parameters
    ----------
    settings : CloudWatchProvider settings
        Limits.
    clock : Clock
        For them.
    clients : AwsClients
        Of the provider.
    prices : mapping
        By API.

    Attributes
    ----------
    caller : RemoteCaller
        Its meter counts what publishing costs.
    n_dropped : int
        Series whose samples were not taken in because too many waited.
    """

    def __init__(self, settings: CloudWatchSettings, clock: Clock, clients: AwsClients, prices: Mapping[str, Price]) -> None:
        self.caller = RemoteCaller("cloudwatch", settings, clock, prices, seed=1)
        self.n_dropped = 0
        self._clock = clock
        self._clients = clients
        self._newest_ns: OrderedDict[MetricKey, int] = OrderedDict()
        self._detectors: OrderedDict[BandQuery, bool] = OrderedDict()
        self._waiting: deque[tuple[MetricKey, dict[str, Any]]] = deque()
        self._wanted: deque[BandQuery] = deque()
        self._task: asyncio.Task[None] | None = None

    def publish(self, suspicions: Sequence[tuple[CloudWatchMetric, BandQuery, Anomaly]]) -> None:
        """Take in what is new in the context of suspicious series, and detectors that are wanted; returns at once."""
        for metric, query, anomaly in suspicions:
            if metric.publish and query.expression is None:
                self._take_samples(metric, query, anomaly)
            if metric.create_detector and query not in self._detectors:
                _remember(self._detectors, query, True)
                self._wanted.append(query)
        if (self._waiting or self._wanted) and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._send())

    async def drain(self) -> None:
        """Wait until everything taken in was sent or given up."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def close(self) -> None:
        """Give up what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _take_samples(self, metric: CloudWatchMetric, query: BandQuery, anomaly: Anomaly) -> None:
        key = query.inputs[0][1]
        newest_ns = self._newest_ns.get(key, -1)
        samples = [
            (time_ns, value * metric.scale)
            for time_ns, value in zip(anomaly.context_time_ns, anomaly.context_value, strict=True)
            if time_ns > newest_ns
        ]
        if not samples:
            return
        data = build_data(key, samples, query.period_secs, metric.unit)
        if len(self._waiting) + len(data) > MAX_WAITING:
            self.n_dropped += 1
            return
        self._waiting.extend((key, entry) for entry in data)
        _remember(self._newest_ns, key, max(time_ns for time_ns, _ in samples))

    async def _send(self) -> None:
        while self._waiting or self._wanted:
            while self._wanted:
                query = self._wanted.popleft()
                if not await self._call("PutAnomalyDetector", "put_anomaly_detector", detector_request(query)):
                    # Asked for again with the next candidate.
                    self._detectors.pop(query, None)
            taken = list(self._waiting)
            self._waiting.clear()
            by_namespace: dict[str, list[dict[str, Any]]] = {}
            for key, entry in taken:
                by_namespace.setdefault(key.namespace, []).append(entry)
            for namespace, data in by_namespace.items():
                for request in group_requests(data):
                    await self._call("PutMetricData", "put_metric_data", {"Namespace": namespace, "MetricData": request})

    async def _call(self, api: str, method: str, request: dict[str, Any]) -> bool:
        until_secs = self._clock.monotonic_secs() + CALL_SECS
        try:
            await self.caller.call(
                api, lambda: getattr(self._clients.get("cloudwatch"), method)(**request), until_secs=until_secs
            )
        except ProviderError:
            # Counted by the meter; what could not be written is not written later: it would only be older then.
            return False
        return True


def _remember(entries: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    entries[key] = value
    entries.move_to_end(key)
    if len(entries) > MAX_SERIES:
        entries.popitem(last=False)
