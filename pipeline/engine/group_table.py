"""Groups of series and the vectors that their samples make, period by period."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from models.base import FloatColumn, IntColumn
from pipeline.clock import NS_PER_SEC
from pipeline.config.schema import GroupSettings
from pipeline.samples.batch import SampleBatch
from pipeline.samples.labels import NAME_LABEL, LabelSet

__all__ = ["GroupTable", "Vectors"]

_NONE = -1


class Vectors(NamedTuple):
    """The vectors of one period, one a group.

    Attributes
    ----------
    end_ns : int
        End of the period, ns UTC.
    group : (G,) int64
        Numbers of the groups, ascending.
    values : (G, F) float64
        NaN = the feature is missing.
    """

    end_ns: int
    group: IntColumn
    values: FloatColumn


class GroupTable:
    """Puts samples of several series together into vectors.

    A group is the series that have the same values of the labels of `by`; a feature is a metric name.  The value of a feature in a
    period is that of its last sample, in order of the log, whose event time lies in the period.  A period is over when the watermark is
    `wait_secs` past its end; a sample that comes later is left out.  A group without any sample in a period has no vector for it.

    Parameters
    ----------
    name : str
        Metric name of the groups' label sets: that of the detector.
    settings : GroupSettings
        Labels, features, periods, what becomes of missing features.
    target : str, optional
        The feature that is predicted.  Its last value never stands in for it, for that would be an error of its own, and without a
        sample of it a group has no vector for the period.

    Examples
    --------
    >>> table = GroupTable("node", GroupSettings(by=["host"], features=["cpu", "mem"], period_secs=60, wait_secs=0))
    >>> table.reserve_slots(2)
    >>> for slot, name in enumerate(["cpu", "mem"]):
    ...     _ = table.add(slot, LabelSet({"__name__": name, "host": "n1"}))
    >>> slots, order = np.array([0, 1, 0]), np.arange(3)
    >>> times = np.array([5, 10, 70]) * 1_000_000_000
    >>> table.take(SampleBatch(slots, times, np.array([0.5, 0.25, 0.75]), order, np.zeros_like(order), order)).tolist()
    [True, True, True]
    >>> [(vectors.end_ns // 10**9, vectors.values.tolist()) for vectors in table.close(130_000_000_000)]
    [(60, [[0.5, 0.25]]), (120, [[0.75, 0.25]])]
    >>> str(table.label_set(0))
    'node{host="n1"}'
    """

    def __init__(self, name: str, settings: GroupSettings, target: str | None = None) -> None:
        self._name = name
        self._settings = settings
        self._target_column = None if target is None else settings.features.index(target)
        self._period_ns = max(round(settings.period_secs * NS_PER_SEC), 1)
        self._wait_ns = round(settings.wait_secs * NS_PER_SEC)
        self._column_of = {feature: column for column, feature in enumerate(settings.features)}
        self._group_of: IntColumn = np.full(0, _NONE, dtype=np.int64)
        self._column_of_slot: IntColumn = np.zeros(0, dtype=np.int64)
        self._number_by_key: dict[tuple[str, ...], int] = {}
        self._label_sets: list[LabelSet | None] = []
        self._n_members: list[int] = []
        self._free: list[int] = []
        # Value and period of every feature's newest sample.
        self._last: FloatColumn = np.zeros((0, len(settings.features)))
        self._last_period: IntColumn = np.zeros((0, len(settings.features)), dtype=np.int64)
        self._open: dict[int, FloatColumn] = {}
        self._n_closed = 0

    @property
    def n_groups(self) -> int:
        """Group numbers ever given out."""
        return len(self._label_sets)

    @property
    def due_ns(self) -> int:
        """Watermark from which the next period is over, ns UTC."""
        return (self._n_closed + 1) * self._period_ns + self._wait_ns

    def label_set(self, group: int) -> LabelSet:
        """Labels of a live group: the detector's name, and the labels its series share.

        Raises
        ------
        KeyError
            There is no such group.
        """
        label_set = self._label_sets[group]
        if label_set is None:
            raise KeyError(group)
        return label_set

    def reserve_slots(self, n_slots: int) -> None:
        """Make slots ``0 .. n_slots-1`` of the lane known; those that are new belong to no group."""
        old = self._group_of.size
        if n_slots > old:
            self._group_of = np.append(self._group_of, np.full(n_slots - old, _NONE, dtype=np.int64))
            self._column_of_slot = np.append(self._column_of_slot, np.zeros(n_slots - old, dtype=np.int64))

    def has_slots(self, slots: IntColumn) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which of `slots` belong to a group: (N,) bool."""
        is_own: np.ndarray[Any, np.dtype[np.bool_]] = self._group_of[slots] != _NONE
        return is_own

    def group_of(self, slot: int) -> int:
        """Group of the series in `slot`; -1 = none."""
        return int(self._group_of[slot])

    def groups_of(self, slots: IntColumn) -> IntColumn:
        """Groups of the series in `slots`: (N,) int64, -1 = none."""
        return self._group_of[slots]

    def is_last_of_group(self, slot: int) -> bool:
        """Whether the series in `slot` is the only one left of its group."""
        group = self.group_of(slot)
        return group != _NONE and self._n_members[group] == 1

    def add(self, slot: int, series: LabelSet) -> int | None:
        """Take on the series in `slot`, which is reserved; the number of its group when that is new."""
        key = self._key_of(series)
        group = self._number_by_key.get(key)
        is_new = group is None
        if group is None:
            group = heapq.heappop(self._free) if self._free else len(self._label_sets)
            labels = LabelSet({NAME_LABEL: self._name, **dict(zip(self._settings.by, key, strict=True))})
            if group == len(self._label_sets):
                self._label_sets.append(labels)
                self._n_members.append(0)
                self._reserve(group + 1)
            self._label_sets[group] = labels
            self._number_by_key[key] = group
        self._n_members[group] += 1
        self._group_of[slot] = group
        self._column_of_slot[slot] = self._column_of[series.name]
        return group if is_new else None

    def remove(self, slot: int) -> int | None:
        """Forget the series in `slot`, if it is in a group; the number of the group when it has none left, to be forgotten next."""
        group = self.group_of(slot)
        if group == _NONE:
            return None
        self._group_of[slot] = _NONE
        self._n_members[group] -= 1
        # What a series that is gone said last stands in for nothing.
        self._last[group, self._column_of_slot[slot]] = np.nan
        return group if self._n_members[group] == 0 else None

    def forget(self, group: int) -> None:
        """Forget a group without series; its number is free for another."""
        del self._number_by_key[self._key_of(self.label_set(group))]
        self._label_sets[group] = None
        self._last[group] = np.nan
        self._last_period[group] = 0
        for values in self._open.values():
            values[group] = np.nan
        heapq.heappush(self._free, group)

    def take(self, samples: SampleBatch) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Put accepted samples into their periods.

        Returns
        -------
        (B,) bool
            Which samples are in a vector to come; the others are of no group, or too late for their period.
        """
        group = self._group_of[samples.slot]
        period = samples.event_time_ns // self._period_ns
        is_taken = (group != _NONE) & (period >= self._n_closed)
        taken = np.flatnonzero(is_taken)
        for one in np.unique(period[taken]).tolist():
            own = taken[period[taken] == one]
            if one not in self._open:
                self._open[one] = np.full_like(self._last, np.nan)
            # Of several samples of one feature the last is written last.
            self._open[one][group[own], self._column_of_slot[samples.slot[own]]] = samples.value[own]
        is_in: np.ndarray[Any, np.dtype[np.bool_]] = is_taken
        return is_in

    def close(self, watermark_ns: int) -> list[Vectors]:
        """End the periods that are over, in order of time; those without any vector are left out."""
        n_closed = max((watermark_ns - self._wait_ns) // self._period_ns, self._n_closed)
        closed: list[Vectors] = []
        for period in sorted(one for one in self._open if one < n_closed):
            values = self._open.pop(period)
            is_seen = np.isfinite(values)
            if self._settings.missing == "last":
                is_held = ~is_seen & (self._last_period >= period - self._settings.hold_periods)
                values = np.where(is_held, self._last, values)
            self._last = np.where(is_seen, values, self._last)
            self._last_period = np.where(is_seen, period, self._last_period)
            is_vector = is_seen.any(axis=1) if self._target_column is None else is_seen[:, self._target_column]
            if self._settings.missing == "skip":
                is_vector &= is_seen.all(axis=1)
            group = np.flatnonzero(is_vector)
            if group.size:
                closed.append(Vectors((period + 1) * self._period_ns, group, np.ascontiguousarray(values[group])))
        self._n_closed = n_closed
        return closed

    def snapshot(self) -> dict[str, Any]:
        """Everything, as a dict of arrays and plain values."""
        return {
            "by": list(self._settings.by),
            "features": list(self._settings.features),
            "labels": [None if one is None else one.to_dict() for one in self._label_sets],
            "n_closed": [self._n_closed, self._period_ns],
            "last": self._last.copy(),
            "last_period": self._last_period.copy(),
            "periods": sorted(self._open),
            "open": [self._open[period].copy() for period in sorted(self._open)],
        }

    def fits(self, snapshot: Mapping[str, Any]) -> bool:
        """Whether a snapshot is of a table with the same labels, features and periods."""
        is_same = (snapshot["by"], snapshot["features"]) == (list(self._settings.by), list(self._settings.features))
        return is_same and bool(snapshot["n_closed"][1] == self._period_ns)

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Take over the groups of a snapshot that `fits`; series are added afterwards, and groups without any removed."""
        self._label_sets = [None if one is None else LabelSet(one) for one in snapshot["labels"]]
        self._n_members = [0] * len(self._label_sets)
        self._number_by_key = {self._key_of(one): group for group, one in enumerate(self._label_sets) if one is not None}
        self._free = [group for group, one in enumerate(self._label_sets) if one is None]
        self._n_closed = int(snapshot["n_closed"][0])
        self._last = snapshot["last"].copy()
        self._last_period = snapshot["last_period"].copy()
        self._open = {period: values.copy() for period, values in zip(snapshot["periods"], snapshot["open"], strict=True)}

    def empty_groups(self) -> list[int]:
        """Groups that have no series, ascending: there may be some after a restore under another configuration."""
        return [group for group, labels in enumerate(self._label_sets) if labels is not None and not self._n_members[group]]

    def _key_of(self, series: LabelSet) -> tuple[str, ...]:
        return tuple(series.get(name) for name in self._settings.by)

    def _reserve(self, n_groups: int) -> None:
        grown = max(n_groups, 2 * len(self._last))
        if n_groups > len(self._last):
            pad = np.full((grown - len(self._last), self._last.shape[1]), np.nan)
            self._last = np.concatenate((self._last, pad))
            self._last_period = np.concatenate((self._last_period, np.zeros(pad.shape, dtype=np.int64)))
            self._open = {period: np.concatenate((values, pad)) for period, values in self._open.items()}
