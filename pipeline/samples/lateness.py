"""The series clock: per series, which samples are in order, late or duplicates; its usual interval; silence; recent samples.

Rules, in order, for a sample of a series:

1. newer than the newest accepted one: accepted;
2. of the same event time as one of the 8 newest accepted ones: duplicate;
3. older than the newest by more than the lateness: late;
4. older than all of the 8, once there are 8: late, since it cannot be told from a duplicate;
5. else accepted out of order.

Time is the *watermark*, the highest event time taken so far, samples of refused series included: it must go on when all that is new
is refused, or the ceiling would never be let down.  Silence and idleness are looked for after each record that brings the watermark
into another cell of a fixed grid, so that nothing depends on how records were cut into batches.

A gap of the whole feed is nobody's silence: when the sample that ends it belongs to a series that was itself overdue, silence counts
from that sample on.  When the gap alone is longer than ``evict_after_secs``, idleness does too, so that an outage of the producers does
not cost what was learned.

How the lane uses it::

    while start < stop:
        end, idle, silent = clock.take(samples, start, stop, verdicts)   # learns times; ends early when it found something
        ...                                                              # silent: told at once, context of samples up to end
        ...                                                              # idle: score up to end, remember, reset, evict
        start = end
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.state_array import StateArray, as_run
from pipeline.clock import NS_PER_SEC
from pipeline.config.schema import SeriesSettings
from pipeline.errors import StateError
from pipeline.samples import lateness_kernel as kernel
from pipeline.samples.batch import SampleBatch
from pipeline.samples.lateness_kernel import ACCEPTED, DUPLICATE, LATE, NEVER, UNUSABLE

__all__ = ["ACCEPTED", "CLOCK_ROW", "DUPLICATE", "LATE", "NEVER", "UNUSABLE", "Quiet", "SeriesClock", "Verdicts"]

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

_INT64_MAX = 2**63 - 1
_IntColumn = npt.NDArray[np.int64]
_FloatColumn = npt.NDArray[np.float64]


class Verdicts(NamedTuple):
    """What `SeriesClock.take` says of samples.

    Attributes
    ----------
    code : (B,) int8
        `ACCEPTED`, `LATE`, `DUPLICATE` or `UNUSABLE` (0, 1, 2, 3); the last for samples without a slot.
    was_silent : (B,) bool
        The sample ends a silence that was told of.
    """

    code: npt.NDArray[np.int8]
    was_silent: npt.NDArray[np.bool_]

    @classmethod
    def empty(cls, n: int) -> Verdicts:
        """Uninitialised columns for `n` samples."""
        return cls(np.empty(n, dtype=np.int8), np.empty(n, dtype=np.bool_))


class Quiet(NamedTuple):
    """How far `SeriesClock.take` came, and who was found quiet there.

    Attributes
    ----------
    end : int
        First sample that was not looked at.
    idle : (I,) int64
        Slots, ascending, whose newest sample is older than the watermark by more than ``evict_after_secs``.
    silent : (Q,) int64
        Slots, ascending, that have fallen silent; each is told once, until its next sample newer than all others.
    has_looked : bool
        The call ended because of what was seen when the series were looked at: quiet ones, or that the time is due.
    """

    end: int
    idle: _IntColumn
    silent: _IntColumn
    has_looked: bool


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
    >>> clock.reserve(2)
    >>> def samples(slot, *secs):
    ...     order = np.arange(len(secs))
    ...     times = np.array(secs, dtype=np.int64) * 1_000_000_000
    ...     return SampleBatch(np.full(len(secs), slot), times, np.zeros(len(secs)), order, np.zeros_like(order), order)
    >>> verdicts = Verdicts.empty(6)
    >>> clock.take(samples(0, 10, 20, 19, 20, 30, 24), 0, 6, verdicts).end, verdicts.code.tolist()
    (6, [0, 0, 0, 2, 0, 1])
    >>> clock.take(samples(1, 31, 1000, 1001), 0, 3, verdicts).silent.tolist(), clock.watermark_ns
    ([0], 1000000000000)
    """

    def __init__(self, settings: SeriesSettings, lateness_secs: float) -> None:
        self._lateness_ns = _to_ns(lateness_secs)
        self._grid_ns = max(_to_ns(settings.check_interval_secs), 1)
        self._limits = np.array(
            [
                settings.silence_intervals,
                settings.silence_min_secs * NS_PER_SEC,
                settings.silence_min_samples,
                settings.evict_after_secs * NS_PER_SEC,
            ]
        )
        self._rows: StateArray = np.zeros(0, CLOCK_ROW)
        self._time = np.full(4, NEVER, dtype=np.int64)
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
        self._recent_time[slots] = 0
        self._recent_value[slots] = 0.0

    @property
    def watermark_ns(self) -> int:
        """Highest event time taken so far, ns UTC; `NEVER` (-1) at first."""
        return int(self._time[kernel.WATERMARK])

    @property
    def n_silent(self) -> int:
        """Series that are silent now."""
        return int(np.count_nonzero(self.rows["is_silent"]))

    def next_check_ns(self) -> int:
        """Least event time that brings the watermark into another cell of the grid, ns UTC."""
        return (int(self._time[kernel.CELL]) + 1) * self._grid_ns

    def take(self, samples: SampleBatch, start: int, stop: int, verdicts: Verdicts, *, due_ns: int = _INT64_MAX) -> Quiet:
        """Judge samples in order, learn the times of the accepted ones, and look for silence and idleness where that is due.

        Parameters
        ----------
        samples : SampleBatch
            Slots are reserved; -1 = refused: it moves the watermark, no more; less = nothing at all.
        start, stop : int
            Which of them; both at the edge of a record.
        verdicts : Verdicts
            Written for the samples that were looked at.
        due_ns : int
            The first look at a watermark of at least this ends the call as well.
        """
        idle = np.empty(self._n_slots, dtype=np.int64)
        silent = np.empty(self._n_slots, dtype=np.int64)
        n_found = np.empty(3, dtype=np.int64)
        end = kernel.take_many(
            self.rows,
            self._time,
            self._lateness_ns,
            self._grid_ns,
            self._limits,
            due_ns,
            samples.slot,
            samples.event_time_ns,
            samples.row,
            start,
            stop,
            *verdicts,
            idle,
            silent,
            n_found,
        )
        return Quiet(int(end), idle[: n_found[0]], silent[: n_found[1]], bool(n_found[2]))

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

    def context_with(
        self, slot: int, slots: _IntColumn, event_time_ns: _IntColumn, value: _FloatColumn
    ) -> tuple[_IntColumn, _FloatColumn]:
        """Context of a slot as it will be once accepted samples that are not remembered yet are.

        The same whichever way the samples were cut into batches.

        Parameters
        ----------
        slot : int
            Whose.
        slots, event_time_ns : (B,) int64
            The accepted samples, in order, up to the moment asked about.
        value : (B,) float64
            Their values.

        Examples
        --------
        >>> clock = SeriesClock(SeriesSettings(context_samples=8), lateness_secs=0.0)
        >>> clock.reserve(2)
        >>> clock.remember(np.array([1]), np.array([10]), np.array([0.5]))
        >>> times, values = clock.context_with(1, np.array([0, 1]), np.array([11, 12]), np.array([7.0, 0.6]))
        >>> times.tolist(), values.tolist()
        ([10, 12], [0.5, 0.6])
        """
        capacity = self._recent_time.shape[1]
        own = np.flatnonzero(slots == slot)[-capacity:]
        times, values = self.context(slot)
        first = max(times.size + own.size - capacity, 0)
        return np.concatenate((times[first:], event_time_ns[own])), np.concatenate((values[first:], value[own]))

    def last_time_ns(self, slot: int) -> int:
        """Newest accepted event time of a slot, ns UTC; `NEVER` (-1) = none yet."""
        row = self._rows[slot]
        return int(row["ring"][row["n_ring"] - 1]) if row["n_ring"] else NEVER

    def usual_interval_ns(self, slot: int) -> float:
        """Usual interval of a slot, ns; 0 = not known yet."""
        row = self._rows[slot]
        return float(row["interval_ns"] + row["deviation_ns"])

    def snapshot(self, slots: _IntColumn) -> dict[str, StateArray]:
        """What is known of `slots`: ``rows`` (N,) CLOCK_ROW, ``recent_time`` (N, C) int64, ``recent_value`` (N, C) float64; copies."""
        return {"rows": self._rows[slots], "recent_time": self._recent_time[slots], "recent_value": self._recent_value[slots]}

    @property
    def time(self) -> list[int]:
        """The watermark and what else belongs to no single series, as plain integers, for `restore_time`."""
        return [int(one) for one in self._time]

    def restore_time(self, time: Sequence[int]) -> None:
        """Inverse of `time`; the grid may be another now."""
        self._time[:] = time
        if self.watermark_ns != NEVER:
            self._time[kernel.CELL] = self.watermark_ns // self._grid_ns

    def restore(self, slots: _IntColumn, snapshot: Mapping[str, StateArray]) -> None:
        """Put a snapshot into `slots`, which are reserved; where another number of recent samples is kept, the newest of them.

        Raises
        ------
        StateError
            The arrays are not those of a clock (``CLOCK_SNAPSHOT``); nothing is changed.
        """
        rows, times, values = snapshot["rows"], snapshot["recent_time"], snapshot["recent_value"]
        shapes = (rows.shape, times.shape[:1], values.shape) == ((slots.size,), (slots.size,), times.shape)
        if not shapes or (rows.dtype, times.dtype, values.dtype) != (CLOCK_ROW, np.dtype(np.int64), np.dtype(np.float64)):
            raise StateError(
                f"series clock: found arrays {rows.dtype} {rows.shape}, {times.dtype} {times.shape}, {values.dtype} {values.shape}, "
                f"expected {slots.size} rows; the snapshot is damaged or of another release, take an older one",
                code="CLOCK_SNAPSHOT",
            )
        run = as_run(slots)
        self._rows[run] = rows
        capacity = self._recent_time.shape[1]
        if times.shape[1] == capacity:
            self._recent_time[run] = times
            self._recent_value[run] = values
            return
        for slot, row, own_times, own_values in zip(slots.tolist(), rows, times, values, strict=True):
            n_recent = int(row["n_recent"])
            at = np.arange(max(n_recent - min(capacity, own_times.size), 0), n_recent)
            self._rows[slot]["n_recent"] = at.size
            self._recent_time[slot, : at.size] = own_times[at % own_times.size]
            self._recent_value[slot, : at.size] = own_values[at % own_times.size]


def _grow(column: StateArray, n_rows: int) -> StateArray:
    grown = np.zeros((n_rows, *column.shape[1:]), column.dtype)
    grown[: column.shape[0]] = column
    return grown


def _to_ns(secs: float) -> int:
    return min(round(secs * NS_PER_SEC), _INT64_MAX // 4)
