"""The series index against a plain dict of label sets."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.codecs.base import SeriesKey
from pipeline.errors import SampleError, StateError
from pipeline.samples.index import BAD_LABELS, MAX_CACHED_KEY_BYTES, MAX_SPELLINGS, REFUSED, UNKNOWN, SeriesIndex
from pipeline.samples.labels import LabelSet


def labels_of(key: SeriesKey) -> Mapping[str, str]:
    """Spellings: blanks mean nothing; a key with ``!`` cannot be used."""
    text = str(key)
    if "!" in text:
        raise SampleError("no", code="LABELS_TYPE")
    return {"__name__": text.strip()}


def open_all(index: SeriesIndex, keys: Sequence[SeriesKey]) -> list[int]:
    slots = index.find_slots(keys)
    index.open_slots(keys, slots, 0, len(keys), labels_of)
    return slots.tolist()


@settings(deadline=None)
@given(seed=st.integers(0, 2**32), ceiling=st.integers(1, 12))
def test_it_gives_the_lowest_free_slot_and_tells_spellings_of_one_series_alike(seed: int, ceiling: int) -> None:
    rng = random.Random(seed)
    index = SeriesIndex(ceiling)
    naive: dict[str, int] = {}
    for _ in range(30):
        keys = [" " * rng.randrange(12) + rng.choice("abcdefghijkl!") + " " * rng.randrange(2) for _ in range(rng.randrange(12))]
        expected = []
        for key in keys:
            name = key.strip()
            if name == "!":
                expected.append(BAD_LABELS)
            elif name not in naive and len(naive) >= ceiling:
                expected.append(REFUSED)
            else:
                slot = naive.setdefault(name, min(set(range(len(naive) + 1)) - set(naive.values())))
                expected.append(slot)
        assert open_all(index, keys) == expected
        assert {str(labels): slot for slot, labels in index} == naive
        assert index.n_live == len(naive)
        gone = [name for name in naive if rng.random() < 0.2]
        index.evict([naive.pop(name) for name in gone])
        assert all(slot == UNKNOWN for slot in index.find_slots(gone))


def test_only_the_part_asked_for_is_opened() -> None:
    index = SeriesIndex(10)
    keys = ["a", "b", "a", "c"]
    slots = index.find_slots(keys)
    index.open_slots(keys, slots, 1, 3, labels_of)
    assert slots.tolist() == [UNKNOWN, 0, 1, UNKNOWN]


def test_spellings_are_forgotten_oldest_first_and_long_ones_never_kept() -> None:
    index = SeriesIndex(10)
    spellings = [" " * n + "a" for n in range(MAX_SPELLINGS + 1)]
    assert set(open_all(index, spellings)) == {0}
    assert index.find_slots(spellings).tolist() == [UNKNOWN] + [0] * MAX_SPELLINGS
    long = "b" + " " * MAX_CACHED_KEY_BYTES
    assert open_all(index, [long]) == [1]
    assert index.find_slots([long]).tolist() == [UNKNOWN]
    assert open_all(index, [long]) == [1]


def test_default_labels_yield_to_those_of_the_series() -> None:
    index = SeriesIndex(10, {"region": "eu", "zone": "z"})
    index.open_slots(["k"], index.find_slots(["k"]), 0, 1, lambda key: {"__name__": "m", "region": "us", "zone": ""})
    assert index.label_set(0).to_dict() == {"__name__": "m", "region": "us", "zone": "z"}
    assert index.find(LabelSet({"__name__": "m", "region": "us", "zone": "z"})) == 0


def test_a_restored_index_goes_on_as_the_original() -> None:
    index = SeriesIndex(5)
    open_all(index, list("abcde"))
    index.evict([3, 1])
    copy = SeriesIndex(5)
    copy.clear(index.n_slots)
    for start, stop in ((2, 10), (0, 2)):
        copy.restore(index.snapshot(start, stop))
    assert list(copy) == list(index)
    assert copy.n_slots == index.n_slots
    keys = ["f", "c", "g", "h"]
    assert open_all(copy, keys) == open_all(index, keys) == [1, 2, 3, REFUSED]


@pytest.mark.parametrize(
    ("slots", "labels"),
    [
        ([2], b'[{"__name__":"a"}]'),
        ([0, 0], b'[{"__name__":"a"},{"__name__":"b"}]'),
        ([0, 1], b'[{"__name__":"a"},{"__name__":"a"}]'),
        ([0, 1], b'[{"__name__":"a"}]'),
        ([0], b'[{"host":"a"}]'),
        ([0], b"["),
        ([0], b"[7]"),
    ],
)
def test_a_damaged_snapshot_is_refused(slots: list[int], labels: bytes) -> None:
    index = SeriesIndex(5)
    index.clear(2)
    with pytest.raises(StateError, match="snapshot is damaged"):
        index.restore({"slots": np.array(slots), "labels": np.frombuffer(labels, dtype=np.uint8)})


def test_what_is_there_already_is_refused() -> None:
    index = SeriesIndex(5)
    open_all(index, ["a", "b"])
    copy = SeriesIndex(5)
    copy.clear(3)
    copy.restore(index.snapshot(0, 1))
    with pytest.raises(StateError, match="slot 0 of a is out of range or taken"):
        copy.restore(index.snapshot(0, 2))
    copy.clear(3)
    copy.restore(index.snapshot(0, 1))
    with pytest.raises(StateError, match="found 1 series twice"):
        copy.restore({**index.snapshot(0, 1), "slots": np.array([2])})


def test_a_series_forgotten_right_after_a_restore_leaves_its_slot() -> None:
    index = SeriesIndex(5)
    open_all(index, list("abc"))
    copy = SeriesIndex(5)
    copy.clear(4)
    copy.restore(index.snapshot(0, 4))
    copy.evict([1])
    assert open_all(copy, ["d", "e", "f", "g"]) == [1, 3, 4, REFUSED]


def test_slots_that_are_not_live_have_no_labels() -> None:
    index = SeriesIndex(5)
    open_all(index, ["a", "b"])
    index.evict(np.array([0]))
    for slot in (0, 2, -1):
        with pytest.raises(KeyError):
            index.label_set(slot)
    with pytest.raises(KeyError):
        index.evict([0])
