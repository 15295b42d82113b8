"""Absences: silences of series that were told of and still last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pipeline.config.schema import DetectorSettings
from pipeline.engine.anomaly import Anomaly, AnomalyPhase
from pipeline.engine.explanation import explain_absence, explain_eviction
from pipeline.engine.report import Context, Place, Reporter
from pipeline.samples.labels import LabelSet

__all__ = ["Absence", "OpenAbsences", "Turn"]


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


class Turn(NamedTuple):
    """The beginning or end of a silence, to be reported when the samples up to there are scored.

    Attributes
    ----------
    end : int
        How many samples of the batch come before it.
    rank : int
        See `RankedAnomaly`.
    phase : str
        Of the anomaly.
    place : Place
        Of the record that showed the silence; of the sample that ended it.
    slot : int
        Of the series.
    absence : Absence
        The silence.
    """

    end: int
    rank: int
    phase: AnomalyPhase
    place: Place
    slot: int
    absence: Absence


class OpenAbsences:
    """Silences that last, by the slot of the series.

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
        self._open: dict[int, Absence] = {}

    def __len__(self) -> int:
        return len(self._open)

    def open(self, slot: int, absence: Absence) -> None:
        """Take one in."""
        self._open[slot] = absence

    def find(self, slot: int) -> Absence | None:
        """The silence of a series."""
        return self._open.get(slot)

    def end(self, slot: int) -> Absence | None:
        """It does not last any longer."""
        return self._open.pop(slot, None)

    def report(
        self,
        absence: Absence,
        phase: AnomalyPhase,
        place: Place,
        series: LabelSet,
        context: Context,
        *,
        is_evicted: bool = False,
    ) -> Anomaly:
        """The anomaly that tells of a silence, or of its end: by a new sample, or because the series is forgotten.

        Parameters
        ----------
        place : Place
            As of `Turn`; of the record that let the series be forgotten.
        """
        detector = self._detectors[absence.ordinal]
        silence_ns = place.event_time_ns - absence.last_ns
        last_value = next(
            (v for t, v in zip(context.event_time_ns, context.value, strict=True) if t == absence.last_ns), float("nan")
        )
        return self._reporter.report_event(
            "absence",
            phase,
            place,
            detector,
            series,
            episode_id=self._reporter.identify(absence.offset, absence.position, detector.name, "absence", series),
            started_ns=absence.last_ns,
            explanation=explain_eviction(series, silence_ns)
            if is_evicted
            else explain_absence(phase, series, silence_ns, absence.interval_ns, last_value),
            context=context,
        )

    def to_list(self) -> list[Any]:
        """Plain values, by slot."""
        return [[slot, *one.to_list(self._detectors)] for slot, one in sorted(self._open.items())]

    def restore(self, data: Sequence[Any]) -> None:
        """Inverse of `to_list`; those of detectors that are no more are left out."""
        absences = {int(slot): Absence.from_list(one, self._detectors) for slot, *one in data}
        self._open = {slot: one for slot, one in absences.items() if one is not None}
