"""The provider ``amp``: a value against the band that an anomaly detector of Amazon Managed Prometheus writes."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pipeline.clock import NS_PER_SEC, Clock
from pipeline.config.matching import matches
from pipeline.config.providers import AmpDetector
from pipeline.config.providers import AmpProvider as AmpSettings
from pipeline.crosscheck.expected_band import Band
from pipeline.crosscheck.remote.aws import AwsClients
from pipeline.crosscheck.remote.caller import RemoteCaller
from pipeline.crosscheck.remote.cost import Price
from pipeline.crosscheck.remote.http import JsonEndpoint
from pipeline.crosscheck.remote.judge import Batch, Candidate, RemoteJudge
from pipeline.errors import ProviderError

__all__ = ["AmpProvider", "build_query"]

PRICES: Mapping[str, Price] = {
    # List price of us-east-1: 0.10 USD for a billion query samples processed; a few samples for each candidate.
    "QueryRange": Price(item_usd=1e-10 * 20),
}
MAX_SPAN_SECS = 10_800

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Question:
    candidate: Candidate
    detector: AmpDetector
    labels: Labels

    @property
    def time_secs(self) -> float:
        return self.candidate.anomaly.event_time_ns / NS_PER_SEC

    def __str__(self) -> str:
        inside = ",".join(f"{name}={value}" for name, value in self.labels)
        return f"{self.detector.alias}[{inside}]" if inside else self.detector.alias


def _alternatives(values: Sequence[str]) -> str:
    """A regular expression, quoted for PromQL, that fits these values and no others."""
    return json.dumps("|".join(re.escape(value) for value in sorted(set(values))), ensure_ascii=False)


def build_query(settings: AmpSettings, aliases: Sequence[str]) -> str:
    """PromQL for the edges of the bands of some detectors.

    Examples
    --------
    >>> settings = AmpSettings.model_validate({"workspace_id": "ws-1", "detectors": [{"alias": "tps"}]})
    >>> build_query(settings, ["tps", "a.b"])
    '{__name__=~"anomaly_detector_lower_band|anomaly_detector_upper_band",anomaly_detector_alias=~"a\\\\\\\\.b|tps"}'
    """
    names = _alternatives([settings.upper_metric, settings.lower_metric])
    return f"{{__name__=~{names},{settings.alias_label}=~{_alternatives(aliases)}}}"


class AmpProvider(RemoteJudge[_Question]):
    """Judges by the band of a detector's output series.  One range query, signed with SigV4, answers every candidate.

    Parameters
    ----------
    settings : AmpProvider settings
        Workspace, detectors, names of the output series.
    clock : Clock
        For deadlines and limits.
    clients : AwsClients, optional
        Built from the settings when absent.

    Notes
    -----
    Reasons: ``outside_band``, ``inside_band``, ``near_edge``, ``no_band``, ``not_mapped``, ``no_value`` and ``no_metric``; and the
    lower-case codes of `pipeline.crosscheck.remote.failure`.
    """

    name: str = "amp"
    max_batch: ClassVar[int] = 1_000

    def __init__(self, settings: AmpSettings, clock: Clock, clients: AwsClients | None = None) -> None:
        super().__init__(RemoteCaller(self.name, settings, clock, PRICES), clock)
        self._settings = settings
        self._clients = clients if clients is not None else AwsClients(settings)
        self._endpoint = JsonEndpoint("amp QueryRange", settings, self._clients, service="aps")

    async def close(self) -> None:
        """Give up what is under way and let go of connections."""
        await super().close()
        await asyncio.to_thread(self._endpoint.close)

    def _question(self, candidate: Candidate) -> _Question | None:
        anomaly = candidate.anomaly
        if self._is_no_sample(candidate, "no_metric", "has no value to hold against a band"):
            return None
        if not math.isfinite(anomaly.value):
            self._give(candidate, "unknown", "no_value", "the sample is not a number")
            return None
        own = anomaly.series.to_dict()
        for detector in self._settings.detectors:
            labels = tuple((name, own.get(label, "")) for name, label in sorted(detector.labels.items()))
            if matches(detector.match, anomaly.topic, own) and all(value for _, value in labels):
                return _Question(candidate, detector, labels)
        self._give(candidate, "unknown", "not_mapped", f"{anomaly.series}: no detector watches it")
        return None

    async def _answer(self, questions: list[_Question], batch: Batch) -> None:
        # Detectors of one interval share the step of a query.
        groups: dict[tuple[int, int], list[_Question]] = {}
        for question in sorted(questions, key=lambda one: one.time_secs):
            span = int(question.time_secs // MAX_SPAN_SECS)
            groups.setdefault((question.detector.interval_secs, span), []).append(question)
        error: ProviderError | None = None
        for (step_secs, _), group in groups.items():
            try:
                await self._ask(group, step_secs, batch)
            except ProviderError as raised:
                error = raised
        if error is not None:
            raise error

    async def _ask(self, questions: Sequence[_Question], step_secs: int, batch: Batch) -> None:
        settings = self._settings
        first = int(questions[0].time_secs // step_secs) - settings.max_band_age_intervals
        last = int(questions[-1].time_secs // step_secs)
        form = {
            "query": build_query(settings, [question.detector.alias for question in questions]),
            "start": str(first * step_secs),
            "end": str(last * step_secs),
            "step": str(step_secs),
        }
        answer = await self.caller.call(
            "QueryRange",
            lambda: self._endpoint.post(self._query_url(), form=form),
            until_secs=batch.until_secs,
            n_items=len(questions),
            bill=batch.bill,
        )
        if answer.get("status") != "success" or answer.get("data", {}).get("resultType") != "matrix":
            found = str(answer.get("error") or answer)[:200]
            raise ProviderError(f"amp QueryRange: found {found}; expected a matrix; check the workspace", code="BAD_ANSWER")
        edges = self._read(answer["data"].get("result", ()))
        for question in questions:
            self._decide(question, edges, step_secs)

    def _read(self, result: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], list[tuple[dict[str, str], dict[int, float]]]]:
        """Series by metric and alias: their labels, and value by time."""
        series: dict[tuple[str, str], list[tuple[dict[str, str], dict[int, float]]]] = {}
        for one in result:
            labels = dict(one.get("metric", {}))
            key = (labels.get("__name__", ""), labels.get(self._settings.alias_label, ""))
            points = {int(float(at)): float(value) for at, value in one.get("values", ())}
            series.setdefault(key, []).append((labels, points))
        return series

    def _decide(
        self, question: _Question, edges: Mapping[tuple[str, str], list[tuple[dict[str, str], dict[int, float]]]], step_secs: int
    ) -> None:
        settings = self._settings
        sides: list[dict[int, float]] = []
        for metric in (settings.lower_metric, settings.upper_metric):
            own = [
                points
                for labels, points in edges.get((metric, question.detector.alias), ())
                if all(labels.get(name) == value for name, value in question.labels)
            ]
            # Two that fit are two different series: which of them is meant is not for us to guess.
            sides.append(own[0] if len(own) == 1 else {})
        now = int(question.time_secs // step_secs)
        for age in range(settings.max_band_age_intervals + 1):
            at_secs = (now - age) * step_secs
            if all(at_secs in side and math.isfinite(side[at_secs]) for side in sides):
                band = Band(*sorted(side[at_secs] for side in sides))
                value = question.candidate.anomaly.value * question.detector.scale
                outcome, reason = band.judge(value, settings.refute_share)
                detail = f"{question}: {value:.6g} against the band {band.lower:.6g} to {band.upper:.6g}"
                if age:
                    detail += f"; the band is {age} intervals old"
                self._give(question.candidate, outcome, reason, detail, reference=str(question))
                return
        detail = f"{question}: no band; the detector is still training, or its output series have other names or labels"
        self._give(question.candidate, "unknown", "no_band", detail, reference=str(question))

    def _query_url(self) -> str:
        from botocore.exceptions import NoRegionError

        base = self._settings.endpoint_url
        if base is None:
            region = self._settings.region or self._clients.session().get_config_variable("region")
            if not region:
                raise NoRegionError
            base = f"https://aps-workspaces.{region}.amazonaws.com"
        return f"{base.rstrip('/')}/workspaces/{self._settings.workspace_id}/api/v1/query_range"
