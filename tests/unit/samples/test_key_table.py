"""The key table finds what was added, by exact bytes, through growth, collisions, evictions and floods of spellings."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest

from pipeline.codecs.key_slices import KeySlices
from pipeline.codecs.metric_json import labels_of
from pipeline.samples import key_table
from pipeline.samples.index import UNKNOWN, SeriesIndex
from pipeline.samples.key_table import KeyTable
from tests.unit.checked_program import run_with_setting

Pair = tuple[bytes, bytes | None]


def slices(pairs: Sequence[Pair], hashes: Sequence[int] | None = None) -> KeySlices:
    """Keys that stand one after another in a buffer; equal ones have equal hashes."""
    buffer = b"#"
    spans = np.zeros((4, len(pairs)), dtype=np.int64)
    for i, (name, labels) in enumerate(pairs):
        spans[:, i] = len(buffer), len(name), len(buffer) + len(name), -1 if labels is None else len(labels)
        buffer += name + (labels or b"") + b"#"
    given = [hash(pair) & (2**64 - 1) for pair in pairs] if hashes is None else hashes
    return KeySlices(buffer, spans, np.array(given, dtype=np.uint64))


def make_pairs(n: int, seed: int) -> list[Pair]:
    rng = random.Random(seed)
    pairs = {(b'"%d"' % rng.randrange(10**6), rng.choice([None, b"{}", b'{"a":"%d"}' % rng.randrange(100)])) for _ in range(n)}
    return sorted(pairs, key=repr)


@pytest.mark.parametrize("n_hashes", [2**64, 50])
def test_every_key_is_found_again_and_no_other(n_hashes: int) -> None:
    pairs = make_pairs(4_000, seed=1)
    keys = slices(pairs, [hash(pair) % n_hashes for pair in pairs])
    table = KeyTable()
    for i in range(0, len(keys), 2):
        table.add(keys, i, i, n_live=len(keys))
    found = table.find(keys)
    assert (found[1::2] == UNKNOWN).all()
    expected = np.arange(0, len(keys), 2)
    # Keys that collide beyond the longest search are unknown, and none is taken for another.
    is_known = found[::2] != UNKNOWN
    assert (found[::2][is_known] == expected[is_known]).all()
    assert is_known.all() == (n_hashes > 50)
    assert is_known.sum() > 100


def test_a_slot_given_to_another_series_forgets_the_keys_of_the_former() -> None:
    keys = slices([(b'"a"', None), (b'"a"', b"{}"), (b'"b"', None)])
    table = KeyTable()
    table.add(keys, 0, 5)
    table.add(keys, 1, 5)
    table.forget(5)
    table.add(keys, 2, 5)
    assert table.find(keys).tolist() == [UNKNOWN, UNKNOWN, 5]
    table.add(keys, 0, 6)
    assert table.find(keys).tolist() == [6, UNKNOWN, 5]


def test_lengths_tell_keys_apart_whose_bytes_joined_are_the_same() -> None:
    keys = slices([(b"ab", b"c"), (b"a", b"bc"), (b"abc", b""), (b"abc", None)], [1, 1, 1, 1])
    table = KeyTable()
    for i in range(4):
        table.add(keys, i, i)
    assert table.find(keys).tolist() == [0, 1, 2, 3]


def test_memory_is_bounded_under_ever_new_spellings() -> None:
    table = KeyTable()
    for i in range(40):
        keys = slices([(b'"cpu"', b"{" + b" " * j + b"\t" * i + b"}") for j in range(1_000)])
        for j in range(len(keys)):
            table.add(keys, j, 0, n_live=1)
        assert len(table) <= 2 * key_table.MAX_SPELLINGS * 1_024
    assert table.nbytes < 40_000_000
    long = slices([(b'"cpu"', b"{" + b" " * key_table.MAX_CACHED_KEY_BYTES + b"}")])
    table.add(long, 0, 0)
    assert table.find(long).tolist() == [UNKNOWN]


def test_keys_of_evicted_series_make_room() -> None:
    table = KeyTable()
    for i in range(20):
        keys = slices([(b'"%d-%d"' % (i, j), None) for j in range(1_000)])
        for j in range(1_000):
            table.add(keys, j, j, n_live=1_000)
        assert table.find(keys).tolist() == list(range(1_000))
        for j in range(1_000):
            table.forget(j)
    assert table.nbytes < 1_000_000


def compare_index(seed: int) -> int:
    """Drive an index by slices and one by bytes, with evictions; how many slots were compared."""
    rng = random.Random(seed)
    by_slices, by_bytes = SeriesIndex(40), SeriesIndex(40)
    spellings = ["{}", "null", '{"a":""}', '{"host":"1"}', '{ "host":"1"}', '{"host":"2"}', "7", '{"host":3}']
    pool: list[Pair] = [
        (b'"%s"' % name.encode(), None if text == "-" else text.encode())
        for name in ["cpu", "mem", "", *(f"n{i}" for i in range(20))]
        for text in ["-", *spellings]
    ]
    n = 0
    for _ in range(60):
        keys = slices(rng.choices(pool, k=rng.randint(1, 60)))
        plain = list(keys)
        found, expected = by_slices.find_slots(keys), by_bytes.find_slots(plain)
        by_slices.open_slots(keys, found, 0, len(keys), labels_of)
        by_bytes.open_slots(plain, expected, 0, len(keys), labels_of)
        assert found.tolist() == expected.tolist()
        n += len(keys)
        for key, slot in zip(plain, found.tolist(), strict=True):
            if slot == -2:
                assert str(by_slices.error_of(key)) == str(by_bytes.error_of(key))
        live = [slot for slot, _ in by_slices]
        gone = rng.sample(live, rng.randint(0, len(live) // 2))
        by_slices.evict(gone)
        by_bytes.evict(gone)
        if rng.random() < 0.1:
            snapshot = by_slices.snapshot(0, by_slices.n_slots)
            by_slices.clear(by_slices.n_slots)
            by_slices.restore(snapshot)
    assert by_slices.n_slots == by_bytes.n_slots
    assert list(by_slices) == list(by_bytes)
    return n


def test_an_index_gives_the_same_slots_whichever_form_the_keys_have() -> None:
    assert sum(map(compare_index, range(20))) > 10_000


def test_no_kernel_reads_or_writes_outside_of_its_arrays(tmp_path: object) -> None:
    program = (
        "from tests.unit.samples.test_key_table import *; compare_index(99); test_memory_is_bounded_under_ever_new_spellings()"
    )
    run_with_setting(program, "NUMBA_BOUNDSCHECK", tmp_path)
