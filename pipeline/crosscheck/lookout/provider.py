"""The provider ``lookout``: whether a detector of Lookout for Metrics has an anomaly group for the series and its interval."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pipeline.clock import NS_PER_SEC, Clock
from pipeline.config.providers import LookoutDetector
from pipeline.config.providers import LookoutProvider as LookoutSettings
from pipeline.crosscheck.lookout.groups import (
    AnomalyGroup,
    DetectorView,
    GroupSeries,
    describe_contributions,
    read_contributions,
)
from pipeline.crosscheck.lookout.naming import INTERVAL_SECS, LookoutSeries, find_series, parse_time
from pipeline.crosscheck.remote.aws import AwsClients
from pipeline.crosscheck.remote.cache import TimedCache
from pipeline.crosscheck.remote.caller import RemoteCaller
from pipeline.crosscheck.remote.cost import Bill
from pipeline.crosscheck.remote.judge import Batch, Candidate, RemoteJudge
from pipeline.errors import ProviderError

__all__ = ["LookoutProvider"]

PAGE_SIZE = 100
MAX_GROUP_PAGES = 10
MAX_SERIES_PAGES = 20
DIRECTORY_SECS = 600.0
GROUP_SECS = 3_600.0
ACTIVE_STATUSES = frozenset({"ACTIVE", "LEARNING", "BACK_TEST_ACTIVE", "BACK_TEST_COMPLETE"})


@dataclass(frozen=True, slots=True)
class _Question:
    """A candidate with its names in Lookout."""

    candidate: Candidate
    series: LookoutSeries

    @property
    def start_secs(self) -> int:
        return self.series.interval_start_secs(self.candidate.anomaly.event_time_ns)

    @property
    def interval_secs(self) -> int:
        return INTERVAL_SECS[self.series.detector.interval]

    @property
    def due_secs(self) -> int:
        """When the detector looks at the interval at the earliest, s since the epoch."""
        return self.start_secs + self.interval_secs + self.series.detector.delay_secs


class LookoutProvider(RemoteJudge[_Question]):
    """Judges by anomaly groups.  One poll of a detector answers every candidate of its series.

    Parameters
    ----------
    settings : LookoutProvider settings
        Detectors, measures, dimensions.
    clock : Clock
        For deadlines, limits, caches, and whether an interval can have been looked at yet.
    clients : AwsClients, optional
        Built from the settings when absent.

    Notes
    -----
    A detector looks at whole intervals of five minutes or more, some time after they end.  A candidate whose interval cannot be
    looked at before its deadline gets ``not_evaluated`` at once; others are polled for while the deadline allows.

    Reasons: ``anomaly_group`` (confirmed), ``no_anomaly_group``, ``other_series`` (refuted), ``not_evaluated``,
    ``evaluation_failed``, ``too_many_groups``, ``not_mapped``, ``no_measure``, ``detector_missing``, ``detector_not_active``; and
    the lower-case codes of `pipeline.crosscheck.remote.failure`.
    """

    name: str = "lookout"
    max_batch: ClassVar[int] = 1_000

    def __init__(self, settings: LookoutSettings, clock: Clock, clients: AwsClients | None = None) -> None:
        super().__init__(RemoteCaller(self.name, settings, clock, {}), clock)
        self._settings = settings
        self._clients = clients if clients is not None else AwsClients(settings)
        self._directory: TimedCache[str, dict[str, tuple[str, str]]] = TimedCache(DIRECTORY_SECS)
        self._views: TimedCache[str, DetectorView] = TimedCache(settings.poll_secs)
        self._series: TimedCache[tuple[str, str, float], list[GroupSeries]] = TimedCache(GROUP_SECS)
        self._details: TimedCache[tuple[str, float], Mapping[str, Any]] = TimedCache(GROUP_SECS)
        self._related: TimedCache[tuple[str, float], str] = TimedCache(GROUP_SECS)
        # One batch at a time reads a detector; the others find what it read.
        self._locks = {detector.name: asyncio.Lock() for detector in settings.detectors}

    async def close(self) -> None:
        """Give up what is under way and let go of connections."""
        await super().close()
        await asyncio.to_thread(self._clients.close)

    async def put_feedback(self, reference: str, is_anomaly: bool) -> None:
        """Tell Lookout whether a series of a group was anomalous indeed (PutFeedback).

        Parameters
        ----------
        reference : str
            Of a verdict of this provider.
        is_anomaly : bool
            What the operator says.

        Raises
        ------
        ProviderError
            The reference names no series of a group (``BAD_REQUEST``), or the call failed.
        """
        parts = reference.split(" ")
        if len(parts) != 3:
            raise ProviderError(
                f"lookout PutFeedback: {reference!r} names no series of an anomaly group; expected detector, group and series",
                code="BAD_REQUEST",
            )
        arn, group_id, series_id = parts
        feedback = {"AnomalyGroupId": group_id, "TimeSeriesId": series_id, "IsAnomaly": is_anomaly}
        until_secs = self._clock.monotonic_secs() + 60.0
        request = {"AnomalyDetectorArn": arn, "AnomalyGroupTimeSeriesFeedback": feedback}
        await self._call("PutFeedback", "put_feedback", request, until_secs, Bill())

    def _question(self, candidate: Candidate) -> _Question | None:
        anomaly = candidate.anomaly
        if self._is_no_sample(candidate, "no_measure", "is no value of a measure"):
            return None
        series = find_series(self._settings.detectors, anomaly.topic, anomaly.series.to_dict())
        if series is None:
            self._give(candidate, "unknown", "not_mapped", f"{anomaly.series}: no detector watches it")
            return None
        return _Question(candidate, series)

    async def _answer(self, questions: list[_Question], batch: Batch) -> None:
        async def ask(waiting: Sequence[_Question]) -> None:
            by_detector: dict[str, list[_Question]] = {}
            for question in waiting:
                by_detector.setdefault(question.series.detector.name, []).append(question)
            for name, own in by_detector.items():
                async with self._locks[name]:
                    await self._ask(own[0].series.detector, own, batch)

        await self._poll(questions, ask, batch, self._settings.poll_secs)

    async def _ask(self, detector: LookoutDetector, questions: Sequence[_Question], batch: Batch) -> None:
        until_secs = max(question.candidate.until_secs for question in questions)
        view = await self._view(detector, until_secs, batch.bill)
        if view is None or view.status not in ACTIVE_STATUSES:
            reason = "detector_missing" if view is None else "detector_not_active"
            state = "is not there; `streamwarden crosscheck setup` makes it" if view is None else f"is {view.status}"
            for question in questions:
                self._give(question.candidate, "unknown", reason, f"detector {detector.name} {state}")
            return
        for question in questions:
            await self._decide(question, view, batch.bill)

    async def _decide(self, question: _Question, view: DetectorView, bill: Bill) -> None:
        covering = [group for group in view.groups if group.covers(question.start_secs, question.interval_secs)]
        for group in sorted(covering, key=lambda one: (-one.score, one.id)):
            series = await self._series_of(view.arn, group, question.series.measure, question.candidate.until_secs, bill)
            found = next((one for one in series if one.fits(question.series.dimensions)), None)
            if found is not None:
                await self._confirm(question, view, group, found, bill)
                return
        self._decide_without(question, view, covering)

    def _decide_without(self, question: _Question, view: DetectorView, covering: Sequence[AnomalyGroup]) -> None:
        """No group names the series: a refutation once the detector has looked at the interval, else a reason to wait."""
        candidate, series = question.candidate, question.series
        execution = view.execution_of(question.start_secs, question.interval_secs)
        if execution == "done" and view.is_complete:
            if covering:
                detail = f"{series}: anomaly group {covering[0].id} of its interval names other series"
                self._give(candidate, "refuted", "other_series", detail, reference=view.arn)
            else:
                detail = f"{series}: its interval was looked at, and no anomaly group has it"
                self._give(candidate, "refuted", "no_anomaly_group", detail, reference=view.arn)
        elif execution == "done":
            detail = f"{series}: more than {MAX_GROUP_PAGES * PAGE_SIZE} anomaly groups; raise sensitivity"
            self._give(candidate, "unknown", "too_many_groups", detail, reference=view.arn)
        elif execution == "failed":
            detail = f"{series}: the detector's execution for its interval failed"
            self._give(candidate, "unknown", "evaluation_failed", detail, reference=view.arn)
        elif not self._can_wait(question):
            detail = (
                f"{series}: its interval of {question.interval_secs // 60} minutes had not been looked at; "
                f"that takes until {series.detector.delay_secs} s after its end"
            )
            self._give(candidate, "unknown", "not_evaluated", detail, reference=view.arn)

    def _can_wait(self, question: _Question) -> bool:
        """Whether another poll may bring the answer before the deadline."""
        wait_secs = max(question.due_secs - self._clock.now_ns() / NS_PER_SEC, self._settings.poll_secs)
        return self._clock.monotonic_secs() + wait_secs < question.candidate.until_secs

    async def _confirm(
        self, question: _Question, view: DetectorView, group: AnomalyGroup, found: GroupSeries, bill: Bill
    ) -> None:
        candidate, series = question.candidate, question.series
        detail = f"{series}: anomaly group {group.id}, severity {group.score:.0f} of 100"
        try:
            whole = await self._details_of(view.arn, group, candidate.until_secs, bill)
            if shares := describe_contributions(read_contributions(whole, series.measure)):
                detail += f"; contributions {shares}"
            if self._settings.related and (related := await self._related_of(view.arn, group, candidate.until_secs, bill)):
                detail += f"; {related}"
        except ProviderError as error:
            # The verdict stands without them.
            detail += f"; no particulars ({error.code.lower()})"
        reference = f"{view.arn} {group.id} {found.id}"
        self._give(candidate, "confirmed", "anomaly_group", detail, reference=reference)

    async def _view(self, detector: LookoutDetector, until_secs: float, bill: Bill) -> DetectorView | None:
        """The detector as it was read at most `poll_secs` ago; None when it is not there."""
        view = self._views.get(detector.name, self._clock.monotonic_secs())
        if view is not None:
            return view
        directory = await self._list_detectors(until_secs, bill)
        entry = directory.get(detector.arn or detector.name)
        if entry is None:
            return None
        arn, status = entry
        view = DetectorView(arn, status)
        if status in ACTIVE_STATUSES:
            # Executions first: one that ends between the two requests would otherwise count as done with groups read before it.
            request: dict[str, Any] = {"AnomalyDetectorArn": arn, "MaxResults": PAGE_SIZE}
            api = "DescribeAnomalyDetectionExecutions"
            page = await self._call(api, "describe_anomaly_detection_executions", request, until_secs, bill)
            for execution in page.get("ExecutionList", ()):
                view.executions[int(parse_time(execution["Timestamp"]))] = execution.get("Status", "")
            request = {
                "AnomalyDetectorArn": arn,
                "SensitivityThreshold": detector.sensitivity,
                "MaxResults": PAGE_SIZE,
            }
            pages, view.is_complete = await self._read_pages(
                "ListAnomalyGroupSummaries", "list_anomaly_group_summaries", request, until_secs, bill, MAX_GROUP_PAGES
            )
            summaries = [summary for page in pages for summary in page.get("AnomalyGroupSummaryList", ())]
            view.groups = [AnomalyGroup.from_summary(summary) for summary in summaries]
        self._views.put(detector.name, view, self._clock.monotonic_secs())
        return view

    async def _list_detectors(self, until_secs: float, bill: Bill) -> dict[str, tuple[str, str]]:
        """ARN and status by name and by ARN."""
        now_secs = self._clock.monotonic_secs()
        directory = self._directory.get("all", now_secs)
        if directory is not None:
            return directory
        pages, _ = await self._read_pages(
            "ListAnomalyDetectors", "list_anomaly_detectors", {"MaxResults": PAGE_SIZE}, until_secs, bill, MAX_GROUP_PAGES
        )
        directory = {}
        for page in pages:
            for summary in page.get("AnomalyDetectorSummaryList", ()):
                entry = (summary["AnomalyDetectorArn"], summary.get("Status", ""))
                directory[summary["AnomalyDetectorName"]] = directory[entry[0]] = entry
        wanted = {detector.arn or detector.name for detector in self._settings.detectors}
        if all(directory.get(one, ("", ""))[1] in ACTIVE_STATUSES for one in wanted):
            # Only what cannot get better is kept: a detector that is missing or activating is looked for again.
            self._directory.put("all", directory, now_secs)
        return directory

    async def _series_of(self, arn: str, group: AnomalyGroup, measure: str, until_secs: float, bill: Bill) -> list[GroupSeries]:
        key = (group.id, measure, group.end_secs)
        series = self._series.get(key, self._clock.monotonic_secs())
        if series is None:
            request = {
                "AnomalyDetectorArn": arn,
                "AnomalyGroupId": group.id,
                "MetricName": measure,
                "MaxResults": PAGE_SIZE,
            }
            api = "ListAnomalyGroupTimeSeries"
            try:
                pages, _ = await self._read_pages(
                    api, "list_anomaly_group_time_series", request, until_secs, bill, MAX_SERIES_PAGES
                )
            except ProviderError as error:
                if error.code not in ("NOT_FOUND", "BAD_REQUEST"):
                    raise
                # A group that has no series of this measure may answer so.
                pages = []
            series = [GroupSeries.from_entry(entry) for page in pages for entry in page.get("TimeSeriesList", ())]
            self._series.put(key, series, self._clock.monotonic_secs())
        return series

    async def _details_of(self, arn: str, group: AnomalyGroup, until_secs: float, bill: Bill) -> Mapping[str, Any]:
        key = (group.id, group.end_secs)
        details = self._details.get(key, self._clock.monotonic_secs())
        if details is None:
            request = {"AnomalyDetectorArn": arn, "AnomalyGroupId": group.id}
            page = await self._call("GetAnomalyGroup", "get_anomaly_group", request, until_secs, bill)
            details = page.get("AnomalyGroup", {})
            self._details.put(key, details, self._clock.monotonic_secs())
        return details

    async def _related_of(self, arn: str, group: AnomalyGroup, until_secs: float, bill: Bill) -> str:
        key = (group.id, group.end_secs)
        related = self._related.get(key, self._clock.monotonic_secs())
        if related is None:
            request = {"AnomalyDetectorArn": arn, "AnomalyGroupId": group.id, "MaxResults": PAGE_SIZE}
            api = "ListAnomalyGroupRelatedMetrics"
            pages, _ = await self._read_pages(api, "list_anomaly_group_related_metrics", request, until_secs, bill, 3)
            related = _describe_related([impact for page in pages for impact in page.get("InterMetricImpactList", ())])
            self._related.put(key, related, self._clock.monotonic_secs())
        return related

    async def _read_pages(
        self, api: str, method: str, request: Mapping[str, Any], until_secs: float, bill: Bill, max_pages: int
    ) -> tuple[list[Mapping[str, Any]], bool]:
        """Pages in order, and whether they are all there are."""
        pages: list[Mapping[str, Any]] = []
        token: str | None = None
        while len(pages) < max_pages:
            whole = dict(request) if token is None else {**request, "NextToken": token}
            page = await self._call(api, method, whole, until_secs, bill)
            pages.append(page)
            token = page.get("NextToken")
            if not token:
                return pages, True
        return pages, False

    async def _call(self, api: str, method: str, request: Mapping[str, Any], until_secs: float, bill: Bill) -> Mapping[str, Any]:
        def attempt() -> Mapping[str, Any]:
            answer: Mapping[str, Any] = getattr(self._clients.get("lookoutmetrics"), method)(**request)
            return answer

        return await self.caller.call(api, attempt, until_secs=until_secs, bill=bill)


def _describe_related(impacts: Sequence[Mapping[str, Any]]) -> str:
    """Causes and effects in words, the largest share first."""
    words = []
    for kind, word in (("CAUSE_OF_INPUT_ANOMALY_GROUP", "caused by"), ("EFFECT_OF_INPUT_ANOMALY_GROUP", "followed by")):
        own = [impact for impact in impacts if impact.get("RelationshipType") == kind]
        own.sort(key=lambda impact: (-float(impact.get("ContributionPercentage", 0.0)), str(impact.get("MetricName", ""))))
        if own:
            told = ", ".join(
                f"{one.get('MetricName', '')} {float(one.get('ContributionPercentage', 0.0)):.0f} %" for one in own[:3]
            )
            words.append(f"{word} {told}")
    return "; ".join(words)
