"""Routing: which detectors a series goes to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from models.base import IntColumn
from pipeline.config.matching import matches
from pipeline.config.schema import DetectorSettings
from pipeline.engine.detector import NO_ROW, Detector, Findings
from pipeline.engine.group_detector import GroupDetector
from pipeline.engine.model_fault import ModelFault
from pipeline.samples.batch import SampleBatch
from pipeline.samples.labels import LabelSet

__all__ = ["Detectors", "choose_detectors"]


def choose_detectors(settings: Sequence[DetectorSettings], topic: str, series: LabelSet) -> list[int]:
    """Ordinals of the detectors that score a series: the first that fits, and those before it that only join in (groups always do).

    Parameters
    ----------
    settings : sequence of DetectorSettings
        In the order of ``topics.yaml``.
    topic : str
        Source topic.
    series : LabelSet
        The series.

    Examples
    --------
    >>> from pipeline.config.schema import Match
    >>> cpu, spare, rest = (
    ...     DetectorSettings(name="cpu", match=Match(name="cpu")),
    ...     DetectorSettings(name="spare", also=True),
    ...     DetectorSettings(name="rest"),
    ... )
    >>> choose_detectors([cpu, spare, rest], "metrics", LabelSet({"__name__": "cpu"}))
    [0]
    >>> choose_detectors([cpu, spare, rest], "metrics", LabelSet({"__name__": "disk"}))
    [1, 2]
    """
    chosen = []
    labels = series.to_dict()
    for ordinal, one in enumerate(settings):
        if matches(one.match, topic, labels) and (one.group is None or series.name in one.group.features):
            chosen.append(ordinal)
            if not one.also and one.group is None:
                break
    return chosen


class Detectors:
    """The detectors of one lane and the series they share.

    Parameters
    ----------
    settings : sequence of DetectorSettings
        In the order of ``topics.yaml``.
    topic : str
        Source topic of the lane.

    Attributes
    ----------
    groups : list of GroupDetector
        Those that score vectors.
    """

    def __init__(self, settings: Sequence[DetectorSettings], topic: str) -> None:
        self._settings = tuple(settings)
        self._topic = topic
        self._detectors = [Detector(one, ordinal) for ordinal, one in enumerate(settings) if one.group is None]
        self.groups = [GroupDetector(one, one.group, ordinal) for ordinal, one in enumerate(settings) if one.group is not None]
        both: list[Detector | GroupDetector] = [*self._detectors, *self.groups]
        self._by_ordinal = {one.ordinal: one for one in both}
        self._is_routed = np.zeros(0, dtype=np.bool_)
        self._is_scored = np.zeros(0, dtype=np.bool_)

    def __iter__(self) -> Iterator[Detector]:
        return iter(self._detectors)

    @property
    def model_hash(self) -> str:
        """Hash of every model with its parameters: 16 hex digits, the same in every process."""
        detectors = [*self._detectors, *(group.detector for group in self.groups)]
        models = [[one.settings.name, one.estimator.name, dict(one.estimator.parameters)] for one in detectors]
        return hashlib.blake2b(orjson.dumps(models, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()

    @property
    def routing_hash(self) -> str:
        """Hash of what decides which series go to which detectors: 16 hex digits."""
        # What is predicted decides no route.
        rules = [
            one.model_dump(include={"name", "match", "also", "group"}, exclude={"group": {"target"}}) for one in self._settings
        ]
        return hashlib.blake2b(orjson.dumps([self._topic, rules], option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()

    def snapshot(self, start: int, stop: int) -> dict[str, Any]:
        """What the detectors know of the series in slots from `start` up to `stop`, by name."""
        return {detector.settings.name: detector.snapshot(start, stop) for detector in self._detectors}

    def restore(
        self, snapshot: Mapping[str, Any], slots: IntColumn, labels_in: Callable[[int], LabelSet], *, is_routing_same: bool
    ) -> None:
        """Take on series; detectors that are new, or whose model is another now, begin anew.

        Parameters
        ----------
        snapshot : mapping
            Of `snapshot`.
        slots : (N,) int64
            The live slots it is about, reserved and not routed yet.
        labels_in : callable
            Slot → labels of its series.
        is_routing_same : bool
            Series go to the same detectors as when it was taken, by name.
        """
        for detector in self._detectors:
            own = snapshot.get(detector.settings.name)
            if own is not None and detector.fits(own):
                detector.restore(own)
        self._is_routed[slots] = True
        is_known = is_routing_same and all(
            one.settings.name in snapshot and one.fits(snapshot[one.settings.name]) for one in self._detectors
        )
        if not is_known:
            chosen = [choose_detectors(self._settings, self._topic, labels_in(slot)) for slot in slots.tolist()]
            for detector in self._detectors:
                is_own = np.array([detector.ordinal in ordinals for ordinals in chosen], dtype=np.bool_)
                has_row = detector.has_rows(slots)
                detector.remove(slots[has_row & ~is_own])
                for slot in slots[is_own & ~has_row].tolist():
                    detector.add(slot)
        self._is_scored[slots] = False
        for detector in self._detectors:
            self._is_scored[slots] |= detector.has_rows(slots)

    def snapshot_groups(self) -> dict[str, Any]:
        """What the detectors of groups know, by name."""
        return {group.settings.name: group.snapshot() for group in self.groups}

    def restore_groups(self, snapshot: Mapping[str, Any], series: Iterable[tuple[int, LabelSet]]) -> None:
        """Take over what `snapshot_groups` gave, after the series themselves; `series` are all that are live."""
        if not self.groups:
            return
        for group in self.groups:
            if group.settings.name in snapshot:
                group.restore(snapshot[group.settings.name])
        for slot, labels in series:
            for ordinal in choose_detectors(self._settings, self._topic, labels):
                chosen = self._by_ordinal[ordinal]
                if isinstance(chosen, GroupDetector):
                    chosen.add(slot, labels)
                    self._is_scored[slot] = True
        for group in self.groups:
            group.settle()

    def reserve(self, n_slots: int) -> None:
        """Make slots ``0 .. n_slots-1`` of the lane known; those that are new are not routed."""
        if n_slots <= self._is_routed.size:
            return
        capacity = max(n_slots, 2 * self._is_routed.size, 64)
        self._is_routed = _grow(self._is_routed, capacity)
        self._is_scored = _grow(self._is_scored, capacity)
        for detector in self._detectors:
            detector.reserve_slots(capacity)
        for group in self.groups:
            group.table.reserve_slots(capacity)

    def is_routed(self, slot: int) -> bool:
        """Whether the series in `slot` was given to its detectors."""
        return bool(self._is_routed[slot])

    def route(self, slot: int, series: LabelSet) -> None:
        """Give the new series in `slot`, which is reserved, to its detectors."""
        chosen = choose_detectors(self._settings, self._topic, series)
        for ordinal in chosen:
            one = self._by_ordinal[ordinal]
            if isinstance(one, GroupDetector):
                one.add(slot, series)
            else:
                one.add(slot)
        self._is_routed[slot] = True
        self._is_scored[slot] = bool(chosen)

    def remove(self, slots: IntColumn) -> None:
        """Forget the series in `slots` everywhere."""
        for detector in self._detectors:
            detector.remove(slots)
        for slot in slots.tolist() if self.groups else ():
            self.remove_from_groups(slot)
        self._is_routed[slots] = False
        self._is_scored[slots] = False

    def remove_from_groups(self, slot: int) -> None:
        """Take the series in `slot` out of its groups, if that was not done already."""
        for group in self.groups:
            group.remove(slot)

    def detectors_of(self, slot: int) -> list[Detector]:
        """Detectors that score the series in `slot`, in order."""
        return [detector for detector in self._detectors if detector.row_of(slot) != NO_ROW]

    def absence_ordinal_of(self, slot: int) -> int | None:
        """Ordinal of the first of them that reports silence, those of groups last; None = none does."""
        own = (detector.ordinal for detector in self.detectors_of(slot) if detector.settings.absence)
        grouped = (group.ordinal for group in self.groups if group.settings.absence and group.table.group_of(slot) >= 0)
        return next(own, next(grouped, None))

    def are_scored(self, slots: IntColumn) -> npt.NDArray[np.bool_]:
        """Which of `slots` (routed) have a detector: (B,) bool."""
        return self._is_scored[slots]

    def take_into_groups(self, samples: SampleBatch) -> npt.NDArray[np.bool_]:
        """Put accepted samples into the vectors of their groups; which ones only a group is for, whose period is over: (B,) bool."""
        is_over = self._is_scored[samples.slot]
        for detector in self._detectors:
            is_over &= ~detector.has_rows(samples.slot)
        for group in self.groups:
            is_over &= ~group.table.take(samples)
        return is_over

    def take_faults(self, labels_in: Callable[[int], LabelSet]) -> list[ModelFault]:
        """Faults of the models since they were taken last, in order of detectors; `labels_in` tells the labels of a slot's series."""
        faults = [
            ModelFault(detector.settings.name, None if slot == NO_ROW else str(labels_in(slot)), fault)
            for detector in self._detectors
            for slot, fault in detector.take_faults()
        ]
        return faults + [fault for group in self.groups for fault in group.take_faults()]

    def count_failing(self) -> dict[str, int]:
        """Series that cannot be scored because a model raises, by detector, those without any left out."""
        slots = np.arange(self._is_scored.size)
        failing = {detector.settings.name: detector.are_failing() for detector in self._detectors}
        failing |= {group.settings.name: group.are_failing(slots) for group in self.groups}
        counts = {name: int(np.count_nonzero(one)) for name, one in failing.items() if one is not None}
        return {name: n for name, n in counts.items() if n}

    def count_ready(self) -> tuple[int, int]:
        """Series that have a detector, and those of them about whose last sample at least one detector could say something."""
        is_ready = np.zeros(self._is_scored.size, dtype=np.bool_)
        for detector in self._detectors:
            is_ready |= detector.is_ready()[: is_ready.size]
        slots = np.arange(is_ready.size)
        for group in self.groups:
            is_ready |= group.are_ready(slots)
        return int(np.count_nonzero(self._is_scored)), int(np.count_nonzero(is_ready))

    def score(self, samples: SampleBatch) -> list[tuple[Detector, Findings]]:
        """Let every detector look at the samples of its series; those without any are left out."""
        found = []
        for detector in self._detectors:
            findings = detector.score(samples)
            if findings is not None:
                found.append((detector, findings))
        return found


def _grow(column: npt.NDArray[np.bool_], n_slots: int) -> npt.NDArray[np.bool_]:
    grown = np.zeros(n_slots, dtype=np.bool_)
    grown[: column.size] = column
    return grown
