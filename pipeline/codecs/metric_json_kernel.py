"""Kernel that scans native metric JSON into columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.base import FloatColumn, IntColumn
from models.jit import kernel_bare, kernel_inline
from models.state_array import StateArray
from pipeline.codecs.decimal_kernel import round_decimal
from pipeline.codecs.json_kernel import (
    CLOSE_OBJECT,
    COLON,
    COMMA,
    OPEN_OBJECT,
    QUOTE,
    byte_at,
    hash_span,
    read_number,
    skip_literal,
    skip_space,
    skip_text,
    skip_text_map,
    skip_value,
)
from pipeline.codecs.skeleton_kernel import (
    HASH,
    HEAD,
    LABELS_AT,
    LABELS_STEP,
    LAST,
    MIDDLE,
    N_GAINED,
    N_LABELS,
    N_NAME,
    N_PAUSED,
    N_REPEATED,
    NAME_AT,
    NAME_STEP,
    NEXT,
    TEXT,
    TIME_STEP,
    is_same,
    remember,
)
from pipeline.codecs.timestamps_kernel import read_rfc3339, time_of_float, time_of_integer

GOOD, UNSURE, EMPTY = 0, 1, 2
NAME_START, NAME_LENGTH, LABELS_START, LABELS_LENGTH = range(4)
N_SPANS = 4

_HAS_NAME, _HAS_VALUE, _HAS_TIME, _HAS_ALL = 1, 2, 4, 7
_MAX_INT_64 = np.uint64(0x7FFFFFFFFFFFFFFF)


@kernel_inline
def read_time(
    data: StateArray,
    words: StateArray,
    at: int,
    end: int,
    exact: FloatColumn,
    fives: StateArray,
    value: FloatColumn,
    value_bits: StateArray,
) -> tuple[int, int]:
    """Event time of a number or a text, ns UTC, -1 when that is not certain, and the position after it; the last of `value` is room."""
    if byte_at(data, at, end) == QUOTE:
        return read_rfc3339(data, at + 1, end)
    t = -1
    at, mantissa, power, is_negative, is_integer = read_number(data, words, at, end)
    if at >= 0 and is_negative == 0:
        if is_integer == 1:
            whole: Any = np.int64(mantissa)
            t = time_of_integer(whole) if mantissa <= _MAX_INT_64 else -1
        elif round_decimal(mantissa, power, value_bits, value, value.size - 1, exact, fives):
            t = time_of_float(value[value.size - 1])
    return t, at


@kernel_inline
def read_value(
    data: StateArray,
    words: StateArray,
    at: int,
    end: int,
    exact: FloatColumn,
    fives: StateArray,
    value: FloatColumn,
    value_bits: StateArray,
    i: int,
) -> int:
    """Position after a number, which goes to ``value[i]``; -1 when it is not certain."""
    at, mantissa, power, is_negative, _ = read_number(data, words, at, end)
    if at >= 0 and not round_decimal(mantissa, power, value_bits, value, i, exact, fives):
        at = -1
    if at >= 0 and is_negative == 1:
        # An integer has no negative zero.
        if mantissa == np.uint64(0):
            at = -1
        value[i] = -value[i]
    return at


@kernel_bare
def scan_metrics(
    data: StateArray,
    words: StateArray,
    start: IntColumn,
    length: IntColumn,
    exact: FloatColumn,
    fives: StateArray,
    rows: StateArray,
    index: StateArray,
    texts: StateArray,
    text_words: StateArray,
    totals: IntColumn,
    status: StateArray,
    value: FloatColumn,
    value_bits: StateArray,
    event_time_ns: IntColumn,
    spans: StateArray,
    hashes: StateArray,
) -> int:
    """Scan records.

    Parameters
    ----------
    data : (N,) uint8
    words : (max(N - 7, 0),) uint64
        The same bytes, see `pipeline.codecs.json_kernel`.
    start, length : (B,) int64
        Slices of `data`; length -1 = null.
    exact, fives
        Tables of `pipeline.codecs.decimal_kernel`.
    rows, index, texts, text_words, totals
        Of `pipeline.codecs.skeletons.Skeletons`, mutated.
    status : (B,) uint8, written
        `GOOD`, `UNSURE` (for the typed decoder to judge) or `EMPTY`.
    value, value_bits : (B + 1,) float64 and uint64, written
        One memory; the last is room for a time.
    event_time_ns : (B,) int64, written
    spans : (4, B) int64, written
        Raw name and raw labels; labels of length -1 = the record has none.
    hashes : (B,) uint64, written
        Of the bytes of name and labels.

    Returns
    -------
    int
        Records that are not `GOOD`.
    """
    n_other = 0
    for i in range(start.size):
        status[i] = UNSURE
        n_other += 1
        begin = start[i]
        at = begin
        if length[i] < 0:
            status[i] = EMPTY
            continue
        end = at + length[i]
        row = rows[totals[LAST], NEXT] if totals[LAST] >= 0 else -1
        # The skeleton expected: 8 bytes can be read wherever the record is looked at.
        if row >= 0 and end < words.size:
            text = rows[row, TEXT]
            n = rows[row, HEAD]
            is_repeated = n < end - at and is_same(words, at, text_words, text, n)
            if is_repeated:
                at += n
                text += n
                t = 0
                # Further off than in the skeleton by what time and value take before them.
                name_start = begin + rows[row, NAME_AT]
                labels_start = begin + rows[row, LABELS_AT]
                for step in range(2):
                    number_start = at
                    if rows[row, TIME_STEP] == step:
                        t, at = read_time(data, words, at, end, exact, fives, value, value_bits)
                        is_repeated = t >= 0
                    else:
                        at = read_value(data, words, at, end, exact, fives, value, value_bits, i)
                        is_repeated = at >= 0
                    name_start += at - number_start if rows[row, NAME_STEP] > step else 0
                    labels_start += at - number_start if rows[row, LABELS_STEP] > step else 0
                    n = rows[row, MIDDLE + step]
                    if not is_repeated or n > end - at or not is_same(words, at, text_words, text, n):
                        is_repeated = False
                        break
                    at += n
                    text += n
                if is_repeated and at == end:
                    event_time_ns[i] = t
                    spans[NAME_START, i] = name_start
                    spans[NAME_LENGTH, i] = rows[row, N_NAME]
                    spans[LABELS_START, i] = labels_start
                    spans[LABELS_LENGTH, i] = rows[row, N_LABELS]
                    hashes[i] = np.uint64(rows[row, HASH])
                    totals[LAST] = row
                    totals[N_REPEATED] += 1
                    totals[N_GAINED] += 1
                    status[i] = GOOD
                    n_other -= 1
                    continue
            at = begin
        name_start = at
        name_length = 0
        labels_start = at
        labels_length = -1
        time_start, time_end, value_start, value_end = at, at, at, at
        found = 0
        at = skip_space(data, at, end)
        if byte_at(data, at, end) != OPEN_OBJECT:
            continue
        at = skip_space(data, at + 1, end)
        is_closed = False
        while not is_closed:
            if byte_at(data, at, end) != QUOTE:
                break
            key = at + 1
            at = key
            # Names of fields are short: byte by byte is quicker than eight at once.
            while at < end and data[at] != QUOTE and data[at] >= 32 and data[at] != 92:
                at += 1
            if byte_at(data, at, end) != QUOTE:
                break
            n_key = at - key
            at = skip_space(data, at + 1, end)
            if byte_at(data, at, end) != COLON:
                break
            at = skip_space(data, at + 1, end)
            first = byte_at(data, at, end)
            if n_key == 2 and data[key] == 116 and data[key + 1] == 115:
                time_start = at
                t, at = read_time(data, words, at, end, exact, fives, value, value_bits)
                if t < 0:
                    break
                time_end = at
                event_time_ns[i] = t
                found |= _HAS_TIME
            elif n_key == 5 and (
                data[key] == 118
                and data[key + 1] == 97
                and data[key + 2] == 108
                and data[key + 3] == 117
                and data[key + 4] == 101
            ):
                value_start = at
                at = read_value(data, words, at, end, exact, fives, value, value_bits, i)
                if at < 0:
                    break
                value_end = at
                found |= _HAS_VALUE
            elif n_key == 4 and data[key] == 110 and data[key + 1] == 97 and data[key + 2] == 109 and data[key + 3] == 101:
                if first != QUOTE:
                    break
                name_start = at
                at = skip_text(data, words, at + 1, end)
                if at < 0:
                    break
                name_length = at - name_start
                found |= _HAS_NAME
            elif n_key == 6 and (
                data[key] == 108
                and data[key + 1] == 97
                and data[key + 2] == 98
                and data[key + 3] == 101
                and data[key + 4] == 108
                and data[key + 5] == 115
            ):
                labels_start = at
                if first == OPEN_OBJECT:
                    at = skip_text_map(data, words, at, end)
                elif first == 110:
                    at = skip_literal(data, at, end)
                else:
                    break
                if at < 0:
                    break
                labels_length = at - labels_start
            else:
                at = skip_value(data, words, at, end)
                if at < 0:
                    break
            at = skip_space(data, at, end)
            last = byte_at(data, at, end)
            if last == COMMA:
                at = skip_space(data, at + 1, end)
            elif last == CLOSE_OBJECT:
                is_closed = True
                at = skip_space(data, at + 1, end)
            else:
                break
        if not is_closed or at != end or found != _HAS_ALL:
            continue
        spans[NAME_START, i] = name_start
        spans[NAME_LENGTH, i] = name_length
        spans[LABELS_START, i] = labels_start
        spans[LABELS_LENGTH, i] = labels_length
        state: Any = hash_span(data, words, name_start, name_length, np.uint64(name_length))
        hashes[i] = hash_span(data, words, labels_start, max(labels_length, 0), state)
        status[i] = GOOD
        n_other -= 1
        if totals[N_PAUSED] > 0:
            totals[N_PAUSED] -= 1
            continue
        key_hash: Any = np.int64(hashes[i])
        is_time_first = time_start < value_start
        remember(
            rows,
            index,
            texts,
            totals,
            data,
            begin,
            end,
            time_start if is_time_first else value_start,
            time_end if is_time_first else value_end,
            value_start if is_time_first else time_start,
            value_end if is_time_first else time_end,
            0 if is_time_first else 1,
            spans,
            i,
            key_hash,
        )
    return n_other


@kernel_bare
def hash_keys(data: StateArray, words: StateArray, spans: StateArray, rows: IntColumn, hashes: StateArray) -> None:
    """Hashes of the keys at `rows`, as `scan_metrics` makes them."""
    for row in rows:
        name_length = spans[NAME_LENGTH, row]
        state: Any = hash_span(data, words, spans[NAME_START, row], name_length, np.uint64(name_length))
        hashes[row] = hash_span(data, words, spans[LABELS_START, row], max(spans[LABELS_LENGTH, row], 0), state)
