"""Series keys → slots with no Python object per key: what `SeriesIndex` has resolved, by the bytes of the key."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.codecs.key_slices import KeySlices
from pipeline.samples.key_table_kernel import (
    LABELS_LENGTH,
    N_COLUMNS,
    NAME_LENGTH,
    SLOT,
    add_key,
    count_rows,
    find_keys,
    move_rows,
)

__all__ = ["KeyTable", "warm_up"]

MAX_CACHED_KEY_BYTES = 8_192
MAX_ARENA_BYTES = 1 << 30
MAX_SPELLINGS = 8
_WORD_BYTES = 8
_FIRST_ROWS = 1_024
_FIRST_ARENA_BYTES = 1 << 16

_IntColumn = npt.NDArray[np.int64]


class KeyTable:
    """Remembers which key belongs to which slot.  It is a cache: a key that is not there is only resolved anew.

    Up to 8 spellings a series, counted over all, and 1 GiB of keys are remembered, none longer than 8 KiB; when that is exceeded
    all are forgotten at once.

    Notes
    -----
    Memory: 80 to 160 bytes a key, plus its bytes once or twice.

    Examples
    --------
    >>> keys = KeySlices(b'"cpu"', np.array([[0], [5], [0], [-1]]), np.array([7], dtype=np.uint64))
    >>> table = KeyTable()
    >>> table.find(keys).tolist(), table.add(keys, 0, 4), table.find(keys).tolist()
    ([-3], None, [4])
    >>> table.forget(4)
    >>> table.find(keys).tolist()
    [-3]
    """

    def __init__(self) -> None:
        self._generation = np.zeros(1, dtype=np.int64)
        self.clear()

    def clear(self) -> None:
        """Forget all keys."""
        self._table = _make_table(_FIRST_ROWS)
        self._set_arena(np.zeros(_FIRST_ARENA_BYTES, dtype=np.uint8))
        self._arena_size = 0
        self._n_rows = 0

    def __len__(self) -> int:
        """Keys remembered, those of forgotten series among them until the table grows."""
        return self._n_rows

    @property
    def nbytes(self) -> int:
        """Memory of the table."""
        return self._table.nbytes + self._arena.nbytes + self._generation.nbytes

    def find(self, keys: KeySlices) -> _IntColumn:
        """Slots of keys: (M,) int64, `pipeline.samples.index.UNKNOWN` for those that are not there."""
        slots = np.empty(len(keys), dtype=np.int64)
        find_keys(
            self._table,
            self._arena,
            self._arena_words,
            self._generation,
            keys.data,
            keys.words,
            keys.spans,
            keys.hashes.view(np.int64),
            slots,
        )
        return slots

    def add(self, keys: KeySlices, at: int, slot: int, n_live: int = 0) -> None:
        """Remember one key.

        Parameters
        ----------
        keys : KeySlices
        at : int
            Which of them.
        slot : int
            Its slot.
        n_live : int
            Live series, from which follows how many keys are kept.
        """
        length = int(keys.spans[NAME_LENGTH, at]) + max(int(keys.spans[LABELS_LENGTH, at]), 0)
        if length > MAX_CACHED_KEY_BYTES:
            return
        if slot >= len(self._generation):
            grown = np.zeros(max(2 * len(self._generation), slot + 1), dtype=np.int64)
            grown[: len(self._generation)] = self._generation
            self._generation = grown
        self._reserve(length, n_live)
        size = add_key(
            self._table,
            self._arena,
            self._arena_words,
            self._arena_size,
            keys.data,
            keys.words,
            keys.spans,
            at,
            int(keys.hashes.view(np.int64)[at]),
            slot,
            int(self._generation[slot]),
        )
        self._n_rows += size > self._arena_size
        self._arena_size = size

    def forget(self, slot: int) -> None:
        """Forget the keys of a series whose slot is free again."""
        if slot < len(self._generation):
            self._generation[slot] += 1

    def _reserve(self, length: int, n_live: int) -> None:
        is_full = 2 * (self._n_rows + 1) > len(self._table)
        if not is_full and self._arena_size + length + _WORD_BYTES <= len(self._arena):
            return
        kept = np.zeros(2, dtype=np.int64)
        count_rows(self._table, self._generation, kept)
        n_rows, n_bytes = kept.tolist()
        if n_rows > MAX_SPELLINGS * max(n_live, _FIRST_ROWS) or n_bytes > MAX_ARENA_BYTES:
            self.clear()
            n_rows = n_bytes = 0
        table = _make_table(max(_FIRST_ROWS, 1 << (4 * (n_rows + 1) - 1).bit_length()))
        arena = np.zeros(max(_FIRST_ARENA_BYTES, 2 * (n_bytes + length + _WORD_BYTES)), dtype=np.uint8)
        self._arena_size = move_rows(self._table, self._arena, self._generation, table, arena)
        self._table = table
        self._set_arena(arena)
        self._n_rows = int(np.count_nonzero(table[:, SLOT] >= 0))

    def _set_arena(self, arena: npt.NDArray[np.uint8]) -> None:
        self._arena = arena
        self._arena_words = np.ndarray(shape=(len(arena) - _WORD_BYTES + 1,), dtype="<u8", buffer=arena, strides=(1,))


def warm_up() -> None:
    """Run every kernel of the table once, growth included.

    Examples
    --------
    >>> warm_up()
    """
    table = KeyTable()
    names = b"n" * MAX_CACHED_KEY_BYTES
    for length in range(len(names), 0, -len(names) // 16):
        keys = KeySlices(names, np.array([[0], [length], [0], [-1]]), np.array([length], dtype=np.uint64))
        table.add(keys, 0, 0)
    table.find(keys)


def _make_table(n_rows: int) -> _IntColumn:
    table = np.zeros((n_rows, N_COLUMNS), dtype=np.int64)
    table[:, SLOT] = -1
    return table
