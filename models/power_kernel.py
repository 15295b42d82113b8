"""Python's ``x ** 0.5`` and ``x ** 2`` to the last bit, without the price of C's ``pow`` for nearly every argument.

``pow`` is right to about half a unit in the last place (0.52 in glibc and in musl), a square root and a product are right to
exactly half a unit, so the two differ only where the exact result lies close to the middle between two floats.  The rest of the root
or product tells how close: when it is within `SURE` of half a unit there is nothing to ask; otherwise ``pow`` is asked.

References
----------
Muller, J.-M. et al. (2018). Handbook of floating-point arithmetic, 2nd edition, sections 4.4 (fused multiply-add) and 5.1.
Rump, S. M., Zimmermann, P., Boldo, S. and Melquiond, G. (2009). Computing predecessor and successor in rounding to nearest. BIT 49,
for the distance to the next float.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, config, types
from numba.extending import intrinsic

from models.base import BoolColumn, FloatColumn
from models.jit import kernel_bare

__all__ = ["power", "square", "take_root", "take_roots"]

SURE = 0.92
"""Twice the greatest distance from the rounded result, in units in the last place, at which ``pow`` is not asked."""
NEXT = 1.1102230246251568e-16
LEAST, GREATEST = 1e-280, 1e280
_DOUBLE = ir.DoubleType()
_declare: Any = cgutils.get_or_insert_function


def _make_pow_call(typing_context: Any, x: Any, y: Any) -> Any:  # noqa: ARG001 - numba's protocol
    # LLVM's own intrinsic may be evaluated on both sides of a branch, which would cost what the branch is there to save.
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        declared = _declare(builder.module, ir.FunctionType(_DOUBLE, [_DOUBLE, _DOUBLE]), "pow")
        return builder.call(declared, arguments)

    return types.float64(types.float64, types.float64), generate


def _make_multiply_add(typing_context: Any, a: Any, b: Any, c: Any) -> Any:  # noqa: ARG001
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), generate


_call_pow: Any = intrinsic(_make_pow_call)
_multiply_add: Any = intrinsic(_make_multiply_add)
IS_INTERPRETED = bool(getattr(config, "DISABLE_JIT"))  # noqa: B009 - the module declares no attributes


def power(x: float, exponent: float) -> float:
    """C's ``pow``."""
    return float(x**exponent)


if IS_INTERPRETED:

    def take_root(x: float) -> float:
        """``x ** 0.5`` of an `x` that is not negative."""
        return power(x, 0.5)

    def take_roots(x: FloatColumn, start: int, stop: int, unsure: BoolColumn) -> None:  # noqa: ARG001 - room the compiled form needs
        """Replace ``x[start:stop]`` by the roots."""
        for j in range(start, stop):
            x[j] = power(x[j], 0.5)

    def square(x: float) -> float:
        """``x ** 2.0``; infinite where Python's raises."""
        return power(x, 2.0) if abs(x) < 1e154 else x * x

else:

    @kernel_bare
    def _ask_pow(x: float, exponent: float) -> float:
        if not math.isfinite(x):
            return x * x if exponent > 1.0 else math.sqrt(x)
        # The exponent is hidden from the compiler, which knows that a constant one is a product or a root.
        return _call_pow(x, exponent + 0.0 * x)  # type: ignore[no-any-return]

    @kernel_bare
    def take_root(x: float) -> float:
        """``x ** 0.5`` of an `x` that is not negative.

        Examples
        --------
        >>> take_root(0.2) == 0.2 ** 0.5
        True
        """
        root = math.sqrt(x)
        rest = _multiply_add(-root, root, x)
        unit = (root + NEXT * root) - root
        if abs(rest) < SURE * root * unit and LEAST < x < GREATEST:
            return root
        return _ask_pow(x, 0.5)

    @kernel_bare
    def take_roots(x: FloatColumn, start: int, stop: int, unsure: BoolColumn) -> None:
        """Replace ``x[start:stop]`` by the roots, four or eight at a time; `unsure` is room for as many flags."""
        # An unsigned index needs no test for counting from the end, with which these would be taken one at a time.
        first: Any = np.uint64(start)
        last: Any = np.uint64(stop)
        for j in range(first, last):
            root = math.sqrt(x[j])
            rest = _multiply_add(-root, root, x[j])
            unit = (root + NEXT * root) - root
            unsure[j - first] = not (abs(rest) < SURE * root * unit and x[j] > LEAST and x[j] < GREATEST)
        for j in range(first, last):
            x[j] = _ask_pow(x[j], 0.5) if unsure[j - first] else math.sqrt(x[j])

    @kernel_bare
    def square(x: float) -> float:
        """``x ** 2.0``; infinite where Python's raises.

        Examples
        --------
        >>> square(0.1) == 0.1 ** 2
        True
        """
        product = x * x
        rest = _multiply_add(x, x, -product)
        unit = (product + NEXT * product) - product
        if abs(rest) < 0.5 * SURE * unit and LEAST < product < GREATEST:
            return product
        return _ask_pow(x, 2.0)
