"""Absences: silences of series that were told of and still last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.config.schema import DetectorSettings
from pipeline.engine.anomaly import Anomaly, AnomalyPhase
from pipeline.engine.explanation import explain_absence, explain_eviction
from pipeline.engine.report import Context, Place, Reporter
from pipeline.samples.labels import LabelSet

__all__ = ["Absence"]


@dataclass(frozen=True, slots=True)
class Absence:
    """One silence.

    Attributes
    ----------
    ordinal : int
        Place of the detector that reports it among the configured ones.
    offset, position : int
        Where in the log it was noticed.
    last_ns : int
        Event time of the series' newest sample, ns UTC.
    interval_ns : int
        Its usual interval when it was noticed.
    """

    ordinal: int
    offset: int
    position: int
    last_ns: int
    interval_ns: int

    def to_list(self, detectors: Sequence[DetectorSettings]) -> list[str | int]:
        """Plain values; the detector by name, since its place may be another after a change of the configuration."""
        return [detectors[self.ordinal].name, self.offset, self.position, self.last_ns, self.interval_ns]

    @classmethod
    def from_list(cls, data: Sequence[Any], detectors: Sequence[DetectorSettings]) -> Absence | None:
        """Inverse of `to_list`; None when there is no detector of that name any more."""
        ordinals = {one.name: ordinal for ordinal, one in enumerate(detectors)}
        return cls(ordinals[data[0]], *map(int, data[1:])) if data[0] in ordinals else None

    def report(
        self,
        phase: AnomalyPhase,
        reporter: Reporter,
        detector: DetectorSettings,
        place: Place,
        series: LabelSet,
        context: Context,
        *,
        is_evicted: bool = False,
    ) -> Anomaly:
        """The anomaly that tells of it, or of its end: by a new sample, or because the series is forgotten.

        Parameters
        ----------
        place : Place
            Of the record that showed the silence; of the sample that ended it; of the record that let the series be forgotten.
        """
        silence_ns = place.event_time_ns - self.last_ns
        last_value = next(
            (v for t, v in zip(context.event_time_ns, context.value, strict=True) if t == self.last_ns), float("nan")
        )
        return reporter.report_event(
            "absence",
            phase,
            place,
            detector,
            series,
            episode_id=reporter.identify(self.offset, self.position, detector.name, "absence", series),
            started_ns=self.last_ns,
            explanation=explain_eviction(series, silence_ns)
            if is_evicted
            else explain_absence(phase, series, silence_ns, self.interval_ns, last_value),
            context=context,
        )
