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

__all__ = ["News"]


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
