"""The error function of the C library, many values at once, to the last bit.

A call to C's ``erf`` takes one value, and longer than the rest of a Gaussian score.  Most C libraries on 64-bit Intel and AMD
(glibc and musl among them) compute it by the rational approximations of fdlibm, which below 1.25 are plain sums and products: done
here in the same order they round in the same places.  Whether the library at hand is such a one is tried out once; where it is not,
and beyond 1.25, the library is asked.

References
----------
Cody, W. J. (1969). Rational Chebyshev approximations for the error function. Mathematics of Computation 23(107).
Sun Microsystems (1993). fdlibm 5.3, s_erf.c: intervals and coefficients.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from models.base import FloatColumn
from models.jit import kernel

__all__ = ["fill_erf", "find_reach"]

LEAST, MIDDLE, GREATEST = 1e-8, 0.84375, 1.25
AT_ONE = 8.45062911510467529297e-01
# erf(x) = x + x P(x²)/Q(x²) below MIDDLE.
P0, P1, P2 = 1.28379167095512558561e-01, -3.25042107247001499370e-01, -2.84817495755985104766e-02
P3, P4 = -5.77027029648944159157e-03, -2.37630166566501626084e-05
Q1, Q2, Q3 = 3.97917223959155352819e-01, 6.50222499887672944485e-02, 5.08130628187576562776e-03
Q4, Q5 = 1.32494738004321644526e-04, -3.96022827877536812320e-06
# erf(x) = AT_ONE + R(x - 1)/S(x - 1) from there to GREATEST.
R0, R1, R2, R3 = -2.36211856075265944077e-03, 4.14856118683748331666e-01, -3.72207876035701323847e-01, 3.18346619901161753674e-01
R4, R5, R6 = -1.10894694282396677476e-01, 3.54783043256182359371e-02, -2.16637559486879084300e-03
S1, S2, S3 = 1.06420880400844228286e-01, 5.40397917702171048937e-01, 7.18286544141962662868e-02
S4, S5, S6 = 1.26171219808761642112e-01, 1.36370839120290507362e-02, 1.19844998467991074170e-02


@kernel
def erf_near(x: float) -> float:
    """``erf(x)`` below `MIDDLE`."""
    z = x * x
    z2 = z * z
    above = P0 + z * P1 + z2 * (P2 + z * P3) + z2 * z2 * P4
    below = 1.0 + z * Q1 + z2 * (Q2 + z * Q3) + z2 * z2 * (Q4 + z * Q5)
    return x + x * (above / below)


@kernel
def erf_middle(x: float) -> float:
    """``erf(x)`` of a positive `x` between `MIDDLE` and `GREATEST`."""
    s = x - 1.0
    s2 = s * s
    s4 = s2 * s2
    s6 = s4 * s2
    above = R0 + s * R1 + s2 * (R2 + s * R3) + s4 * (R4 + s * R5) + s6 * R6
    below = 1.0 + s * S1 + s2 * (S2 + s * S3) + s4 * (S4 + s * S5) + s6 * S6
    return AT_ONE + above / below


@kernel
def fill_erf(x: FloatColumn, reach: float, found: FloatColumn, start: int, stop: int) -> None:
    """Write the error function of `x` into ``found[start:stop]``, four or eight at a time.

    Parameters
    ----------
    x : (stop - start,) float64 at least
    reach : float
        As found by `find_reach`.
    found : (B,) float64, mutated
    """
    first: Any = np.uint64(start)
    last: Any = np.uint64(stop)
    for i in range(last - first):
        near = erf_near(x[i])
        middle = math.copysign(erf_middle(abs(x[i])), x[i])
        found[first + i] = near if abs(x[i]) < MIDDLE else middle
    for i in range(last - first):
        if not (abs(x[i]) > LEAST and abs(x[i]) < reach):
            found[first + i] = math.erf(x[i])


@cache
def find_reach() -> float:
    """How far from zero the approximations equal the C library's: `GREATEST`, or 0.0 when it has others.

    Examples
    --------
    >>> found = np.empty(3)
    >>> fill_erf(np.array([-0.5, 1.0, 3.0]), find_reach(), found, 0, 3)
    >>> found.tolist() == [math.erf(-0.5), math.erf(1.0), math.erf(3.0)]
    True
    """
    tried = np.linspace(LEAST, GREATEST, 2001)[1:-1].tolist()
    near, middle = (getattr(half, "py_func", half) for half in (erf_near, erf_middle))
    is_same = all((near(x) if x < MIDDLE else middle(x)) == math.erf(x) for x in tried)
    return GREATEST if is_same else 0.0
