"""Kernels of `pipeline.codecs.skeletons`."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.jit import kernel_bare, kernel_inline
from models.state_array import StateArray

# Columns of a row.
TEXT, HEAD, MIDDLE, TAIL, TIME_STEP, NAME_AT, N_NAME, NAME_STEP, LABELS_AT, N_LABELS, LABELS_STEP, HASH, NEXT = range(13)
N_ROW = 13

# What belongs to no single row.
N_ROWS, N_TEXT, LAST, N_REPEATED, N_STRAY, N_GAINED, N_PAUSED = range(7)
N_TOTALS = 7

MAX_BYTES = 4_096
LOOK_AFTER = 4_096
PAUSE = 16
"""Times as many records are left in peace as it took to see that they do not repeat."""


@kernel_inline
def is_same(words: StateArray, at: int, others: StateArray, other: int, n: int) -> bool:
    """Whether `n` bytes from two positions on are the same; 8 bytes can be read from each of them on."""
    while n > 8:
        if words[at] != others[other]:
            return False
        at += 8
        other += 8
        n -= 8
    return n <= 0 or bool((words[at] ^ others[other]) << np.uint64(64 - 8 * n) == np.uint64(0))


@kernel_bare
def clear(index: StateArray, totals: StateArray) -> None:
    """Forget all skeletons."""
    for i in range(index.size):
        index[i] = 0
    totals[N_ROWS] = 0
    totals[N_TEXT] = 0
    totals[LAST] = -1
    totals[N_REPEATED] = 0


@kernel_bare
def find(rows: StateArray, index: StateArray, key_hash: int) -> int:
    """Row of the key with this hash, or minus one minus the place in `index` where it would stand."""
    mask = index.size - 1
    at = key_hash & mask
    while index[at] != 0:
        row: int = index[at] - 1
        if rows[row, HASH] == key_hash:
            return row
        at = (at + 1) & mask
    return -1 - at


@kernel_bare
def remember(
    rows: StateArray,
    index: StateArray,
    texts: StateArray,
    totals: StateArray,
    data: StateArray,
    start: int,
    end: int,
    first: int,
    first_end: int,
    second: int,
    second_end: int,
    time_step: int,
    spans: StateArray,
    i: int,
    key_hash: int,
) -> None:
    """Note the skeleton of a record and that it came after the one before.

    Parameters
    ----------
    rows, index, texts, totals
        Of `pipeline.codecs.skeletons.Skeletons`, mutated.
    data : (N,) uint8
    start, end : int
        The record.
    first, first_end, second, second_end : int
        Where time and value lie, in the order in which they stand.
    time_step : int
        0 = the time stands first, 1 = the value.
    spans : (4, B) int64
        Name and labels.
    i : int
        Column of `spans`.
    key_hash : int
        Of name and labels.
    """
    last = totals[LAST]
    predicted = rows[last, NEXT] if last >= 0 else -1
    head, middle, tail = first - start, second - first_end, end - second_end
    n = head + middle + tail
    row = find(rows, index, key_hash)
    if row < 0:
        if n > MAX_BYTES:
            totals[LAST] = -1
            return
        if totals[N_ROWS] == rows.shape[0] or totals[N_TEXT] + n + 8 > texts.size:
            # Where few come again before all are forgotten it is not worth the trouble.
            if totals[N_REPEATED] < totals[N_ROWS]:
                totals[N_PAUSED] = PAUSE * totals[N_ROWS]
            clear(index, totals)
            return
        index[-1 - row] = totals[N_ROWS] + 1
        row = totals[N_ROWS]
        totals[N_ROWS] += 1
        rows[row, NEXT] = -1
        rows[row, TEXT] = totals[N_TEXT]
        totals[N_TEXT] += n
        is_new = True
    else:
        # One that is spelled in another way now, if there is room for it.
        is_new = row == predicted and n <= rows[row, HEAD] + rows[row, MIDDLE] + rows[row, TAIL]
        totals[N_STRAY] += 1
        if totals[N_STRAY] == LOOK_AFTER:
            is_in_vain = totals[N_GAINED] < LOOK_AFTER
            totals[N_STRAY] = 0
            totals[N_GAINED] = 0
            if is_in_vain:
                totals[N_PAUSED] = PAUSE * LOOK_AFTER
                totals[LAST] = -1
                return
    if is_new:
        rows[row, HEAD], rows[row, MIDDLE], rows[row, TAIL] = head, middle, tail
        rows[row, TIME_STEP] = time_step
        rows[row, HASH] = key_hash
        n_first, n_second = first_end - first, second_end - second
        for column, k in ((NAME_AT, 0), (LABELS_AT, 2)):
            at = spans[k, i]
            step = (1 if at > first else 0) + (1 if at > second else 0)
            rows[row, column] = at - start - (n_first if step > 0 else 0) - (n_second if step > 1 else 0)
            rows[row, column + 1] = spans[k + 1, i]
            rows[row, column + 2] = step
        to: Any = rows[row, TEXT]
        for at in range(start, first):
            texts[to] = data[at]
            to += 1
        for at in range(first_end, second):
            texts[to] = data[at]
            to += 1
        for at in range(second_end, end):
            texts[to] = data[at]
            to += 1
    if last >= 0:
        rows[last, NEXT] = row
    totals[LAST] = row
