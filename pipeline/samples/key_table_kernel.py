"""Kernels of the key table: open addressing over the bytes of series keys, with exact comparison."""

from __future__ import annotations

from typing import Any

from models.base import IntColumn
from models.jit import kernel_bare, kernel_inline
from models.prefetch_kernel import prefetch
from models.state_array import StateArray

UNKNOWN = -3

# Columns of a row: hash, where the key lies in the arena, both lengths, slot and its generation.  An empty row has slot -1.
HASH, START, LENGTHS, SLOT, GENERATION = range(5)
N_COLUMNS = 5

AHEAD = 6
_LINE_BYTES = 64
MAX_PROBES = 64
"""A key that is not found in so many rows is taken for unknown: keys made to collide cost no more than that."""

NAME_START, NAME_LENGTH, LABELS_START, LABELS_LENGTH = range(4)


@kernel_inline
def is_equal(
    data: StateArray, words: StateArray, start: int, length: int, arena: StateArray, arena_words: StateArray, at: int
) -> bool:
    """Whether `length` bytes of `data` from `start` are those of the arena from `at`."""
    i = 0
    while i + 8 <= length:
        if words[start + i] != arena_words[at + i]:
            return False
        i += 8
    while i < length:
        if data[start + i] != arena[at + i]:
            return False
        i += 1
    return True


@kernel_inline
def find_row(
    table: StateArray,
    arena: StateArray,
    arena_words: StateArray,
    data: StateArray,
    words: StateArray,
    spans: StateArray,
    i: int,
    key_hash: int,
) -> int:
    """Row of a key, or of the first empty row where it would stand; -1 = neither within `MAX_PROBES`."""
    mask = table.shape[0] - 1
    name_length = spans[NAME_LENGTH, i]
    labels_length = spans[LABELS_LENGTH, i]
    lengths = (name_length << 32) | (labels_length + 1)
    row: int = key_hash & mask
    for _ in range(MAX_PROBES):
        if table[row, SLOT] < 0:
            return row
        if table[row, HASH] == key_hash and table[row, LENGTHS] == lengths:
            at = table[row, START]
            if is_equal(data, words, spans[NAME_START, i], name_length, arena, arena_words, at) and is_equal(
                data, words, spans[LABELS_START, i], max(labels_length, 0), arena, arena_words, at + name_length
            ):
                return row
        row = (row + 1) & mask
    return -1


@kernel_bare
def find_keys(
    table: StateArray,
    arena: StateArray,
    arena_words: StateArray,
    generation: IntColumn,
    data: StateArray,
    words: StateArray,
    spans: StateArray,
    hashes: IntColumn,
    slots: IntColumn,
) -> None:
    """Slots of keys.

    Parameters
    ----------
    table : (R, 5) int64
        R a power of two.
    arena : (A,) uint8
        Bytes of the keys.
    arena_words : (A - 7,) uint64
        The same bytes, see `pipeline.codecs.key_slices.view_words`.
    generation : (S,) int64
        By slot: a row of another generation is of a series that was forgotten.
    data, words, spans, hashes
        Of `pipeline.codecs.key_slices.KeySlices`; the hashes as int64.
    slots : (M,) int64, written
        `UNKNOWN` where the key is not there.
    """
    mask = table.shape[0] - 1
    for i in range(hashes.size):
        if i + 2 * AHEAD < hashes.size:
            prefetch(table, (hashes[i + 2 * AHEAD] & mask, 0))
        if i + AHEAD < hashes.size:
            # Where the key's bytes lie, if it stands in its first row; an empty row has 0.
            near = table[hashes[i + AHEAD] & mask, START]
            prefetch(arena, (near,))
            prefetch(arena, (near + _LINE_BYTES,))
        row = find_row(table, arena, arena_words, data, words, spans, i, hashes[i])
        slot = UNKNOWN
        if row >= 0 and table[row, SLOT] >= 0 and generation[table[row, SLOT]] == table[row, GENERATION]:
            slot = table[row, SLOT]
        slots[i] = slot


@kernel_bare
def add_key(
    table: StateArray,
    arena: StateArray,
    arena_words: StateArray,
    arena_size: int,
    data: StateArray,
    words: StateArray,
    spans: StateArray,
    i: int,
    key_hash: int,
    slot: int,
    generation: int,
) -> int:
    """Add one key, or give it another slot; returns the new size of the arena.

    The arena must have room for the key, the table an empty row.
    """
    row = find_row(table, arena, arena_words, data, words, spans, i, key_hash)
    if row < 0:
        return arena_size
    if table[row, SLOT] < 0:
        name_length = spans[NAME_LENGTH, i]
        labels_length = spans[LABELS_LENGTH, i]
        table[row, HASH] = key_hash
        table[row, START] = arena_size
        table[row, LENGTHS] = (name_length << 32) | (labels_length + 1)
        for k in range(name_length):
            arena[arena_size + k] = data[spans[NAME_START, i] + k]
        arena_size += name_length
        for k in range(labels_length):
            arena[arena_size + k] = data[spans[LABELS_START, i] + k]
        arena_size += max(labels_length, 0)
    table[row, SLOT] = slot
    table[row, GENERATION] = generation
    return arena_size


@kernel_inline
def length_of(lengths: int) -> int:
    """Bytes of a key."""
    return (lengths >> 32) + max((lengths & 0xFFFFFFFF) - 1, 0)


@kernel_bare
def count_rows(table: StateArray, generation: IntColumn, kept: IntColumn) -> None:
    """Rows of series that are not forgotten, and the bytes of their keys, into `kept`, (2,) int64."""
    for i in range(table.shape[0]):
        if table[i, SLOT] >= 0 and generation[table[i, SLOT]] == table[i, GENERATION]:
            kept[0] += 1
            kept[1] += length_of(table[i, LENGTHS])


@kernel_bare
def move_rows(table: StateArray, arena: StateArray, generation: IntColumn, to_table: StateArray, to_arena: StateArray) -> int:
    """Move the rows of series that are not forgotten into an empty table and arena; returns the size of that arena.

    Rows that find no place within `MAX_PROBES` are left out.
    """
    mask = to_table.shape[0] - 1
    size = 0
    for i in range(table.shape[0]):
        source: Any = table[i]
        if source[SLOT] < 0 or generation[source[SLOT]] != source[GENERATION]:
            continue
        row = source[HASH] & mask
        n_probes = 0
        while to_table[row, SLOT] >= 0 and n_probes < MAX_PROBES:
            row = (row + 1) & mask
            n_probes += 1
        if n_probes == MAX_PROBES:
            continue
        length = length_of(source[LENGTHS])
        for k in range(length):
            to_arena[size + k] = arena[source[START] + k]
        for column in range(N_COLUMNS):
            to_table[row, column] = source[column]
        to_table[row, START] = size
        size += length
    return size
