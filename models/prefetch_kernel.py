"""Fetching ahead: asking for the cache line of an array element before it is needed.

With a hundred thousand series the state of nearly every sample comes from memory, 80 ns a line away.  Which lines a sample needs is
known as soon as its slot is, so those of the samples to come can be on their way while one is worked on.

How many samples ahead: so many that the work on them takes longer than a line from memory does on a busy machine, some 300 ns,
yet so few that their lines fit into the cache together.  A row that is not a whole number of lines may reach into one more, so
the end of it is asked for as well.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, config, types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

__all__ = ["prefetch"]

IS_INTERPRETED = bool(getattr(config, "DISABLE_JIT"))  # noqa: B009 - the module declares no attributes
_FOR_WRITING, _KEPT, _DATA = 1, 3, 1
_make_array: Any = make_array
_find: Any = cgutils.get_item_pointer
_unpack: Any = cgutils.unpack_tuple


def _make_prefetch(typing_context: Any, array: Any, index: Any) -> Any:  # noqa: ARG001 - numba's protocol
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        held = _make_array(kind)(context, builder, arguments[0])
        indices = _unpack(builder, arguments[1])
        place = _find(context, builder, kind, held, indices, wraparound=False)
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        declared = builder.module.declare_intrinsic(
            "llvm.prefetch", [byte], ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        )
        builder.call(declared, [builder.bitcast(place, byte), *(word(n) for n in (_FOR_WRITING, _KEPT, _DATA))])
        return context.get_dummy_value()

    return types.void(array, index), generate


if IS_INTERPRETED:

    def prefetch(array: Any, index: tuple[Any, ...]) -> None:
        """Nothing: there is no telling the interpreter."""

else:
    prefetch: Any = intrinsic(_make_prefetch)  # type: ignore[no-redef]
