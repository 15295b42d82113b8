"""Decimal text → nearest 64-bit float, as kernels.

References
----------
D. Lemire, "Number parsing at a gigabyte per second", Software: Practice and Experience 51 (2021), sections 5 and 8: the product
with a 128-bit power of five settles the rounding, or tells that it does not.
W. D. Clinger, "How to read floating point numbers accurately", PLDI 1990: up to 2**53 times or over a power of ten up to 10**22
one operation rounds once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from models.base import FloatColumn
from models.jit import kernel_bare, kernel_inline
from models.state_array import StateArray

MIN_POWER, MAX_POWER = -342, 308
MAX_EXACT_POWER = 22
MAX_DIGITS = 19
"""Decimal digits that always fit 64 bits without a sign."""

EXACT_POWERS = np.array([float(10**power) for power in range(MAX_EXACT_POWER + 1)])


def _make_powers_of_five() -> Any:
    """(651, 2) uint64: high and low half of the 128-bit power, its highest bit set; truncated below, rounded up for q < 0."""
    rows = []
    for power in range(MIN_POWER, MAX_POWER + 1):
        if power >= 0:
            number = 5**power
            n_bits = number.bit_length()
            bits = number << (128 - n_bits) if n_bits <= 128 else number >> (n_bits - 128)
        else:
            divisor = 5**-power
            bits = (1 << (divisor.bit_length() + 127)) // divisor + 1
            while bits >= 1 << 128:
                bits >>= 1
        rows.append((bits >> 64, bits & (2**64 - 1)))
    return np.array(rows, dtype=np.uint64)


POWERS_OF_FIVE = _make_powers_of_five()

_U0, _U1, _U2, _U3 = np.uint64(0), np.uint64(1), np.uint64(2), np.uint64(3)
_U9, _U32, _U52, _U63 = np.uint64(9), np.uint64(32), np.uint64(52), np.uint64(63)
_LOW_32 = np.uint64(0xFFFFFFFF)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_PRECISION = np.uint64(0x1FF)
_HIDDEN = np.uint64(1 << 52)
_TWO_53 = np.uint64(1 << 53)


@kernel_inline
def multiply(a: Any, b: Any) -> tuple[Any, Any]:
    """High and low half of the 128-bit product of two uint64."""
    a_low, a_high = a & _LOW_32, a >> _U32
    b_low, b_high = b & _LOW_32, b >> _U32
    low = a_low * b_low
    middle = a_high * b_low + (low >> _U32)
    other = a_low * b_high + (middle & _LOW_32)
    return a_high * b_high + (middle >> _U32) + (other >> _U32), (other << _U32) | (low & _LOW_32)


@kernel_inline
def count_leading_zeros(number: Any) -> int:
    """Zero bits above the highest set bit of a uint64 that is not 0."""
    n = 0
    width = 32
    while width > 0:
        if number >> np.uint64(64 - width) == _U0:
            n += width
            number = number << np.uint64(width)
        width //= 2
    return n


@kernel_bare
def round_product(mantissa: Any, power: int, bits: StateArray, at: int, fives: StateArray) -> bool:
    """What `round_decimal` says of numbers that one operation does not settle; `mantissa` is not 0."""
    if power < MIN_POWER or power > MAX_POWER:
        return False
    n_zeros = count_leading_zeros(mantissa)
    w = mantissa << np.uint64(n_zeros)
    row = power - MIN_POWER
    high, low = multiply(w, fives[row, 0])
    if high & _PRECISION == _PRECISION:
        more, _ = multiply(w, fives[row, 1])
        low = low + more
        if low < more:
            high = high + _U1
        if low == _ALL and not -27 <= power <= 55:
            return False
    upper = high >> _U63
    shift = upper + _U9
    digits = high >> shift
    exponent = ((217706 * power) >> 16) + 63 + np.int64(upper) - n_zeros + 1023
    if exponent <= 0:
        return False
    # Halfway between two floats, which only powers near zero can be: to even.
    if low <= _U1 and -4 <= power <= 23 and digits & _U3 == _U1 and digits << shift == high:
        digits = digits & ~_U1
    digits = (digits + (digits & _U1)) >> _U1
    if digits >= _TWO_53:
        digits = _HIDDEN
        exponent += 1
    if exponent >= 2047:
        return False
    bits[at] = (np.uint64(exponent) << _U52) | (digits & ~_HIDDEN)
    return True


@kernel_inline
def round_decimal(
    mantissa: Any, power: int, bits: StateArray, value: FloatColumn, at: int, exact: FloatColumn, fives: StateArray
) -> bool:
    """Write the float nearest to ``mantissa * 10**power``; False when that is not certain, nor within the normal range.

    Parameters
    ----------
    mantissa : uint64
    power : int
    bits : (N,) uint64
        The bits of `value`.
    value : (N,) float64, written at `at`
    exact, fives
        `EXACT_POWERS` and `POWERS_OF_FIVE`.
    """
    if mantissa == _U0:
        value[at] = 0.0
        return True
    if mantissa <= _TWO_53 and -MAX_EXACT_POWER <= power <= MAX_EXACT_POWER:
        if power < 0:
            value[at] = np.float64(mantissa) / exact[-power]
        else:
            value[at] = np.float64(mantissa) * exact[power]
        return True
    return round_product(mantissa, power, bits, at, fives)
