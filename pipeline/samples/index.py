"""The series index of one partition: series key → slot, by exact equality of labels."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from pipeline.codecs.base import SeriesKey
from pipeline.codecs.key_slices import KeySlices
from pipeline.errors import RecordError, SampleError, StateError
from pipeline.samples.key_table import MAX_CACHED_KEY_BYTES, MAX_SPELLINGS, KeyTable
from pipeline.samples.labels import LabelSet

__all__ = ["BAD_LABELS", "REFUSED", "UNKNOWN", "SeriesIndex"]

REFUSED = -1
"""In place of a slot: the ceiling of live series is reached."""

BAD_LABELS = -2
"""In place of a slot: the labels cannot be used; `SeriesIndex.error_of` says why."""

UNKNOWN = -3
"""In place of a slot: the key was not seen before."""

LabelsOf = Callable[[SeriesKey], Mapping[str, str]]


class SeriesIndex:
    """Gives each series a slot: the lowest that is free, in order of first appearance.

    A key that was seen before costs one lookup, of `KeySlices` without an object per key.  An unseen one is parsed into its
    `LabelSet`, so that two spellings of one label set share a slot; up to 8 spellings of a series are remembered, none longer
    than 8 KiB.

    Parameters
    ----------
    max_series : int
        Ceiling of live series.
    default_labels : mapping of str to str, optional
        Labels given to every series that lacks them.

    Notes
    -----
    Memory per series: some 300 bytes for a handful of labels, plus its raw spellings.

    Examples
    --------
    >>> index = SeriesIndex(2, {"region": "eu"})
    >>> def labels_of(key):
    ...     return {"__name__": key.strip()}
    >>> keys = ["cpu", " cpu", "mem", "disk", ""]
    >>> slots = index.find_slots(keys)
    >>> slots.tolist(), index.open_slots(keys, slots, 0, 5, labels_of), slots.tolist()
    ([-3, -3, -3, -3, -3], None, [0, 0, 1, -1, -2])
    >>> str(index.label_set(1)), index.error_of("").code
    ('mem{region="eu"}', 'LABELS_NO_NAME')
    >>> index.evict([0])
    >>> index.find_slots(["cpu", "mem"]).tolist()
    [-3, 1]
    """

    def __init__(self, max_series: int, default_labels: Mapping[str, str] | None = None) -> None:
        self._max_series = max_series
        self._default_labels = dict(default_labels or {})
        self._slot_by_key: dict[SeriesKey, int] = {}
        # Label sets as their canonical bytes: of those the collector knows nothing, and a million are found again in no time.
        self._slot_by_labels: dict[bytes, int] = {}
        self._labels: list[bytes | None] = []
        self._keys_by_slot: dict[int, list[SeriesKey]] = {}
        # None = still to be looked for.
        self._free: list[int] | None = []
        self._errors: dict[SeriesKey, RecordError] = {}
        self._table = KeyTable()

    @property
    def n_live(self) -> int:
        """Series that have a slot."""
        return len(self._slot_by_labels)

    @property
    def n_slots(self) -> int:
        """Slots ever given out: what per-slot columns must have rows for."""
        return len(self._labels)

    def find_slots(self, keys: Sequence[SeriesKey]) -> npt.NDArray[np.int64]:
        """Slots of series keys: (M,) int64, `UNKNOWN` for those not seen before."""
        if isinstance(keys, KeySlices):
            return self._table.find(keys)
        return np.fromiter(map(self._slot_by_key.get, keys, repeat(UNKNOWN)), dtype=np.int64, count=len(keys))

    def open_slots(
        self, keys: Sequence[SeriesKey], slots: npt.NDArray[np.int64], start: int, stop: int, labels_of: LabelsOf
    ) -> None:
        """Give the series of unknown keys a slot, in order of appearance.

        Parameters
        ----------
        keys : sequence of M
            Series keys.
        slots : (M,) int64, mutated
            `UNKNOWN` ones from `start` up to `stop` become slots, `REFUSED` or `BAD_LABELS`.
        start, stop : int
            Which of them.
        labels_of : callable
            Series key → labels with ``__name__``; raises RecordError for labels that cannot be used.
        """
        self._errors = {}
        refused: set[SeriesKey] = set()
        slot_by_key = {} if isinstance(keys, KeySlices) else self._slot_by_key
        for i in (np.flatnonzero(slots[start:stop] == UNKNOWN) + start).tolist():
            key = keys[i]
            # Known by now: an earlier one of this batch.
            slot = slot_by_key.get(key, UNKNOWN)
            if slot == UNKNOWN and key in self._errors:
                slot = BAD_LABELS
            elif slot == UNKNOWN and key in refused:
                slot = REFUSED
            elif slot == UNKNOWN:
                slot = self._resolve(key, labels_of)
                if slot == REFUSED:
                    refused.add(key)
                elif slot >= 0 and isinstance(keys, KeySlices):
                    slot_by_key[key] = slot
                    self._table.add(keys, i, slot, self.n_live)
                elif slot >= 0:
                    self._remember_spelling(key, slot)
            slots[i] = slot

    def error_of(self, key: SeriesKey) -> RecordError:
        """Why a key of the last `open_slots` has no usable labels.

        Raises
        ------
        KeyError
            It was not `BAD_LABELS` there.
        """
        return self._errors[key]

    def label_set(self, slot: int) -> LabelSet:
        """Labels of a live slot.

        Raises
        ------
        KeyError
            The slot is free or was never given out.
        """
        return LabelSet.from_json(self._labels_in(slot))

    def complete(self, labels: Mapping[str, str]) -> LabelSet:
        """The label set of given labels, with the default ones where they are missing.

        Raises
        ------
        SampleError
            As `LabelSet`.
        """
        return LabelSet({**self._default_labels, **{name: value for name, value in labels.items() if value != ""}})

    def find(self, label_set: LabelSet) -> int | None:
        """Slot of a label set; None when it has none."""
        return self._slot_by_labels.get(label_set.to_json())

    def __iter__(self) -> Iterator[tuple[int, LabelSet]]:
        """Live slots and their label sets, in order of slots."""
        return ((slot, LabelSet.from_json(labels)) for slot, labels in enumerate(self._labels) if labels is not None)

    def evict(self, slots: Sequence[int] | npt.NDArray[np.int64]) -> None:
        """Forget series; their slots are free for others.

        Raises
        ------
        KeyError
            A slot is not live; those before it in `slots` are forgotten.
        """
        for slot in map(int, slots):
            del self._slot_by_labels[self._labels_in(slot)]
            for key in self._keys_by_slot.pop(slot, ()):
                del self._slot_by_key[key]
            self._labels[slot] = None
            self._table.forget(slot)
            if self._free is not None:
                heapq.heappush(self._free, slot)

    def snapshot(self, start: int, stop: int) -> dict[str, npt.NDArray[Any]]:
        """Series in slots from `start` up to `stop`.

        Returns
        -------
        dict
            ``slots`` (N,) int64, ascending; ``labels`` (B,) uint8, `LabelSet.to_json` of each one after another; ``n_bytes`` (N,) int64
            of each.

        Examples
        --------
        >>> index = SeriesIndex(2)
        >>> index.open_slots(["cpu"], index.find_slots(["cpu"]), 0, 1, lambda key: {"__name__": key})
        >>> snapshot = index.snapshot(0, 10)
        >>> snapshot["slots"].tolist(), bytes(snapshot["labels"]), snapshot["n_bytes"].tolist()
        ([0], b'[["__name__","cpu"]]', [20])
        """
        own = self._labels[start:stop]
        raw = [labels for labels in own if labels is not None]
        return {
            "slots": np.array([slot for slot, labels in enumerate(own, start) if labels is not None], dtype=np.int64),
            "labels": np.frombuffer(b"".join(raw), dtype=np.uint8),
            "n_bytes": np.array(list(map(len, raw)), dtype=np.int64),
        }

    def clear(self, n_slots: int) -> None:
        """Forget everything; so many slots have been given out then, and all are free."""
        self._labels = [None] * n_slots
        self._slot_by_labels = {}
        self._slot_by_key = {}
        self._keys_by_slot = {}
        self._free = None
        self._errors = {}
        self._table = KeyTable()

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take over series into slots that are free; spellings are learned anew.

        Parameters
        ----------
        snapshot : mapping
            As `snapshot` gives it.

        Raises
        ------
        StateError
            A slot was not given out or is taken, a series is there already (``SERIES_INDEX``), or it is no such snapshot; the index is
            of no use then.
        """
        slots, labels = _read_series(snapshot)
        n_before = self.n_live
        for slot, own in zip(slots, labels, strict=True):
            if not 0 <= slot < self.n_slots or self._labels[slot] is not None:
                raise StateError(
                    f"series index: slot {slot} of {LabelSet.from_json(own)} is out of range or taken; expected a free one below "
                    f"{self.n_slots}; the snapshot is damaged, take an older one",
                    code="SERIES_INDEX",
                )
            self._labels[slot] = own
        self._slot_by_labels.update(zip(labels, slots, strict=True))
        if self.n_live != n_before + len(slots):
            raise StateError(
                f"series index: found {n_before + len(slots) - self.n_live} series twice, expected each once; the snapshot is damaged, "
                "take an older one",
                code="SERIES_INDEX",
            )
        self._free = None

    def _labels_in(self, slot: int) -> bytes:
        own = self._labels[slot] if 0 <= slot < len(self._labels) else None
        if own is None:
            raise KeyError(slot)
        return own

    def _resolve(self, key: SeriesKey, labels_of: LabelsOf) -> int:
        try:
            labels = self.complete(labels_of(key))
        except RecordError as error:
            self._errors[key] = error
            return BAD_LABELS
        own = labels.to_json()
        slot = self._slot_by_labels.get(own)
        if slot is None:
            if len(self._slot_by_labels) >= self._max_series:
                return REFUSED
            slot = self._open(own)
        return slot

    def _open(self, labels: bytes) -> int:
        if self._free is None:
            self._free = [slot for slot, own in enumerate(self._labels) if own is None]
        if self._free:
            slot = heapq.heappop(self._free)
            self._labels[slot] = labels
        else:
            slot = len(self._labels)
            self._labels.append(labels)
        self._slot_by_labels[labels] = slot
        return slot

    def _remember_spelling(self, key: SeriesKey, slot: int) -> None:
        if isinstance(key, bytes | str) and len(key) > MAX_CACHED_KEY_BYTES:
            return
        keys = self._keys_by_slot.setdefault(slot, [])
        if len(keys) >= MAX_SPELLINGS:
            del self._slot_by_key[keys.pop(0)]
        keys.append(key)
        self._slot_by_key[key] = slot


def _read_series(snapshot: Mapping[str, npt.NDArray[Any]]) -> tuple[list[int], list[bytes]]:
    """Slots of a snapshot and, one for each, canonical bytes of label sets."""
    try:
        slots: list[int] = snapshot["slots"].astype(np.int64, casting="safe").tolist()
        labels = _read_labels(snapshot)
        if len(slots) != len(labels):
            raise ValueError(f"found {len(slots)} slots and {len(labels)} label sets")
    except (ValueError, TypeError, KeyError, AttributeError, SampleError) as error:
        raise StateError(
            f"series index: {error}; expected slots and as many label sets; the snapshot is damaged, take an older one",
            code="SERIES_INDEX",
        ) from error
    return slots, labels


def _read_labels(snapshot: Mapping[str, npt.NDArray[Any]]) -> list[bytes]:
    raw = snapshot["labels"].tobytes()
    if "n_bytes" not in snapshot:
        # The first version: objects in a list.
        return [LabelSet(labels).to_json() for labels in orjson.loads(raw)]
    ends = np.cumsum(snapshot["n_bytes"]).tolist()
    if (ends[-1] if ends else 0) != len(raw):
        raise ValueError(f"found {len(raw)} bytes of labels")
    return [raw[start:end] for start, end in zip([0, *ends], ends, strict=False)]
