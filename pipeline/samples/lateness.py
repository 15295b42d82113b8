"""The series clock: per series, which samples are in order, late or duplicates; its usual interval; silence; recent samples.

Rules, in order, for a sample of a series:

1. newer than the newest accepted one: accepted;
2. of the same event time as one of the 8 newest accepted ones: duplicate;
3. older than the newest by more than the lateness: late;
4. older than all of the 8, once there are 8: late, since it cannot be told from a duplicate;
5. else accepted out of order.

How the lane uses it, for a stretch of samples in which nothing is evicted::

    verdicts = clock.classify(slots, event_time_ns)          # learns times
    accepted = np.flatnonzero(verdicts.code == ACCEPTED)
    ...                                                      # score; clock.context_at(...) for what is reported
    clock.remember(slots[accepted], event_time_ns[accepted], value[accepted])
    ...                                                      # at a crossing of the grid, with the watermark of then:
    for slot in clock.find_silent(watermark_ns): ...         # clock.context(slot)
    idle = clock.find_idle(watermark_ns); clock.reset(idle); index.evict(idle)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.state_array import StateArray
from pipeline.clock import NS_PER_SEC
from pipeline.config.schema import SeriesSettings
from pipeline.samples import lateness_kernel as kernel
from pipeline.samples.lateness_kernel import ACCEPTED, DUPLICATE, LATE

__all__ = ["ACCEPTED", "CLOCK_ROW", "DUPLICATE", "LATE", "SeriesClock", "Verdicts"]

CLOCK_ROW = np.dtype(
    [
        ("ring", np.int64, (kernel.RING,)),
        ("n_ring", np.int64),
        ("n_samples", np.int64),
        ("n_recent", np.int64),
        ("interval_ns", np.float64),
        ("deviation_ns", np.float64),
        ("is_silent", np.bool_),
    ],
    align=True,
)
"""Of one series: its newest accepted event times, ascending, and how many there are; accepted samples; samples remembered; mean
of its intervals and their mean absolute deviation, ns; whether its silence was noticed and still lasts."""

_IntColumn = npt.NDArray[np.int64]
_FloatColumn = npt.NDArray[np.float64]


class Verdicts(NamedTuple):
    """What `SeriesClock.classify` says.

    Attributes
    ----------
    code : (B,) int8
        `ACCEPTED`, `LATE` or `DUPLICATE` (0, 1, 2).
    was_silent : (B,) bool
        The sample ends a silence that `SeriesClock.find_silent` had told of.
    """

    code: npt.NDArray[np.int8]
    was_silent: npt.NDArray[np.bool_]


class SeriesClock:
    """Event times and recent samples of the series of one partition, one row a slot.

    Parameters
    ----------
    settings : SeriesSettings
        Silence, eviction, samples of context.
    lateness_secs : float
        Of the source topic.

    Notes
    -----
    Memory per slot: 120 bytes, and 16 for each sample of context: 1,144 bytes at the default of 64.

    The *usual interval* of a series is a mean of the intervals between its newest times plus their mean absolute deviation, so that
    an irregular series is given more time than a clockwork one.  The first eight samples give it as a median; later ones move it by
    a 32nd, an interval longer than four usual ones, a gap, counting as four.

    Examples
    --------
    >>> clock = SeriesClock(SeriesSettings(silence_min_samples=3, silence_min_secs=0), lateness_secs=5.0)
    >>> clock.reserve(1)
    >>> times = np.array([10, 20, 19, 20, 30, 24]) * 1_000_000_000
    >>> slots = np.zeros(6, dtype=np.int64)
    >>> clock.classify(slots, times).code.tolist()
    [0, 0, 0, 2, 0, 1]
    >>> clock.find_silent(31_000_000_000).tolist(), clock.find_silent(1_000_000_000_000).tolist()
    ([], [0])
    """

    def __init__(self, settings: SeriesSettings, lateness_secs: float) -> None:
        self._settings = settings
        self._lateness_ns = round(lateness_secs * NS_PER_SEC)
        self._rows: StateArray = np.zeros(0, CLOCK_ROW)
        self._recent_time: StateArray = np.zeros((0, settings.context_samples), np.int64)
        self._recent_value: StateArray = np.zeros((0, settings.context_samples), np.float64)
        self._n_slots = 0

    @property
    def rows(self) -> StateArray:
        """The reserved rows: (S,) CLOCK_ROW, a view."""
        return self._rows[: self._n_slots]

    def reserve(self, n_slots: int) -> None:
        """Make slots ``0 .. n_slots-1`` usable; capacity doubles."""
        if n_slots > self._rows.size:
            capacity = max(n_slots, 2 * self._rows.size)
            self._rows = _grow(self._rows, capacity)
            self._recent_time = _grow(self._recent_time, capacity)
            self._recent_value = _grow(self._recent_value, capacity)
        self._n_slots = max(n_slots, self._n_slots)

    def reset(self, slots: _IntColumn) -> None:
        """Forget what was learned of `slots`."""
        self._rows[slots] = np.zeros(1, CLOCK_ROW)

    def classify(self, slots: _IntColumn, event_time_ns: _IntColumn) -> Verdicts:
        """Judge samples in order and learn the times of the accepted ones.

        Parameters
        ----------
        slots : (B,) int64
            All reserved.
        event_time_ns : (B,) int64
            ns UTC.
        """
        verdicts = Verdicts(np.empty(slots.size, dtype=np.int8), np.empty(slots.size, dtype=np.bool_))
        kernel.classify_many(self._rows, self._lateness_ns, slots, event_time_ns, *verdicts)
        return verdicts

    def remember(self, slots: _IntColumn, event_time_ns: _IntColumn, value: _FloatColumn) -> None:
        """Keep accepted samples as context, the oldest giving way.

        Parameters
        ----------
        slots, event_time_ns : (B,) int64
            Of accepted samples, in order.
        value : (B,) float64
            Their values.
        """
        kernel.remember_many(self._rows, self._recent_time, self._recent_value, slots, event_time_ns, value)

    def context(self, slot: int) -> tuple[_IntColumn, _FloatColumn]:
        """Event times (ns UTC) and values of the samples remembered of a slot, as accepted, the last one last."""
        n_recent, capacity = int(self._rows[slot]["n_recent"]), self._recent_time.shape[1]
        at = np.arange(max(n_recent - capacity, 0), n_recent) % capacity
        return self._recent_time[slot, at], self._recent_value[slot, at]

    def context_at(
        self, index: int, slots: _IntColumn, event_time_ns: _IntColumn, value: _FloatColumn
    ) -> tuple[_IntColumn, _FloatColumn]:
        """Context of sample `index` of accepted samples that are not remembered yet: it last, nothing after it.

        The same whichever way the samples were cut into batches.

        Parameters
        ----------
        index : int
            Which of the samples.
        slots, event_time_ns : (B,) int64
            The accepted samples, in order.
        value : (B,) float64
            Their values.

        Examples
        --------
        >>> clock = SeriesClock(SeriesSettings(context_samples=8), lateness_secs=0.0)
        >>> clock.reserve(2)
        >>> clock.remember(np.array([1]), np.array([10]), np.array([0.5]))
        >>> times, values = clock.context_at(1, np.array([0, 1, 1]), np.array([11, 12, 13]), np.array([7.0, 0.6, 0.7]))
        >>> times.tolist(), values.tolist()
        ([10, 12], [0.5, 0.6])
        """
        capacity = self._recent_time.shape[1]
        own = np.flatnonzero(slots[: index + 1] == slots[index])[-capacity:]
        times, values = self.context(int(slots[index]))
        kept = capacity - own.size
        first = max(times.size - kept, 0)
        return np.concatenate((times[first:], event_time_ns[own])), np.concatenate((values[first:], value[own]))

    def last_time_ns(self, slot: int) -> int:
        """Newest accepted event time of a slot, ns UTC; -1 = none yet."""
        row = self._rows[slot]
        return int(row["ring"][row["n_ring"] - 1]) if row["n_ring"] else -1

    def usual_interval_ns(self, slot: int) -> float:
        """Usual interval of a slot, ns; 0 = not known yet."""
        row = self._rows[slot]
        return float(row["interval_ns"] + row["deviation_ns"])

    def find_silent(self, watermark_ns: int, settings: SeriesSettings | None = None) -> _IntColumn:
        """Slots that have fallen silent, ascending; each is told once, until its next sample newer than all others.

        Parameters
        ----------
        watermark_ns : int
            Highest event time accepted in the partition, ns UTC.
        settings : SeriesSettings, optional
            In place of the clock's own.
        """
        chosen = settings or self._settings
        found = np.empty(self._n_slots, dtype=np.int64)
        n_found = kernel.find_silent(
            self.rows,
            watermark_ns,
            chosen.silence_intervals,
            chosen.silence_min_secs * NS_PER_SEC,
            chosen.silence_min_samples,
            found,
        )
        return found[:n_found]

    def find_idle(self, watermark_ns: int) -> _IntColumn:
        """Slots whose newest sample is older than the watermark by more than ``evict_after_secs``, ascending.

        A slot without any accepted sample is not among them: give slots out only to samples that are then classified.
        """
        found = np.empty(self._n_slots, dtype=np.int64)
        n_found = kernel.find_idle(self.rows, watermark_ns, self._settings.evict_after_secs * NS_PER_SEC, found)
        return found[:n_found]


def _grow(column: StateArray, n_rows: int) -> StateArray:
    grown = np.zeros((n_rows, *column.shape[1:]), column.dtype)
    grown[: column.shape[0]] = column
    return grown
