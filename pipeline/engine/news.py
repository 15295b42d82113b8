"""News: kinds of log lines not seen before, each told of once."""

from __future__ import annotations

from dataclasses import dataclass

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
