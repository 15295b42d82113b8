"""A detector of vectors: groups of series that are scored together, period by period."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from models.base import FloatColumn, IntColumn
from models.filters.filter import find_core
from pipeline.config.model_fit import build_detector_model, order_columns
from pipeline.config.schema import DetectorSettings, GroupSettings
from pipeline.engine.detector import Detector, Findings
from pipeline.engine.group_table import GroupTable
from pipeline.engine.model_fault import ModelFault
from pipeline.engine.report import Place
from pipeline.samples.batch import SampleBatch
from pipeline.samples.labels import LabelSet

__all__ = ["GroupDetector", "GroupFindings"]


class GroupFindings(NamedTuple):
    """What was found in the vectors of one period.

    Attributes
    ----------
    findings : Findings
        Its samples stand for the vectors: slot = number of the group, event time = end of the period, value = that of the target,
        NaN where there is none.
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
    target : str or None
        The feature that is predicted, or that the model looks at alone; None = all are alike.
    """

    def __init__(self, settings: DetectorSettings, group: GroupSettings, ordinal: int) -> None:
        self.settings = settings
        self.ordinal = ordinal
        self.features = tuple(group.features)
        self.detector = Detector(settings, ordinal)
        columns = order_columns(group)
        is_of_one = self.detector.estimator.n_features < len(columns)
        self.target = columns[0] if is_of_one or self.detector.estimator.has_target else None
        self._columns = np.array([self.features.index(name) for name in (columns[:1] if is_of_one else columns)])
        self.table = GroupTable(settings.name, group, self.target)
        # Contributions are those of the model as it was before it learned the vector.
        self._before = build_detector_model(settings)
        self._is_copied = bool(getattr(find_core(self._before), "has_fixed_size", True))

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
            X = np.ascontiguousarray(vectors.values[:, self._columns])
            samples = SampleBatch(
                vectors.group,
                np.full(n, vectors.end_ns),
                np.full(n, np.nan) if self.target is None else X[:, 0].copy(),
                np.full(n, place.offset),
                np.full(n, place.position + ordinal),
                np.arange(n),
            )
            blame = self._prepare_blame(vectors.group, X) if is_told else _blame_nobody
            findings = self.detector.score(samples, X)
            if findings is not None:
                events = findings.events.sample.tolist() if is_told else []
                blamed = {i: self._spread(blame(i), findings.scores.score[i]) for i in events}
                found.append(GroupFindings(findings, vectors.values, blamed))
        return found

    def are_ready(self, slots: IntColumn) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which of `slots` of the lane are of groups whose last vector could have been found anomalous: (N,) bool."""
        groups = self.table.groups_of(slots)
        is_ready = np.append(self.detector.is_ready(), False)
        ready: np.ndarray[Any, np.dtype[np.bool_]] = is_ready[groups]
        return ready

    def are_failing(self, slots: IntColumn) -> np.ndarray[Any, np.dtype[np.bool_]] | None:
        """Which of `slots` of the lane are of groups that cannot be scored because the model raises: (N,) bool; None = none ever is."""
        failing = self.detector.are_failing()
        if failing is None:
            return None
        is_failing: np.ndarray[Any, np.dtype[np.bool_]] = np.append(failing, False)[self.table.groups_of(slots)]
        return is_failing

    def take_faults(self) -> list[ModelFault]:
        """Faults of the model since they were taken last."""
        return [
            ModelFault(self.settings.name, None if group < 0 else str(self.table.label_set(group)), fault)
            for group, fault in self.detector.take_faults()
        ]

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

    def _prepare_blame(self, groups: IntColumn, X: FloatColumn) -> Callable[[int], FloatColumn]:
        """What tells, of a vector that has been learned since, what each column adds to its score: by the model as it was before."""
        if self._columns.size == 1:
            return _blame_nobody
        rows = np.array([self.detector.row_of(group) for group in groups.tolist()], dtype=np.int64)
        if self._is_copied:
            self._before.restore(np.arange(rows.size), self.detector.estimator.snapshot(rows))
            before: Any = self._before
            return lambda i: before.contributions(i, X[i])
        # To ask every time costs less than to copy a model whose state is text.
        model: Any = self.detector.estimator
        told = [model.contributions(row, X[i]) for i, row in enumerate(rows.tolist())]
        return lambda i: told[i]

    def _spread(self, blamed: FloatColumn, score: float) -> FloatColumn:
        """Contributions by feature; of one feature there is nobody else to blame."""
        spread = np.zeros(len(self.features))
        spread[self._columns] = score if self._columns.size == 1 else blamed
        return spread


def _blame_nobody(_: int) -> FloatColumn:
    return np.zeros(0)
