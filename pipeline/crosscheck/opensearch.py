"""The provider ``opensearch``: what the anomaly detection plugin found in the interval of the sample."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pipeline.clock import NS_PER_SEC, Clock
from pipeline.config.matching import matches
from pipeline.config.providers import OpenSearchDetector
from pipeline.config.providers import OpenSearchProvider as OpenSearchSettings
from pipeline.crosscheck.remote.aws import AwsClients
from pipeline.crosscheck.remote.caller import RemoteCaller
from pipeline.crosscheck.remote.http import JsonEndpoint
from pipeline.crosscheck.remote.judge import Batch, Candidate, RemoteJudge

__all__ = ["OpenSearchProvider", "build_search"]

PAGE_SIZE = 1_000
MAX_RESULTS = 10_000
"""What a search gives at most (``index.max_result_window``)."""
SEARCH_PATH = "/_plugins/_anomaly_detection/detectors/results/_search"


@dataclass(frozen=True, slots=True)
class _Question:
    candidate: Candidate
    detector: OpenSearchDetector
    entity: tuple[tuple[str, str], ...]

    @property
    def time_ms(self) -> int:
        return self.candidate.anomaly.event_time_ns // 1_000_000

    def __str__(self) -> str:
        inside = ",".join(f"{name}={value}" for name, value in self.entity)
        return f"{self.detector.name}[{inside}]" if inside else self.detector.name


def build_search(questions: Sequence[_Question], offset: int) -> dict[str, Any]:
    """One search for the results of all the detectors, entities and times in question."""
    by_detector: dict[str, list[_Question]] = {}
    for question in questions:
        by_detector.setdefault(question.detector.detector_id, []).append(question)
    wanted = []
    for detector_id, own in sorted(by_detector.items()):
        earliest_ms, latest_ms = min(one.time_ms for one in own), max(one.time_ms for one in own)
        interval_ms = own[0].detector.interval_secs * 1_000
        parts: list[dict[str, Any]] = [
            {"term": {"detector_id": detector_id}},
            {"range": {"data_end_time": {"gt": earliest_ms, "lte": latest_ms + interval_ms}}},
        ]
        for name in own[0].detector.entity:
            values = sorted({value for one in own for field, value in one.entity if field == name})
            entity = [{"term": {"entity.name": name}}, {"terms": {"entity.value": values}}]
            parts.append({"nested": {"path": "entity", "query": {"bool": {"filter": entity}}}})
        wanted.append({"bool": {"filter": parts}})
    return {
        "from": offset,
        "size": PAGE_SIZE,
        "track_total_hits": True,
        "sort": [{"data_end_time": "desc"}, {"execution_start_time": "desc"}],
        "query": {"bool": {"should": wanted, "minimum_should_match": 1}},
    }


class OpenSearchProvider(RemoteJudge[_Question]):
    """Judges by the anomaly grade of the result whose interval holds the sample.  One search answers every candidate.

    Parameters
    ----------
    settings : OpenSearchProvider settings
        Address, authentication, detectors.
    clock : Clock
        For deadlines, limits, and whether a result can be there yet.
    clients : AwsClients, optional
        Built from the settings when absent.

    Notes
    -----
    Reasons: ``graded`` (confirmed), ``not_graded`` (refuted), ``low_grade``, ``low_confidence``, ``evaluation_failed``,
    ``not_evaluated``, ``too_many_results``, ``not_mapped``, ``no_feature``; and the lower-case codes of
    `pipeline.crosscheck.remote.failure`.
    """

    name: str = "opensearch"
    max_batch: ClassVar[int] = 500

    def __init__(self, settings: OpenSearchSettings, clock: Clock, clients: AwsClients | None = None) -> None:
        super().__init__(RemoteCaller(self.name, settings, clock, {}), clock)
        self._settings = settings
        self._clients = clients if clients is not None else AwsClients(settings)
        basic = None
        if settings.auth == "basic" and settings.username is not None and settings.password is not None:
            basic = (settings.username, settings.password)
        self._endpoint = JsonEndpoint(
            "opensearch SearchResults",
            settings,
            self._clients,
            service="es" if settings.auth == "sigv4" else None,
            basic=basic,
            ca_file=settings.ca_file,
        )
        index = "" if settings.result_index is None else f"/{settings.result_index}"
        self._url = settings.endpoint_url.rstrip("/") + SEARCH_PATH + index

    async def close(self) -> None:
        """Give up what is under way and let go of connections."""
        await super().close()
        await asyncio.to_thread(self._endpoint.close)

    def _question(self, candidate: Candidate) -> _Question | None:
        anomaly = candidate.anomaly
        if self._is_no_sample(candidate, "no_feature", "is no value of a feature"):
            return None
        labels = anomaly.series.to_dict()
        for detector in self._settings.detectors:
            entity = tuple((field, labels.get(label, "")) for field, label in sorted(detector.entity.items()))
            if matches(detector.match, anomaly.topic, labels) and all(value for _, value in entity):
                return _Question(candidate, detector, entity)
        self._give(candidate, "unknown", "not_mapped", f"{anomaly.series}: no detector watches it")
        return None

    async def _answer(self, questions: list[_Question], batch: Batch) -> None:
        async def ask(waiting: Sequence[_Question]) -> None:
            await self._ask(waiting, batch)

        await self._poll(questions, ask, batch, self._settings.poll_secs)

    async def _ask(self, questions: Sequence[_Question], batch: Batch) -> None:
        results: list[Mapping[str, Any]] = []
        n_hits = 1
        while len(results) < n_hits and len(results) < MAX_RESULTS:
            search = build_search(questions, len(results))
            page = await self.caller.call(
                "SearchResults",
                lambda search=search: self._endpoint.post(self._url, document=search),  # type: ignore[misc]
                until_secs=batch.until_secs,
                bill=batch.bill,
            )
            hits = page.get("hits", {}).get("hits", [])
            total = page.get("hits", {}).get("total", 0)
            n_hits = int(total.get("value", 0) if isinstance(total, Mapping) else total)
            results += [hit.get("_source", {}) for hit in hits]
            if not hits:
                break
        found: dict[tuple[str, tuple[tuple[str, str], ...]], list[Mapping[str, Any]]] = {}
        for result in results:
            entity = tuple(sorted((one["name"], one["value"]) for one in result.get("entity") or ()))
            found.setdefault((result.get("detector_id", ""), entity), []).append(result)
        for question in questions:
            own = found.get((question.detector.detector_id, question.entity), [])
            found_result = next(
                (one for one in own if one.get("data_start_time", 0) <= question.time_ms < one.get("data_end_time", 0)), None
            )
            self._decide(question, found_result, is_complete=len(results) >= n_hits)

    def _decide(self, question: _Question, result: Mapping[str, Any] | None, *, is_complete: bool) -> None:
        candidate, settings = question.candidate, self._settings
        if result is None:
            if not is_complete:
                detail = f"{question}: more than {MAX_RESULTS} results; narrow the detector's entities or its match"
                self._give(candidate, "unknown", "too_many_results", detail)
            elif not self._can_wait(question):
                detail = f"{question}: no result yet of the interval of {question.detector.interval_secs} s in question"
                self._give(candidate, "unknown", "not_evaluated", detail)
            return
        grade, confidence = result.get("anomaly_grade"), result.get("confidence")
        reference = f"{question.detector.detector_id} {result.get('data_end_time', '')} {result.get('model_id', '')}".strip()
        if result.get("error") or grade is None or confidence is None:
            detail = f"{question}: {str(result.get('error') or 'a result without a grade')[:200]}"
            self._give(candidate, "unknown", "evaluation_failed", detail, reference=reference)
            return
        detail = f"{question}: anomaly grade {float(grade):.2f}, confidence {float(confidence):.2f}"
        if (score := result.get("anomaly_score")) is not None:
            detail += f", score {float(score):.3g}"
        if confidence < settings.min_confidence:
            self._give(candidate, "unknown", "low_confidence", detail, reference=reference)
        elif grade > settings.min_grade:
            self._give(candidate, "confirmed", "graded", detail, reference=reference)
        elif grade == 0.0:
            self._give(candidate, "refuted", "not_graded", detail, reference=reference)
        else:
            self._give(candidate, "unknown", "low_grade", detail, reference=reference)

    def _can_wait(self, question: _Question) -> bool:
        """Whether another search may bring the result before the deadline."""
        detector = question.detector
        # Where the detector's intervals begin is its own affair: the one that holds the sample may end a whole interval later.
        due_secs = question.time_ms / 1_000 + detector.interval_secs + detector.delay_secs
        now_ns = self._clock.now_ns()
        earliest_secs = max(question.time_ms / 1_000 + detector.delay_secs - now_ns / NS_PER_SEC, self._settings.poll_secs)
        is_overdue = now_ns / NS_PER_SEC > due_secs + 2 * detector.interval_secs
        return not is_overdue and self._clock.monotonic_secs() + earliest_secs < question.candidate.until_secs
