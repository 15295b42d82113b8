"""From what a detector found to the anomaly that is published."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from models.base import FloatColumn, IntColumn
from models.state_array import Row
from pipeline.config.schema import DetectorSettings
from pipeline.engine.anomaly import Anomaly, AnomalyKind, AnomalyPhase, anomaly_id
from pipeline.engine.band import NO_BAND, Band, measure_band
from pipeline.engine.detector import Detector, Findings
from pipeline.engine.episode import PHASES
from pipeline.engine.explanation import explain_eviction, explain_point, explain_vector
from pipeline.samples.batch import SampleBatch
from pipeline.samples.labels import LabelSet

__all__ = ["Context", "Place", "Reporter"]

NO_MODEL = "none"
"""Model of anomalies that no model has to do with."""


@dataclass(frozen=True, slots=True)
class Context:
    """The recent samples of a series, oldest first."""

    event_time_ns: tuple[int, ...] = ()
    value: tuple[float, ...] = ()

    @classmethod
    def of_columns(cls, event_time_ns: IntColumn, value: FloatColumn) -> Context:
        """Of the columns that the clock keeps."""
        return cls(tuple(event_time_ns.tolist()), tuple(value.tolist()))


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the log, and when by event time, something was found."""

    offset: int
    position: int
    event_time_ns: int

    @classmethod
    def of_sample(cls, samples: SampleBatch, i: int) -> Place:
        """Of the `i`-th of `samples`."""
        return cls(int(samples.offset[i]), int(samples.position[i]), int(samples.event_time_ns[i]))


class _Event(NamedTuple):
    """One event of a detector's episodes, in plain numbers."""

    sample: int
    phase: AnomalyPhase
    place: Place
    facts: Row
    score: float
    tail: float
    peak_tail: float
    n_anomalous: int
    duration_ns: int


def _read_event(findings: Findings, ordinal: int) -> _Event:
    events = findings.events
    i = int(events.sample[ordinal])
    facts = events.facts[ordinal]
    place = Place.of_sample(findings.samples, i)
    return _Event(
        i,
        PHASES[int(events.phase[ordinal])],
        place,
        facts,
        float(findings.scores.score[i]),
        float(findings.judgement.tail[i]),
        float(facts["peak_tail"]),
        int(facts["n_anomalous"]),
        max(place.event_time_ns - int(facts["started_ns"]), 0),
    )


def _read_value(findings: Findings, i: int) -> tuple[float, float, float]:
    """Value, expected value and scale of the `i`-th sample."""
    scores = findings.scores
    return float(findings.samples.value[i]), float(scores.expected[i]), float(scores.scale[i])


class Reporter:
    """Builds the anomalies of one partition.

    Parameters
    ----------
    topic, partition
        Of the lane.
    config_hash : str
        Hash of the effective configuration.
    """

    def __init__(self, topic: str, partition: int, config_hash: str) -> None:
        self._topic = topic
        self._partition = partition
        self._config_hash = config_hash

    def identify(self, offset: int, position: int, detector: str, kind: AnomalyKind, series: LabelSet) -> str:
        """Id of the anomaly of that kind that the detector raised there."""
        return anomaly_id(self._topic, self._partition, offset, position, detector, kind, series.fingerprint)

    def report_point(self, detector: Detector, findings: Findings, ordinal: int, series: LabelSet, context: Context) -> Anomaly:
        """The anomaly of the `ordinal`-th event of `findings`."""
        told = _read_event(findings, ordinal)
        value, expected, scale = _read_value(findings, told.sample)
        band = measure_band(expected, scale, detector.threshold.band_tail)
        is_scaled = math.isfinite(expected) and scale > 0.0
        bare = (("deviation_scales", abs(value - expected) / scale),) if is_scaled else (("score", told.score),)
        contributors = findings.contributors[ordinal] or bare
        odds = told.score, told.tail, told.peak_tail
        return self._build_scored(
            told,
            detector,
            series,
            value=value,
            band=band,
            contributors=contributors,
            context=context,
            explanation=explain_point(told.phase, series, value, band, *odds, told.n_anomalous, told.duration_ns, contributors),
        )

    def report_vector(
        self,
        detector: Detector,
        findings: Findings,
        ordinal: int,
        series: LabelSet,
        values: Mapping[str, float],
        contributions: Mapping[str, float],
        target: str | None = None,
    ) -> Anomaly:
        """The anomaly of the `ordinal`-th event of what was found in vectors.

        Parameters
        ----------
        series : LabelSet
            Of the group.
        values, contributions : mapping of str to float
            By feature: the vector, NaN = missing; what each adds to the score.
        target : str, optional
            Feature that the anomaly's value and band are of; None = of none.
        """
        told = _read_event(findings, ordinal)
        value, expected, scale = _read_value(findings, told.sample)
        band = NO_BAND if target is None else measure_band(expected, scale, detector.threshold.band_tail)
        # Python's sort is stable: features that add the same stay in the order of the configuration.
        blamed = tuple(sorted(contributions.items(), key=lambda one: -one[1]))
        return self._build_scored(
            told,
            detector,
            series,
            value=value,
            band=band,
            contributors=blamed,
            context=Context(),
            explanation=explain_vector(
                told.phase,
                series,
                values,
                blamed,
                told.score,
                told.tail,
                told.peak_tail,
                told.n_anomalous,
                told.duration_ns,
                target=target,
                band=band,
            ),
        )

    def report_point_evicted(
        self, detector: Detector, facts: Row, place: Place, series: LabelSet, context: Context, idle_ns: int
    ) -> Anomaly:
        """The end of an episode whose series is forgotten."""
        return self._build(
            "point",
            "cleared",
            place,
            detector.settings,
            series,
            model=detector.estimator.name,
            episode_id=self._episode_id(facts, detector.settings, series),
            started_ns=int(facts["started_ns"]),
            peak_tail_probability=float(facts["peak_tail"]),
            n_anomalous=int(facts["n_anomalous"]),
            context=context,
            explanation=explain_eviction(series, idle_ns),
        )

    def report_event(
        self,
        kind: AnomalyKind,
        phase: AnomalyPhase,
        place: Place,
        detector: DetectorSettings,
        series: LabelSet,
        *,
        episode_id: str,
        started_ns: int,
        explanation: str,
        n_anomalous: int = 1,
        context: Context = Context(),
        contributors: Sequence[tuple[str, float]] = (),
        example: str = "",
    ) -> Anomaly:
        """An anomaly that no model has to do with: silence, a new log template."""
        return self._build(
            kind,
            phase,
            place,
            detector,
            series,
            model=NO_MODEL,
            episode_id=episode_id,
            started_ns=started_ns,
            n_anomalous=n_anomalous,
            context=context,
            contributors=tuple(contributors),
            explanation=explanation,
            example=example,
        )

    def _build_scored(
        self,
        told: _Event,
        detector: Detector,
        series: LabelSet,
        *,
        contributors: tuple[tuple[str, float], ...],
        context: Context,
        explanation: str,
        value: float = math.nan,
        band: Band = NO_BAND,
    ) -> Anomaly:
        return self._build(
            "point",
            told.phase,
            told.place,
            detector.settings,
            series,
            model=detector.estimator.name,
            episode_id=self._episode_id(told.facts, detector.settings, series),
            started_ns=int(told.facts["started_ns"]),
            value=value,
            band=band,
            score=told.score,
            tail_probability=told.tail,
            peak_tail_probability=told.peak_tail,
            n_anomalous=told.n_anomalous,
            contributors=contributors,
            context=context,
            explanation=explanation,
        )

    def _episode_id(self, facts: Row, settings: DetectorSettings, series: LabelSet) -> str:
        return self.identify(int(facts["open_offset"]), int(facts["open_position"]), settings.name, "point", series)

    def _build(
        self,
        kind: AnomalyKind,
        phase: AnomalyPhase,
        place: Place,
        settings: DetectorSettings,
        series: LabelSet,
        *,
        model: str,
        episode_id: str,
        started_ns: int,
        explanation: str,
        context: Context,
        n_anomalous: int,
        value: float = math.nan,
        band: Band = NO_BAND,
        score: float = math.nan,
        tail_probability: float = math.nan,
        peak_tail_probability: float = math.nan,
        contributors: tuple[tuple[str, float], ...] = (),
        example: str = "",
    ) -> Anomaly:
        # The opening of an episode gives it its id; everything later stands elsewhere in the log, so its id is another.
        own_id = self.identify(place.offset, place.position, settings.name, kind, series)
        return Anomaly(
            id=episode_id if phase == "opened" else own_id,
            kind=kind,
            phase=phase,
            episode_id=episode_id,
            topic=self._topic,
            partition=self._partition,
            offset=place.offset,
            position=place.position,
            event_time_ns=place.event_time_ns,
            started_ns=started_ns,
            series=series,
            detector=settings.name,
            category=settings.category,
            model=model,
            value=value,
            expected=band.expected,
            lower=band.lower,
            upper=band.upper,
            score=score,
            tail_probability=tail_probability,
            peak_tail_probability=peak_tail_probability,
            n_anomalous=n_anomalous,
            config_hash=self._config_hash,
            contributors=contributors,
            context_time_ns=context.event_time_ns,
            context_value=context.value,
            explanation=explanation,
            runbook=settings.runbook,
            example=example,
        )
