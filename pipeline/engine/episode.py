"""Episodes: a run of anomalous samples of one series under one detector is one thing, not many."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.base import FloatColumn, IntColumn, Scores
from models.state_array import StateArray
from pipeline.clock import NS_PER_SEC
from pipeline.config.schema import EpisodeSettings
from pipeline.engine import episode_kernel as kernel
from pipeline.engine.anomaly import AnomalyPhase
from pipeline.engine.state_rows import StateRows

__all__ = ["EPISODE_ROW", "PHASES", "EpisodeEvents", "Episodes"]

EPISODE_ROW = np.dtype(
    [
        ("is_open", np.bool_),
        ("n_anomalous", np.int64),
        ("n_normal", np.int64),
        ("n_folded", np.int64),
        ("started_ns", np.int64),
        ("reported_ns", np.int64),
        ("open_offset", np.int64),
        ("open_position", np.int64),
        ("peak_tail", np.float64),
    ],
    align=True,
)
"""Of one series: whether an episode is open; anomalous samples of it (or of the run that may open one) and normal ones in a row since;
anomalous ones not published since the last that was; event times of the first anomalous sample and of the last published one; where
the sample stood that opened it; smallest tail probability so far."""

PHASES: tuple[AnomalyPhase, ...] = ("opened", "continued", "cleared")
"""By the kernel's phase code."""

_SIDES = {"both": kernel.BOTH, "above": kernel.ABOVE, "below": kernel.BELOW}
_INT64_MAX = np.iinfo(np.int64).max


class EpisodeEvents(NamedTuple):
    """What a batch did to the episodes, in order of the samples.

    Attributes
    ----------
    sample : (E,) int64
        Sample of the batch that made it happen.
    phase : (E,) int64
        Index into `PHASES`.
    facts : (E,) EPISODE_ROW
        The episode at that moment.
    n_folded, n_wrong_side : int
        Anomalous samples of the batch that were counted only, and those on the side that does not count.
    """

    sample: IntColumn
    phase: IntColumn
    facts: StateArray
    n_folded: int
    n_wrong_side: int

    @property
    def n_reported(self) -> int:
        """Anomalous samples of the batch that are published."""
        return int(np.count_nonzero(self.phase != kernel.CLEARED))


class Episodes(StateRows):
    """Episodes of many series under one detector, one row a slot.

    Parameters
    ----------
    settings : EpisodeSettings
        Samples in a row that open and clear, event time between repeats.
    direction : {"both", "above", "below"}
        Side of the expected value that counts.  Where a model expects nothing every side counts: doubt never silences.

    Examples
    --------
    >>> episodes = Episodes(EpisodeSettings(clear_after_samples=1), "both")
    >>> episodes.reserve(1)
    >>> zeros = np.zeros(3, dtype=np.int64)
    >>> verdicts = np.array([2, 2, 1], dtype=np.int8)
    >>> events = episodes.follow(zeros, verdicts, zeros, zeros, zeros, np.zeros(3), Scores.empty(3), np.ones(3))
    >>> [PHASES[phase] for phase in events.phase], events.n_folded
    (['opened', 'cleared'], 1)
    """

    def __init__(self, settings: EpisodeSettings, direction: str) -> None:
        self._settings = np.array(
            [
                settings.open_after_samples,
                settings.clear_after_samples,
                min(round(settings.repeat_secs * NS_PER_SEC), int(_INT64_MAX)),
                _SIDES[direction],
            ],
            dtype=np.int64,
        )
        super().__init__(EPISODE_ROW, "EPISODE_ROW")

    @property
    def n_open(self) -> int:
        """Episodes open now."""
        return int(np.count_nonzero(self._rows["is_open"]))

    def follow(
        self,
        slots: IntColumn,
        judgement: npt.NDArray[np.int8],
        event_time_ns: IntColumn,
        offset: IntColumn,
        position: IntColumn,
        value: FloatColumn,
        scores: Scores,
        tail: FloatColumn,
    ) -> EpisodeEvents:
        """Follow every series through a batch.  Mutates the rows.

        Parameters
        ----------
        slots : (B,) int64
            All reserved.
        judgement : (B,) int8
            Of `Threshold.judge`: 0 unknown (changes nothing), 1 normal, 2 anomalous.
        event_time_ns, offset, position : (B,) int64
            Of each sample.
        value : (B,) float64
            The samples.
        scores : Scores of length B
            What was expected decides on which side a sample is.
        tail : (B,) float64
            Tail probabilities.
        """
        n = slots.size
        index = np.empty(n, dtype=np.int64)
        phase = np.empty(n, dtype=np.int64)
        facts = np.empty(n, dtype=EPISODE_ROW)
        counts = np.zeros(2, dtype=np.int64)
        n_events = kernel.follow_many(
            self._rows,
            self._settings,
            slots,
            judgement,
            event_time_ns,
            offset,
            position,
            value,
            scores.expected,
            tail,
            index,
            phase,
            facts,
            counts,
        )
        return EpisodeEvents(index[:n_events], phase[:n_events], facts[:n_events], int(counts[0]), int(counts[1]))
