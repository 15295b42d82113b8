"""Kernels of KSWIN: the two-sample Kolmogorov-Smirnov statistic, and Python's own random numbers.

References
----------
Raab, C., Heusinger, M. and Schleif, F.-M. (2020). Reactive soft prototype computing for concept drift streams. Neurocomputing.
Matsumoto, M. and Nishimura, T. (1998). Mersenne twister. ACM TOMACS 8(1).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn
from models.jit import kernel, kernel_bare
from models.state_array import Row, StateArray

N, HALF = 624, 397
HIGH = np.uint64(0x80000000)
LOW = np.uint64(0x7FFFFFFF)
TWIST = np.uint64(0x9908B0DF)
MASK_B = np.uint64(0x9D2C5680)
MASK_C = np.uint64(0xEFC60000)
ONE = np.uint64(1)


@kernel_bare
def twist(words: StateArray) -> None:
    """Make the next 624 words of the generator."""
    for i in range(N):
        y = (np.uint64(words[i]) & HIGH) | (np.uint64(words[(i + 1) % N]) & LOW)
        made = np.uint64(words[(i + HALF) % N]) ^ (y >> ONE)
        if y & ONE:
            made ^= TWIST
        words[i] = np.uint32(made)


@kernel_bare
def draw_bits(row: Row, words: StateArray, n_bits: int) -> int:
    """The next `n_bits` (at most 32) random bits, as `random.getrandbits` gives them."""
    if row["at"] >= N:
        twist(words)
        row["at"] = 0
    y = np.uint64(words[row["at"]])
    row["at"] += 1
    y ^= y >> np.uint64(11)
    y ^= (y << np.uint64(7)) & MASK_B
    y ^= (y << np.uint64(15)) & MASK_C
    y ^= y >> np.uint64(18)
    return np.int64(y >> np.uint64(32 - n_bits))  # type: ignore[return-value]


@kernel_bare
def draw_below(row: Row, words: StateArray, n: int) -> int:
    """A random number from 0 to ``n - 1``, by rejection, as `random.Random` draws it."""
    n_bits = 0
    while n >> n_bits:
        n_bits += 1
    found = draw_bits(row, words, n_bits)
    while found >= n:
        found = draw_bits(row, words, n_bits)
    return found


@kernel_bare
def draw_sample(row: Row, words: StateArray, n: int, is_pooled: bool, pool: IntColumn, chosen: IntColumn) -> None:
    """Draw ``chosen.size`` different numbers below `n`, by the way `random.sample` takes.

    Parameters
    ----------
    is_pooled : bool
        True draws from a shrinking pool, false tries again on a number drawn before: which of them is Python's choice by size.
    pool : (n,) int64, overwritten
    chosen : (R,) int64, overwritten
    """
    for i in range(n):
        pool[i] = i if is_pooled else 0
    for i in range(chosen.size):
        if is_pooled:
            j = draw_below(row, words, n - i)
            chosen[i] = pool[j]
            pool[j] = pool[n - i - 1]
        else:
            j = draw_below(row, words, n)
            while pool[j]:
                j = draw_below(row, words, n)
            pool[j] = 1
            chosen[i] = j


@kernel_bare
def measure_gap(first: FloatColumn, second: FloatColumn) -> int:
    """Greatest difference between the ranks of two sorted samples of one size: size times the Kolmogorov-Smirnov statistic."""
    n = first.size
    i = 0
    j = 0
    greatest = 0
    while i < n and j < n:
        x = min(first[i], second[j])
        while i < n and first[i] <= x:
            i += 1
        while j < n and second[j] <= x:
            j += 1
        greatest = max(greatest, abs(i - j))
    return greatest


@kernel
def update_many(
    rows: StateArray,
    words: StateArray,
    window: FloatColumn,
    seed_words: StateArray,
    is_change: BoolColumn,
    is_pooled: bool,
    slots: IntColumn,
    values: FloatColumn,
    scores: FloatColumn,
    ready: BoolColumn,
) -> None:
    """Take a batch into the windows.

    Parameters
    ----------
    rows : (S,) structured, mutated
    words : (S, 624) uint32, mutated
        Random generators.
    window : (S, W) float64, mutated
    seed_words : (624,) uint32
        Generator as seeded.
    is_change : (R + 1,) bool
        Whether a greatest rank difference of so much is a change.
    scores, ready : (B,), overwritten
    """
    size = window.shape[1]
    n_stat = is_change.size - 1
    pool = np.empty(size, dtype=np.int64)
    chosen = np.empty(n_stat, dtype=np.int64)
    older = np.empty(n_stat)
    recent = np.empty(n_stat)
    for i in range(slots.size):
        slot = slots[i]
        row = rows[slot]
        scores[i] = 0.0
        ready[i] = False
        if not math.isfinite(values[i]):
            continue
        if row["is_drift"] or (row["n"] == 0 and row["head"] == 0):
            row["n"] = 0
            row["head"] = 0
            row["at"] = N
            row["is_drift"] = 0
            words[slot] = seed_words
        window[slot, row["head"]] = values[i]
        row["head"] = 0 if row["head"] + 1 == size else row["head"] + 1
        row["n"] = min(row["n"] + 1, size)
        ready[i] = row["is_warm"]
        row["is_warm"] |= row["n"] + 1 >= size
        if row["n"] < size:
            continue
        draw_sample(row, words[slot], size - n_stat, is_pooled, pool, chosen)
        head: Any = row["head"]
        for j in range(n_stat):
            older[j] = window[slot, (head + chosen[j]) % size]
            recent[j] = window[slot, (head + size - n_stat + j) % size]
        older.sort()
        recent.sort()
        row["is_drift"] = int(is_change[measure_gap(older, recent)])
        scores[i] = 1.0 if row["is_drift"] and ready[i] else 0.0
