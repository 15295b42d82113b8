"""One detector: a model, a threshold and the episodes of the series that are routed to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from models.base import Fault, FloatColumn, IntColumn, Scores
from models.errors import SnapshotError
from models.state_array import Row
from pipeline.config.model_fit import build_detector_model
from pipeline.config.schema import DetectorSettings
from pipeline.engine.episode import EpisodeEvents, Episodes
from pipeline.engine.threshold import Judgement, Threshold
from pipeline.engine.threshold_kernel import UNKNOWN
from pipeline.errors import StateError
from pipeline.samples.batch import SampleBatch

__all__ = ["NO_ROW", "Detector", "Findings"]

NO_ROW = -1


class Findings(NamedTuple):
    """What a detector found in a batch.

    Attributes
    ----------
    samples : SampleBatch
        Those it looked at.
    given : (B,) int64
        Which ones of those it was given.
    scores : Scores
        Of its model.
    judgement : Judgement
        Of its threshold.
    events : EpisodeEvents
        What became of its episodes; `events.sample` points into `samples`.
    contributors : list of tuple
        Of each event, what the score is made of: names and shares, largest first; empty = the model does not tell.
    """

    samples: SampleBatch
    given: IntColumn
    scores: Scores
    judgement: Judgement
    events: EpisodeEvents
    contributors: list[tuple[tuple[str, float], ...]]


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
        self.estimator = build_detector_model(settings)
        self.threshold = Threshold(settings.threshold, self.estimator)
        self.episodes = Episodes(settings.episode, settings.direction)
        self._row_of: IntColumn = np.full(0, NO_ROW, dtype=np.int64)
        self._is_ready = np.zeros(0, dtype=np.bool_)
        self._n_rows = 0
        self._free_rows: list[int] = []

    @property
    def n_series(self) -> int:
        """Series it scores."""
        return self._n_rows - len(self._free_rows)

    @property
    def n_slots(self) -> int:
        """Slots of the lane that are reserved."""
        return self._row_of.size

    def is_ready(self) -> npt.NDArray[np.bool_]:
        """Per slot of the lane, whether the last sample of its series could have been found anomalous: (S,) bool."""
        is_own: npt.NDArray[np.bool_] = self._row_of != NO_ROW
        is_own[is_own] = self._is_ready[self._row_of[is_own]]
        return is_own

    def are_failing(self) -> npt.NDArray[np.bool_] | None:
        """Per slot of the lane, whether its series cannot be scored because the model raises: (S,) bool; None = none ever is."""
        failing = self.estimator.are_failing()
        if failing is None:
            return None
        is_own: npt.NDArray[np.bool_] = self._row_of != NO_ROW
        is_own[is_own] = failing[self._row_of[is_own]]
        return is_own

    def take_faults(self) -> list[tuple[int, Fault]]:
        """Faults of the model since they were taken last, each with the slot of the first of its series; `NO_ROW` = it is gone."""
        faults = []
        for fault in self.estimator.take_faults():
            slots = np.flatnonzero(self._row_of == fault.slot)
            faults.append((int(slots[0]) if slots.size else NO_ROW, fault))
        return faults

    def row_of(self, slot: int) -> int:
        """Its row for a slot of the lane; `NO_ROW` = not one of its series."""
        return int(self._row_of[slot])

    def has_rows(self, slots: IntColumn) -> npt.NDArray[np.bool_]:
        """Which of `slots` hold series of its own: (N,) bool."""
        has_row: npt.NDArray[np.bool_] = self._row_of[slots] != NO_ROW
        return has_row

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

    def remove(self, slots: IntColumn) -> None:
        """Forget the series in `slots`, as far as they are its own; their rows return to those of series never seen."""
        rows = self._row_of[slots]
        rows = rows[rows != NO_ROW]
        if not rows.size:
            return
        self.estimator.reset(rows)
        self.threshold.reset(rows)
        self.episodes.reset(rows)
        self._is_ready[rows] = False
        self._row_of[slots] = NO_ROW
        self._free_rows += rows.tolist()

    def open_episode_of(self, slot: int) -> Row | None:
        """The episode that is open for the series in `slot`: an EPISODE_ROW; None = there is none."""
        row = self.row_of(slot)
        if row == NO_ROW:
            return None
        facts = self.episodes.get(row)
        return facts if facts["is_open"] else None

    def snapshot(self, start: int, stop: int) -> dict[str, Any]:
        """What it knows of the series in slots from `start` up to `stop`: a dict of arrays and plain values, all copies."""
        slots = np.flatnonzero(self._row_of[start:stop] != NO_ROW) + start
        rows = self._row_of[slots]
        return {
            "slots": slots,
            "estimator": self.estimator.snapshot(rows),
            "threshold": self.threshold.snapshot(rows),
            "episodes": self.episodes.snapshot(rows),
            "is_ready": self._is_ready[rows],
        }

    def fits(self, snapshot: Mapping[str, Any]) -> bool:
        """Whether a snapshot is of a detector with the same model and parameters."""
        estimator = snapshot["estimator"]
        return bool(estimator["model"] == self.estimator.name) and _to_json(estimator["parameters"]) == _to_json(
            self.estimator.parameters
        )

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Take on the series of a snapshot that `fits`; their slots are reserved and not its own yet.

        Raises
        ------
        StateError
            The snapshot is damaged or of another release.
        """
        slots = snapshot["slots"]
        rows = np.arange(self._n_rows, self._n_rows + slots.size)
        self._n_rows += slots.size
        self._reserve(self._n_rows)
        try:
            # Plain values may have been through JSON, which knows no tuples.
            self.estimator.restore(rows, {**snapshot["estimator"], "parameters": dict(self.estimator.parameters)})
        except SnapshotError as error:
            raise StateError(f"detector {self.settings.name}: {error}", code="MODEL_SNAPSHOT") from error
        self.threshold.restore(rows, snapshot["threshold"])
        self.episodes.restore(rows, snapshot["episodes"])
        self._is_ready[rows] = snapshot["is_ready"]
        self._row_of[slots] = rows

    def _reserve(self, n_rows: int) -> None:
        self.estimator.reserve(n_rows)
        self.threshold.reserve(n_rows)
        self.episodes.reserve(n_rows)
        if n_rows > self._is_ready.size:
            is_ready = np.zeros(max(n_rows, 2 * self._is_ready.size), dtype=np.bool_)
            is_ready[: self._is_ready.size] = self._is_ready
            self._is_ready = is_ready

    def score(self, samples: SampleBatch, X: FloatColumn | None = None) -> Findings | None:
        """Score, judge and follow the samples of its series, in order; None when there are none.  Mutates its state.

        Parameters
        ----------
        samples : SampleBatch
            Slots are reserved.
        X : (B, F) float64, optional
            What the model gets to see in place of the values; then all samples must be of its own series.
        """
        rows = self._row_of[samples.slot]
        given = np.arange(rows.size)
        if rows.size and rows.min() == NO_ROW:
            given = np.flatnonzero(rows != NO_ROW)
            samples, rows = samples.select(given), rows[given]
        if not rows.size:
            return None
        scores = Scores.empty(rows.size)
        values = samples.value if X is None else X
        parts = np.empty((rows.size, len(self.estimator.part_names)))
        ready = self.estimator.score_learn_parts(rows, samples.event_time_ns, values, scores, parts)
        judgement = self.threshold.judge(rows, samples.value, scores, ready)
        events = self.episodes.follow(
            rows,
            judgement.verdict,
            samples.event_time_ns,
            samples.offset,
            samples.position,
            samples.value,
            scores,
            judgement.tail,
        )
        # The last sample of a series in the batch is written last.
        self._is_ready[rows] = judgement.verdict != UNKNOWN
        contributors = [self.estimator.share_parts(parts[i]) for i in events.sample.tolist()]
        return Findings(samples, given, scores, judgement, events, contributors)


def _to_json(parameters: Mapping[str, Any]) -> bytes:
    return orjson.dumps(dict(parameters), option=orjson.OPT_SORT_KEYS)
