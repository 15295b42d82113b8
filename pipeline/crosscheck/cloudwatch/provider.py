"""The provider ``cloudwatch``: a value against the band of CloudWatch's own anomaly detection."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pipeline.clock import NS_PER_SEC, Clock
from pipeline.config.providers import CloudWatchMetric
from pipeline.config.providers import CloudWatchProvider as CloudWatchSettings
from pipeline.crosscheck.cloudwatch.band import SeriesAnswer, collect_answers
from pipeline.crosscheck.cloudwatch.names import BandQuery, band_queries, find_metric, map_series
from pipeline.crosscheck.cloudwatch.publisher import CloudWatchPublisher
from pipeline.crosscheck.remote.aws import AwsClients
from pipeline.crosscheck.remote.cache import TimedCache
from pipeline.crosscheck.remote.caller import RemoteCaller
from pipeline.crosscheck.remote.cost import Price
from pipeline.crosscheck.remote.judge import Batch, Candidate, RemoteJudge
from pipeline.errors import ProviderError

__all__ = ["PRICES", "CloudWatchProvider"]

PRICES: Mapping[str, Price] = {
    # List prices of us-east-1: 0.01 USD for 1,000 metrics asked about; 0.01 USD for 1,000 requests of the other kind.
    "GetMetricData": Price(item_usd=0.01 / 1_000),
    "PutMetricData": Price(call_usd=0.01 / 1_000),
}
MAX_QUERIES = 500
"""Entries of one GetMetricData request."""
MAX_SPAN_SECS = 10_800
"""Candidates farther apart in time are not asked about in one request."""
MAX_PAGES = 50


@dataclass(frozen=True, slots=True)
class _Question:
    """A candidate with what is asked about it."""

    candidate: Candidate
    metric: CloudWatchMetric
    query: BandQuery

    @property
    def period_ns(self) -> int:
        return self.query.period_secs * NS_PER_SEC

    @property
    def start_secs(self) -> int:
        """When the period of the suspicious sample begins."""
        return self.candidate.anomaly.event_time_ns // self.period_ns * self.query.period_secs

    @property
    def first_secs(self) -> int:
        """When the earliest period of interest begins; of a silence, that of the last sample."""
        times = self.candidate.anomaly.context_time_ns
        if self.candidate.anomaly.kind == "absence" and times:
            return int(times[-1]) // self.period_ns * self.query.period_secs
        return self.start_secs


class CloudWatchProvider(RemoteJudge[_Question]):
    """Judges by the band of the metric that a series is in CloudWatch.

    Parameters
    ----------
    settings : CloudWatchProvider settings
        What series are called there, the width of the band.
    clock : Clock
        For deadlines, limits and the cache.
    clients : AwsClients, optional
        Built from the settings when absent.

    Notes
    -----
    Reasons: ``outside_band``, ``inside_band``, ``near_edge``; ``no_band`` (no detector, or one that is still training),
    ``no_datapoint``, ``not_mapped``, ``no_metric`` (a new log template), ``datapoints_there`` and ``silent_there_too`` (silence),
    ``partial``; and the lower-case codes of `pipeline.crosscheck.remote.failure`.
    """

    name: str = "cloudwatch"
    max_batch: ClassVar[int] = MAX_QUERIES // 2

    def __init__(self, settings: CloudWatchSettings, clock: Clock, clients: AwsClients | None = None) -> None:
        super().__init__(RemoteCaller(self.name, settings, clock, PRICES), clock)
        self._settings = settings
        self._clients = clients if clients is not None else AwsClients(settings)
        self._cache: TimedCache[tuple[BandQuery, int], SeriesAnswer] = TimedCache(settings.cache_secs)
        self.publisher = CloudWatchPublisher(settings, clock, self._clients, PRICES)

    async def close(self) -> None:
        """Give up what is under way and let go of connections."""
        await super().close()
        await self.publisher.close()
        await asyncio.to_thread(self._clients.close)

    def _prejudge(self, candidate: Candidate) -> None:
        question = self._question(candidate)
        if question is None or candidate.anomaly.kind == "absence":
            return
        answer = self._cache.get((question.query, question.start_secs), self._clock.monotonic_secs())
        if answer is not None:
            self._decide(question, answer)

    def _question(self, candidate: Candidate) -> _Question | None:
        anomaly = candidate.anomaly
        if anomaly.kind == "new_template":
            self._give(candidate, "unknown", "no_metric", "a log template seen for the first time is no metric in CloudWatch")
            return None
        labels = anomaly.series.to_dict()
        metric = find_metric(self._settings.metrics, anomaly.topic, labels)
        query = None if metric is None else map_series(metric, labels)
        if metric is None or query is None:
            why = "no entry of metrics fits it" if metric is None else "it lacks a label its name or a dimension is made of"
            self._give(candidate, "unknown", "not_mapped", f"{anomaly.series} has no name in CloudWatch: {why}")
            return None
        return _Question(candidate, metric, query)

    async def _answer(self, questions: list[_Question], batch: Batch) -> None:
        self.publisher.publish([(one.metric, one.query, one.candidate.anomaly) for one in questions])
        error: ProviderError | None = None
        for group in _group(questions):
            try:
                await self._ask(group, batch)
            except ProviderError as raised:
                # The others may still be answered: by another attempt, or from what this one's failure says nothing about.
                error = raised
        if error is not None:
            raise error

    async def _ask(self, questions: Sequence[_Question], batch: Batch) -> None:
        queries = list(dict.fromkeys(question.query for question in questions))
        entries = [entry for i, query in enumerate(queries) for entry in band_queries(query, i, self._settings.band_width)]
        longest_secs = max(query.period_secs for query in queries)
        start_secs = min(question.first_secs for question in questions) - self._settings.max_band_age_periods * longest_secs
        end_secs = max(question.start_secs for question in questions) + longest_secs
        n_metrics = sum(query.n_metrics for query in queries)
        request: dict[str, Any] = {
            "MetricDataQueries": entries,
            "StartTime": start_secs,
            "EndTime": end_secs,
            "ScanBy": "TimestampDescending",
        }
        pages: list[Mapping[str, Any]] = []
        while len(pages) < MAX_PAGES:
            page = await self.caller.call(
                "GetMetricData",
                lambda: self._clients.get("cloudwatch").get_metric_data(**request),
                until_secs=batch.until_secs,
                n_items=n_metrics,
                bill=batch.bill,
            )
            pages.append(page)
            if not page.get("NextToken"):
                break
            request["NextToken"] = page["NextToken"]
        answers = collect_answers(pages)
        now_secs = self._clock.monotonic_secs()
        for question in questions:
            answer = answers.get(queries.index(question.query), SeriesAnswer())
            if answer.bands and not answer.fault:
                self._cache.put((question.query, question.start_secs), answer, now_secs)
            self._decide(question, answer)

    def _decide(self, question: _Question, answer: SeriesAnswer) -> None:
        candidate, query = question.candidate, question.query
        if candidate.anomaly.kind == "absence":
            self._decide_silence(question, answer)
            return
        reference = str(query)
        found = answer.band_at(question.start_secs, query.period_secs, self._settings.max_band_age_periods)
        if found is None:
            if answer.fault:
                self._give(candidate, "unknown", "partial", f"{query}: {answer.fault}", reference=reference)
            else:
                detail = f"{query}: no band; it has no detector, or one that is still training"
                self._give(candidate, "unknown", "no_band", detail, reference=reference)
            return
        at_secs, band = found
        datapoint = answer.values.get(question.start_secs)
        if question.metric.compare == "datapoint":
            if datapoint is None:
                detail = f"{query}: no data point yet of the period in question"
                self._give(candidate, "unknown", "no_datapoint", detail, reference=reference)
                return
            value = datapoint
        else:
            value = candidate.anomaly.value * question.metric.scale
        if not math.isfinite(value):
            self._give(candidate, "unknown", "no_value", f"{query}: the sample is not a number", reference=reference)
            return
        detail = f"{query}: {value:.6g} against the band {band.lower:.6g} to {band.upper:.6g}"
        if question.metric.compare == "sample" and datapoint is not None:
            detail += f"; its data point there is {datapoint:.6g}"
        if at_secs != question.start_secs:
            detail += f"; the band is {(question.start_secs - at_secs) // query.period_secs} periods old"
        outcome, reason = band.judge(value, self._settings.refute_share)
        self._give(candidate, outcome, reason, detail, reference=reference)

    def _decide_silence(self, question: _Question, answer: SeriesAnswer) -> None:
        """A series that fell silent here: whether it goes on in CloudWatch."""
        candidate, query = question.candidate, question.query
        reference = str(query)
        if question.metric.publish:
            detail = f"{query}: its data points come from here; their absence says nothing more"
            self._give(candidate, "unknown", "no_datapoint", detail, reference=reference)
            return
        before = [at_secs for at_secs in answer.values if at_secs <= question.first_secs]
        # The period under way may lack its data point for reasons of its own.
        since = [at_secs for at_secs in answer.values if question.first_secs < at_secs < question.start_secs]
        if answer.fault or not before or question.start_secs <= question.first_secs + query.period_secs:
            detail = f"{query}: {answer.fault or 'too few data points around the silence to tell'}"
            self._give(candidate, "unknown", "partial" if answer.fault else "no_datapoint", detail, reference=reference)
        elif since:
            detail = f"{query}: {len(since)} data points since the last sample here"
            self._give(candidate, "refuted", "datapoints_there", detail, reference=reference)
        else:
            detail = f"{query}: no data point since the last sample here either"
            self._give(candidate, "confirmed", "silent_there_too", detail, reference=reference)


def _group(questions: Sequence[_Question]) -> list[list[_Question]]:
    """Questions that go into one request each: close in time, and not more entries than a request may have."""
    groups: list[list[_Question]] = []
    n_entries = 0
    seen: set[BandQuery] = set()
    for question in sorted(questions, key=lambda one: one.first_secs):
        size = 0 if question.query in seen else question.query.n_queries
        is_far = bool(groups) and question.start_secs - groups[-1][0].first_secs > MAX_SPAN_SECS
        if not groups or is_far or n_entries + size > MAX_QUERIES:
            groups.append([])
            n_entries, seen = 0, set()
            size = question.query.n_queries
        groups[-1].append(question)
        seen.add(question.query)
        n_entries += size
    return groups
