"""A detector of vectors: groups of series that are scored together, period by period."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from models import registry
from models.base import FloatColumn, IntColumn
from pipeline.config.model_rules import model_parameters
from pipeline.config.schema import DetectorSettings, GroupSettings
from pipeline.engine.detector import Detector, Findings
from pipeline.engine.group_table import GroupTable
from pipeline.engine.report import Place
from pipeline.samples.batch import SampleBatch
from pipeline.samples.labels import LabelSet

__all__ = ["GroupDetector", "GroupFindings"]


class GroupFindings(NamedTuple):
    """What was found in the vectors of one period.

    Attributes
    ----------
    findings : Findings
        Its samples stand for the vectors: slot = number of the group, event time = end of the period, no value.
    vectors : (B, F) float64
        NaN = the feature is missing.
    contributions : dict of int to (F,) float64
        Of the vectors that opened an episode or let it go on: what each feature adds to the score.
    """

    findings: Findings
    vectors: FloatColumn
    contributions: dict[int, FloatColumn]


class GroupDetector:
    """A configured detector with a group, in one lane.

    Parameters
    ----------
    settings : DetectorSettings
        With a group.
    group : GroupSettings
        The group of `settings`.
    ordinal : int
        Place among the configured detectors.

    Attributes
    ----------
    settings, ordinal
        As given.
    detector : Detector
        Scores the vectors; the slots it knows are numbers of groups.
    table : GroupTable
        Makes the vectors.
    """

    def __init__(self, settings: DetectorSettings, group: GroupSettings, ordinal: int) -> None:
        self.settings = settings
        self.ordinal = ordinal
        self.features = tuple(group.features)
        self.detector = Detector(settings, ordinal)
        self.table = GroupTable(settings.name, group)
        # Contributions are those of the model as it was before it learned the vector.
        self._before = registry.build(settings.model.type, model_parameters(settings))

    def add(self, slot: int, series: LabelSet) -> None:
        """Take on the series in `slot` of the lane, which is reserved."""
        group = self.table.add(slot, series)
        if group is not None and not self._has_row(group):
            self.detector.reserve_slots(self.table.n_groups)
            self.detector.add(group)

    def remove(self, slot: int) -> None:
        """Forget the series in `slot` of the lane, and its group when it has none left."""
        group = self.table.remove(slot)
        if group is not None:
            self._forget(group)

    def is_last_of_group(self, slot: int) -> bool:
        """Whether the group of the series in `slot` ends with it."""
        return self.table.is_last_of_group(slot)

    def close(self, watermark_ns: int, place: Place, *, is_told: bool) -> list[GroupFindings]:
        """Score the vectors of the periods that are over, in order of time.

        Parameters
        ----------
        watermark_ns : int
            Of the lane.
        place : Place
            Of the record that moved it; the vectors of the n-th period that ends there stand n positions behind.
        is_told : bool
            False = contributions are not asked for.
        """
        found: list[GroupFindings] = []
        for ordinal, vectors in enumerate(self.table.close(watermark_ns), 1):
            n = vectors.group.size
            samples = SampleBatch(
                vectors.group,
                np.full(n, vectors.end_ns),
                np.full(n, np.nan),
                np.full(n, place.offset),
                np.full(n, place.position + ordinal),
                np.arange(n),
            )
            if is_told:
                rows = np.array([self.detector.row_of(group) for group in vectors.group.tolist()], dtype=np.int64)
                self._before.restore(np.arange(n), self.detector.estimator.snapshot(rows))
            findings = self.detector.score(samples, vectors.values)
            if findings is not None:
                found.append(GroupFindings(findings, vectors.values, self._blame(findings, vectors.values) if is_told else {}))
        return found

    def are_ready(self, slots: IntColumn) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which of `slots` of the lane are of groups whose last vector could have been found anomalous: (N,) bool."""
        groups = self.table.groups_of(slots)
        is_ready = np.append(self.detector.is_ready(), False)
        ready: np.ndarray[Any, np.dtype[np.bool_]] = is_ready[groups]
        return ready

    def snapshot(self) -> dict[str, Any]:
        """Everything, as a dict of arrays and plain values."""
        return {"table": self.table.snapshot(), "detector": self.detector.snapshot(0, self.table.n_groups)}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Take over a snapshot, if it is of the same groups and model; the series of its groups are added next, then `settle`.

        Raises
        ------
        StateError
            The snapshot is damaged or of another release.
        """
        if self.table.fits(snapshot["table"]) and self.detector.fits(snapshot["detector"]):
            self.table.restore(snapshot["table"])
            self.detector.reserve_slots(self.table.n_groups)
            self.detector.restore(snapshot["detector"])

    def settle(self) -> None:
        """Forget the groups that have no series after a restore."""
        for group in self.table.empty_groups():
            self._forget(group)

    def _forget(self, group: int) -> None:
        self.table.forget(group)
        self.detector.remove(np.array([group], dtype=np.int64))

    def _has_row(self, group: int) -> bool:
        return group < self.detector.n_slots and self.detector.row_of(group) >= 0

    def _blame(self, findings: Findings, vectors: FloatColumn) -> dict[int, FloatColumn]:
        model: Any = self._before
        return {i: model.contributions(i, vectors[i]) for i in findings.events.sample.tolist()}
