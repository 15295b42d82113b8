"""News: kinds of log lines not seen before, each told of once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.clock import NS_PER_SEC
from pipeline.config.schema import DetectorSettings
from pipeline.engine.anomaly import Anomaly, AnomalyPhase
from pipeline.engine.explanation import explain_template
from pipeline.engine.report import Place, Reporter
from pipeline.samples.labels import LabelSet

__all__ = ["News", "OpenNews"]

_NEVER_NS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class News:
    """One new template, until it counts as known: for as long as its detector's ``repeat_secs``.

    Attributes
    ----------
    ordinal : int
        Place of the detector that reports it among the configured ones.
    series : LabelSet
        Where its lines are counted.
    place : Place
        Of the line.
    template, example : str
        The kind, the line itself.
    """

    ordinal: int
    series: LabelSet
    place: Place
    template: str
    example: str

    def to_list(self, detectors: Sequence[DetectorSettings]) -> list[Any]:
        """Plain values; the detector by name, since its place may be another after a change of the configuration."""
        place = [self.place.offset, self.place.position, self.place.event_time_ns]
        return [detectors[self.ordinal].name, self.series.to_dict(), place, self.template, self.example]

    @classmethod
    def from_list(cls, data: Sequence[Any], detectors: Sequence[DetectorSettings]) -> News | None:
        """Inverse of `to_list`; None when there is no detector of that name any more."""
        ordinals = {one.name: ordinal for ordinal, one in enumerate(detectors)}
        name, series, place, template, example = data
        return cls(ordinals[name], LabelSet(series), Place(*place), template, example) if name in ordinals else None

    def due_ns(self, detector: DetectorSettings) -> int:
        """Watermark from which it is known, ns UTC."""
        return self.place.event_time_ns + min(round(detector.episode.repeat_secs * NS_PER_SEC), 2**61)

    def report(self, phase: AnomalyPhase, reporter: Reporter, detector: DetectorSettings, place: Place) -> Anomaly:
        """The anomaly that tells of it, or that it is known from now on."""
        return reporter.report_event(
            "new_template",
            phase,
            place,
            detector,
            self.series,
            episode_id=reporter.identify(self.place.offset, self.place.position, detector.name, "new_template", self.series),
            started_ns=self.place.event_time_ns,
            explanation=explain_template(phase, self.series, self.template),
            example=self.example,
        )


class OpenNews:
    """New templates that do not count as known yet.

    Parameters
    ----------
    detectors : sequence of DetectorSettings
        The configured ones.
    reporter : Reporter
        Builds the anomalies.
    """

    def __init__(self, detectors: Sequence[DetectorSettings], reporter: Reporter) -> None:
        self._detectors = detectors
        self._reporter = reporter
        self._open: list[News] = []

    @property
    def due_ns(self) -> int:
        """Watermark from which one of them counts as known, ns UTC."""
        return min((one.due_ns(self._detectors[one.ordinal]) for one in self._open), default=_NEVER_NS)

    def open(self, news: News) -> Anomaly:
        """Take one in; the anomaly that tells of it."""
        self._open.append(news)
        return news.report("opened", self._reporter, self._detectors[news.ordinal], news.place)

    def settle(self, place: Place) -> list[Anomaly]:
        """End those that are known by the event time of `place`, in order of their lines."""
        known = [one for one in self._open if place.event_time_ns >= one.due_ns(self._detectors[one.ordinal])]
        self._open = [one for one in self._open if one not in known]
        return [one.report("cleared", self._reporter, self._detectors[one.ordinal], place) for one in known]

    def to_list(self) -> list[Any]:
        """Plain values."""
        return [one.to_list(self._detectors) for one in self._open]

    def restore(self, data: Sequence[Any]) -> None:
        """Inverse of `to_list`; those of detectors that are no more are left out."""
        news = [News.from_list(one, self._detectors) for one in data]
        self._open = [one for one in news if one is not None]
