"""One detector: a model, a threshold and the episodes of the series that are routed to it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models import registry
from models.base import FloatColumn, IntColumn, Scores
from pipeline.config.schema import DetectorSettings
from pipeline.engine.episode import EpisodeEvents, Episodes
from pipeline.engine.threshold import Judgement, Threshold

__all__ = ["NO_ROW", "Columns", "Detector", "Findings"]

NO_ROW = -1


class Columns(NamedTuple):
    """Samples that were accepted, in order.

    Attributes
    ----------
    slot, event_time_ns, offset, position : (B,) int64
        The series' slot in the lane, event time in ns UTC, place in the log.
    value : (B,) float64
        Finite.
    """

    slot: IntColumn
    event_time_ns: IntColumn
    offset: IntColumn
    position: IntColumn
    value: FloatColumn

    def select(self, index: IntColumn) -> Columns:
        """The samples at `index`, in that order."""
        return Columns(*(column[index] for column in self))


class Findings(NamedTuple):
    """What a detector found in a batch.

    Attributes
    ----------
    columns : Columns
        The samples it looked at.
    scores : Scores
        Of its model.
    judgement : Judgement
        Of its threshold.
    events : EpisodeEvents
        What became of its episodes; `index` points into `columns`.
    """

    columns: Columns
    scores: Scores
    judgement: Judgement
    events: EpisodeEvents


class Detector:
    """A configured detector in one lane.

    Its state is dense: a series has a row of its own here, which is not the slot it has in the lane, so that a detector for few
    of many series costs the memory of few.

    Parameters
    ----------
    settings : DetectorSettings
        Of ``topics.yaml``.
    ordinal : int
        Place among the configured detectors.

    Attributes
    ----------
    settings, ordinal
        As given.
    estimator : Estimator
        The model, one row a series.
    threshold : Threshold
        The cut.
    episodes : Episodes
        What is open.

    Raises
    ------
    ParameterError
        The model does not exist or its parameters are wrong (`pipeline.config.load` finds out first).
    """

    def __init__(self, settings: DetectorSettings, ordinal: int) -> None:
        self.settings = settings
        self.ordinal = ordinal
        self.estimator = registry.build(settings.model.type, settings.model.parameters)
        self.threshold = Threshold(settings.threshold, self.estimator)
        self.episodes = Episodes(settings.episode, settings.direction)
        self._row_of: IntColumn = np.full(0, NO_ROW, dtype=np.int64)
        self._expected: FloatColumn = np.zeros(0)
        self._scale: FloatColumn = np.zeros(0)
        self._is_ready = np.zeros(0, dtype=np.bool_)
        self._n_rows = 0
        self._free_rows: list[int] = []

    @property
    def n_series(self) -> int:
        """Series it scores."""
        return self._n_rows - len(self._free_rows)

    @property
    def n_ready(self) -> int:
        """Series whose last sample its model had an opinion about."""
        return int(np.count_nonzero(self._is_ready[: self._n_rows]))

    def row_of(self, slot: int) -> int:
        """Its row for a slot of the lane; `NO_ROW` = not one of its series."""
        return int(self._row_of[slot])

    def latest(self, row: int) -> tuple[float, float]:
        """What the model expected of the series' last sample, and its scale; NaN = no notion."""
        return float(self._expected[row]), float(self._scale[row])

    def reserve_slots(self, n_slots: int) -> None:
        """Make slots ``0 .. n_slots-1`` of the lane known; those that are new belong to no series of its own."""
        if n_slots > self._row_of.size:
            grown = np.full(max(n_slots, 2 * self._row_of.size), NO_ROW, dtype=np.int64)
            grown[: self._row_of.size] = self._row_of
            self._row_of = grown

    def add(self, slot: int) -> None:
        """Take on the series in `slot` of the lane, which is reserved."""
        if self._free_rows:
            row = self._free_rows.pop()
        else:
            row = self._n_rows
            self._n_rows += 1
            self._reserve(self._n_rows)
        self._row_of[slot] = row

    def remove(self, slot: int) -> None:
        """Forget the series in `slot`, if it is one of its own; its row returns to that of a series never seen."""
        row = self.row_of(slot)
        if row == NO_ROW:
            return
        rows = np.array([row], dtype=np.int64)
        self.estimator.reset(rows)
        self.threshold.reset(rows)
        self.episodes.reset(rows)
        self._expected[row] = self._scale[row] = np.nan
        self._is_ready[row] = False
        self._row_of[slot] = NO_ROW
        self._free_rows.append(row)

    def _reserve(self, n_rows: int) -> None:
        self.estimator.reserve(n_rows)
        self.threshold.reserve(n_rows)
        self.episodes.reserve(n_rows)
        if n_rows > self._expected.size:
            capacity = max(n_rows, 2 * self._expected.size)
            self._expected = _grow(self._expected, capacity, np.nan)
            self._scale = _grow(self._scale, capacity, np.nan)
            is_ready = np.zeros(capacity, dtype=np.bool_)
            is_ready[: self._is_ready.size] = self._is_ready
            self._is_ready = is_ready

    def score(self, columns: Columns) -> Findings | None:
        """Score, judge and follow the samples of its series, in order; None when there are none.  Mutates its state."""
        rows = self._row_of[columns.slot]
        if rows.size and rows.min() == NO_ROW:
            index = np.flatnonzero(rows != NO_ROW)
            columns, rows = columns.select(index), rows[index]
        if not rows.size:
            return None
        scores = Scores.empty(rows.size)
        ready = self.estimator.score_learn_many(rows, columns.event_time_ns, columns.value, scores)
        judgement = self.threshold.judge(rows, columns.value, scores, ready)
        events = self.episodes.follow(
            rows,
            judgement.verdict,
            columns.event_time_ns,
            columns.offset,
            columns.position,
            columns.value,
            scores,
            judgement.tail,
        )
        # The last sample of a series in the batch is written last.
        self._expected[rows] = scores.expected
        self._scale[rows] = scores.scale
        self._is_ready[rows] = ready
        return Findings(columns, scores, judgement, events)


def _grow(column: FloatColumn, capacity: int, fill: float) -> FloatColumn:
    grown = np.full(capacity, fill)
    grown[: column.size] = column
    return grown
