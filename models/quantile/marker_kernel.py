"""The part of P² that all markers go through alike, for three estimates at once.

Written as vectors of eight and one left over, because compilers make a chain of nine comparisons of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, config, types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from models.base import FloatColumn
from models.jit import kernel_bare

__all__ = ["step_each", "step_together"]

IS_INTERPRETED = bool(getattr(config, "DISABLE_JIT"))  # noqa: B009 - the module declares no attributes
N_MARKERS = 9
_make_array: Any = make_array
_unpack: Any = cgutils.unpack_tuple
_REAL = ir.DoubleType()
_MASK = ir.IntType(64)


def _make_step(typing_context: Any, row: Any, first: Any, x: Any, rates: Any) -> Any:  # noqa: ARG001 - numba's protocol
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = _make_array(signature.args[0])(context, builder, arguments[0]).data
        given = _unpack(builder, arguments[3])

        def step(start: int, stop: int) -> Any:
            vector = ir.VectorType(_REAL, stop - start)

            def spread(values: list[Any]) -> Any:
                made: Any = ir.Constant(vector, ir.Undefined)
                for lane, value in enumerate(values):
                    made = builder.insert_element(made, value, ir.IntType(32)(lane))
                return made

            def place(group: int) -> Any:
                at = builder.add(arguments[1], ir.IntType(64)(group * N_MARKERS + start))
                return builder.bitcast(builder.gep(data, [at]), vector.as_pointer())

            ones, zeros = ir.Constant(vector, [1.0] * (stop - start)), ir.Constant(vector, [0.0] * (stop - start))
            wanted = builder.fadd(builder.load(place(2), align=8), spread(given[start:stop]))
            is_below = builder.fcmp_ordered("<", spread([arguments[2]] * (stop - start)), builder.load(place(0), align=8))
            position = builder.fadd(builder.load(place(1), align=8), builder.select(is_below, ones, zeros))
            builder.store(wanted, place(2), align=8)
            builder.store(position, place(1), align=8)
            distance = builder.fsub(wanted, position)
            apart = builder.or_(
                builder.fcmp_ordered(">=", distance, ones), builder.fcmp_ordered("<=", distance, builder.fsub(zeros, ones))
            )
            return builder.zext(builder.bitcast(apart, ir.IntType(stop - start)), _MASK)

        return builder.or_(step(0, 8), builder.shl(step(8, N_MARKERS), _MASK(8)))

    return types.int64(row, types.uint64, types.float64, rates), generate


@kernel_bare
def step_each(row: FloatColumn, first: Any, x: float, rates: tuple[float, ...]) -> int:
    """Move the desired positions by a sample, and the positions of markers above it; return which have to move, a bit each.

    Parameters
    ----------
    row : (30,) float64, mutated
    first : uint64
        Column of the heights, the positions and the desired positions.
    rates : tuple of 9 floats
        How far the desired positions move.
    """
    positions, wanted = first + np.uint64(N_MARKERS), first + np.uint64(2 * N_MARKERS)
    late: Any = 0
    for i in range(N_MARKERS):
        marker: Any = np.uint64(i)
        row[wanted + marker] += rates[i]
        row[positions + marker] += 1.0 if x < row[first + marker] else 0.0
        late |= np.int64(abs(row[wanted + marker] - row[positions + marker]) >= 1.0) << i
    return late  # type: ignore[no-any-return]


if IS_INTERPRETED:
    step_together = step_each

else:
    step_together: Any = intrinsic(_make_step)  # type: ignore[no-redef]
    """What `step_each` does, in a third of the time; but a vector cannot be read before what was last written to it number by
    number is in the cache, so not where the sample before was of the same row."""
