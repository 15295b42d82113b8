"""Kernels that read JSON strictly (RFC 8259): whatever is not certain to be right is `UNSURE`, position -1, for others to judge.

`words` is the 8 bytes from every position on as one little-endian integer, as far as there are 8.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from models.jit import kernel_bare, kernel_inline
from models.state_array import StateArray
from pipeline.codecs.decimal_kernel import MAX_DIGITS

QUOTE, BACKSLASH, COMMA, COLON, MINUS, PLUS, DOT = 34, 92, 44, 58, 45, 43, 46
OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST = 123, 125, 91, 93
ZERO, NINE = 48, 57
MAX_NESTING = 60
MAX_EXPONENT_DIGITS = 4

_ONES = np.uint64(0x0101010101010101)
_HIGH_BITS = np.uint64(0x8080808080808080)
_QUOTES = np.uint64(0x2222222222222222)
_BACKSLASHES = np.uint64(0x5C5C5C5C5C5C5C5C)
_SPACES = np.uint64(0x2020202020202020)
_BYTE_NUMBERS = np.uint64(0x0001020304050607)
_ZEROS = np.uint64(0x3030303030303030)
_PAST_NINE = np.uint64(0x7676767676767676)
"""Added to a byte from 0 to 127, sets its highest bit from 10 on."""
TENS = np.array([10**power for power in range(9)], dtype=np.uint64)
_U7, _U56 = np.uint64(7), np.uint64(56)


@kernel_inline
def byte_at(data: StateArray, at: int, end: int) -> int:
    """A byte; 0, which nothing in JSON is, from `end` on."""
    return int(data[at]) if at < end else 0


@kernel_inline
def skip_space(data: StateArray, at: int, end: int) -> int:
    """Position of the first byte that is no white space."""
    while at < end and data[at] <= 32 and (data[at] == 32 or data[at] == 10 or data[at] == 13 or data[at] == 9):
        at += 1
    return at


@kernel_inline
def is_hex(byte: int) -> bool:
    """Whether a byte is a hexadecimal digit."""
    return 48 <= byte <= 57 or 97 <= byte <= 102 or 65 <= byte <= 70


@kernel_bare
def skip_escape(data: StateArray, at: int, end: int) -> int:
    """Position after the escape that begins at `at`; -1 = no escape, or half of a surrogate pair."""
    kind = byte_at(data, at + 1, end)
    if kind == 117:
        if end - at < 6:
            return -1
        for i in range(2, 6):
            if not is_hex(int(data[at + i])):
                return -1
        if (data[at + 2] | 32) == 100 and data[at + 3] >= 56:
            return -1
        return at + 6
    if kind in (34, 92, 47, 98, 102, 110, 114, 116):
        return at + 2
    return -1


@kernel_inline
def skip_text(data: StateArray, words: StateArray, at: int, end: int) -> int:
    """Position after the closing quote of a string whose first byte is at `at`; -1 when it is not closed or holds what may not be.

    Bytes from 128 on are let pass: whether they are UTF-8 is asked where the text is made.
    """
    while True:
        while at + 8 <= end:
            word = words[at]
            quotes = word ^ _QUOTES
            backslashes = word ^ _BACKSLASHES
            # The lowest byte that is marked is right; those above it may not be.
            marks = (
                ((quotes - _ONES) & ~quotes) | ((backslashes - _ONES) & ~backslashes) | ((word - _SPACES) & ~word)
            ) & _HIGH_BITS
            if marks != np.uint64(0):
                n_before: Any = np.int64((((marks & (~marks + np.uint64(1))) >> _U7) * _BYTE_NUMBERS) >> _U56)
                at += n_before
                break
            at += 8
        while at < end and data[at] != QUOTE and data[at] != BACKSLASH and data[at] >= 32:
            at += 1
        if at >= end or data[at] < 32:
            return -1
        if data[at] == QUOTE:
            return at + 1
        at = skip_escape(data, at, end)
        if at < 0:
            return -1


@kernel_bare
def read_digits(data: StateArray, words: StateArray, at: int, end: int, number: Any) -> tuple[int, Any]:
    """Position after the digits from `at` on, and `number` with them appended, modulo 2**64.

    Eight at once, as in D. Lemire, "Number parsing at a gigabyte per second", section 4: digits that are fewer move to the high bytes,
    behind zeros.
    """
    while at < words.size:
        digits = words[at] ^ _ZEROS
        marks = ((digits + _PAST_NINE) | digits) & _HIGH_BITS
        n: Any = np.int64(8)
        if marks != np.uint64(0):
            n = np.int64((((marks & (~marks + np.uint64(1))) >> _U7) * _BYTE_NUMBERS) >> _U56)
        n = min(n, end - at)
        if n <= 0:
            return at, number
        digits = digits << np.uint64(64 - 8 * n)
        digits = ((digits * np.uint64(2561)) >> np.uint64(8)) & np.uint64(0x00FF00FF00FF00FF)
        digits = ((digits * np.uint64(6553601)) >> np.uint64(16)) & np.uint64(0x0000FFFF0000FFFF)
        digits = (digits * np.uint64(42949672960001)) >> np.uint64(32)
        number = number * TENS[n] + digits
        at += n
        if n < 8:
            return at, number
    while at < end and ZERO <= data[at] <= NINE:
        number = number * np.uint64(10) + np.uint64(data[at] - ZERO)
        at += 1
    return at, number


@kernel_bare
def is_short(data: StateArray, first: int, end: int, n_digits: int) -> bool:
    """Whether at most 19 of the digits, between which a point may stand, follow the zeros in front, which take no room."""
    while first < end and (data[first] == ZERO or data[first] == DOT):
        if data[first] == ZERO:
            n_digits -= 1
        first += 1
    return n_digits <= MAX_DIGITS


@kernel_bare
def read_exponent(data: StateArray, at: int, end: int) -> tuple[int, int]:
    """The exponent that stands behind an e, and the position after it; -1 when it is none of up to 4 digits."""
    sign = byte_at(data, at, end)
    if sign in (MINUS, PLUS):
        at += 1
    first = at
    exponent = 0
    while at < end and ZERO <= data[at] <= NINE and at - first <= MAX_EXPONENT_DIGITS:
        exponent = exponent * 10 + int(data[at] - ZERO)
        at += 1
    if at == first or at - first > MAX_EXPONENT_DIGITS:
        at = -1
    return -exponent if sign == MINUS else exponent, at


@kernel_inline
def read_number(data: StateArray, words: StateArray, at: int, end: int) -> tuple[int, Any, int, int, int]:
    """Position after a number; its decimal digits as one uint64; the power of ten of the last; 1 = negative; 1 = written as an integer.

    The position is -1 when it is no number of up to 19 digits.
    """
    is_negative = 0
    if byte_at(data, at, end) == MINUS:
        is_negative = 1
        at += 1
    first = at
    at, mantissa = read_digits(data, words, at, end, np.uint64(0))
    n_digits = at - first
    power = 0
    is_integer = 1
    if n_digits == 0 or (n_digits > 1 and data[first] == ZERO):
        return -1, mantissa, power, is_negative, is_integer
    if byte_at(data, at, end) == DOT:
        is_integer = 0
        at += 1
        dot = at
        at, mantissa = read_digits(data, words, at, end, mantissa)
        power = dot - at
        if power == 0:
            return -1, mantissa, power, is_negative, is_integer
        n_digits -= power
    if n_digits > MAX_DIGITS and not is_short(data, first, at, n_digits):
        return -1, mantissa, power, is_negative, is_integer
    if (byte_at(data, at, end) | 32) == 101:
        is_integer = 0
        exponent, at = read_exponent(data, at + 1, end)
        power += exponent
    return at, mantissa, power, is_negative, is_integer


@kernel_bare
def skip_number(data: StateArray, at: int, end: int) -> int:
    """Position after a number of any length; -1 when it is none."""
    if byte_at(data, at, end) == MINUS:
        at += 1
    first = at
    while at < end and ZERO <= data[at] <= NINE:
        at += 1
    if at == first or (at - first > 1 and data[first] == ZERO):
        return -1
    if byte_at(data, at, end) == DOT:
        at += 1
        first = at
        while at < end and ZERO <= data[at] <= NINE:
            at += 1
        if at == first:
            return -1
    if (byte_at(data, at, end) | 32) == 101:
        at += 1
        if byte_at(data, at, end) in (MINUS, PLUS):
            at += 1
        first = at
        while at < end and ZERO <= data[at] <= NINE:
            at += 1
        if at == first:
            return -1
    return at


@kernel_inline
def skip_literal(data: StateArray, at: int, end: int) -> int:
    """Position after true, false or null; -1 when it is none of them."""
    if end - at >= 4 and data[at] == 116 and data[at + 1] == 114 and data[at + 2] == 117 and data[at + 3] == 101:
        return at + 4
    if end - at >= 4 and data[at] == 110 and data[at + 1] == 117 and data[at + 2] == 108 and data[at + 3] == 108:
        return at + 4
    if end - at >= 5 and data[at] == 102 and data[at + 1] == 97 and data[at + 2] == 108 and data[at + 3] == 115:
        return at + 5 if data[at + 4] == 101 else -1
    return -1


@kernel_inline
def skip_name(data: StateArray, words: StateArray, at: int, end: int) -> int:
    """Position of the value after a name and a colon; -1 when they are not there."""
    if byte_at(data, at, end) != QUOTE:
        return -1
    at = skip_text(data, words, at + 1, end)
    if at < 0:
        return -1
    at = skip_space(data, at, end)
    if byte_at(data, at, end) != COLON:
        return -1
    return skip_space(data, at + 1, end)


@kernel_bare
def skip_value(data: StateArray, words: StateArray, at: int, end: int) -> int:
    """Position after a value of any kind; -1 when it is none, or deeper than `MAX_NESTING`."""
    depth = 0
    # One bit a bracket that is open: 1 = object.
    open_objects = np.uint64(0)
    while True:
        byte = byte_at(data, at, end)
        if byte == QUOTE:
            at = skip_text(data, words, at + 1, end)
        elif byte == MINUS or ZERO <= byte <= NINE:
            at = skip_number(data, at, end)
        elif byte in (OPEN_OBJECT, OPEN_LIST):
            if depth == MAX_NESTING:
                return -1
            depth += 1
            open_objects = (open_objects << np.uint64(1)) | np.uint64(byte == OPEN_OBJECT)
            at = skip_space(data, at + 1, end)
            if byte_at(data, at, end) != byte + 2:
                if byte == OPEN_OBJECT:
                    at = skip_name(data, words, at, end)
                if at < 0:
                    return -1
                continue
            at += 1
            depth -= 1
            open_objects = open_objects >> np.uint64(1)
        else:
            at = skip_literal(data, at, end)
        if at < 0:
            return -1
        is_next = False
        while depth > 0 and not is_next:
            at = skip_space(data, at, end)
            byte = byte_at(data, at, end)
            is_object = open_objects & np.uint64(1) == np.uint64(1)
            if byte == COMMA:
                at = skip_space(data, at + 1, end)
                if is_object:
                    at = skip_name(data, words, at, end)
                    if at < 0:
                        return -1
                is_next = True
            elif byte == (CLOSE_OBJECT if is_object else CLOSE_LIST):
                at += 1
                depth -= 1
                open_objects = open_objects >> np.uint64(1)
            else:
                return -1
        if not is_next:
            return at


@kernel_inline
def skip_text_map(data: StateArray, words: StateArray, at: int, end: int) -> int:
    """Position after an object of texts; -1 when it is none."""
    at = skip_space(data, at + 1, end)
    if byte_at(data, at, end) == CLOSE_OBJECT:
        return at + 1
    while True:
        at = skip_name(data, words, at, end)
        if at < 0 or byte_at(data, at, end) != QUOTE:
            return -1
        at = skip_text(data, words, at + 1, end)
        if at < 0:
            return -1
        at = skip_space(data, at, end)
        byte = byte_at(data, at, end)
        if byte == CLOSE_OBJECT:
            return at + 1
        if byte != COMMA:
            return -1
        at = skip_space(data, at + 1, end)


@kernel_inline
def hash_span(data: StateArray, words: StateArray, start: int, length: int, state: Any) -> Any:
    """A uint64 that depends on `state` and every byte of a slice, eight at a time."""
    at = start
    end = start + length
    if length >= 32:
        # Four states side by side: one alone waits for its own product at every step.
        second = state + np.uint64(0x9E3779B97F4A7C15)
        third = state ^ np.uint64(0xC2B2AE3D27D4EB4F)
        fourth = state - np.uint64(0x165667B19E3779F9)
        while at + 32 <= end:
            state = (state ^ words[at]) * np.uint64(0x9E3779B97F4A7C15)
            second = (second ^ words[at + 8]) * np.uint64(0x9E3779B97F4A7C15)
            third = (third ^ words[at + 16]) * np.uint64(0x9E3779B97F4A7C15)
            fourth = (fourth ^ words[at + 24]) * np.uint64(0x9E3779B97F4A7C15)
            state = state ^ (state >> np.uint64(32))
            second = second ^ (second >> np.uint64(32))
            third = third ^ (third >> np.uint64(32))
            fourth = fourth ^ (fourth >> np.uint64(32))
            at += 32
        state = (state ^ second) * np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(32)) ^ third) * np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(32)) ^ fourth) * np.uint64(0x9E3779B97F4A7C15)
        state = state ^ (state >> np.uint64(32))
    while at + 8 <= end:
        state = (state ^ words[at]) * np.uint64(0x9E3779B97F4A7C15)
        state = state ^ (state >> np.uint64(32))
        at += 8
    tail = np.uint64(length)
    while at < end:
        tail = (tail << np.uint64(8)) | np.uint64(data[at])
        at += 1
    state = (state ^ tail) * np.uint64(0xD6E8FEB86659FD93)
    return state ^ (state >> np.uint64(32))
