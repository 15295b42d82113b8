"""Bits of a word, for kernels that keep flags in one and go through those that are set."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import config, types
from numba.extending import intrinsic

__all__ = ["find_lowest_bit"]

IS_INTERPRETED = bool(getattr(config, "DISABLE_JIT"))  # noqa: B009 - the module declares no attributes


def _make_find(typing_context: Any, word: Any) -> Any:  # noqa: ARG001 - numba's protocol
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return types.uint64(types.int64), generate


if IS_INTERPRETED:

    def find_lowest_bit(word: int) -> np.uint64:
        """Place of the lowest bit that is set in a word other than zero."""
        return np.uint64((int(word) & -int(word)).bit_length() - 1)

else:
    find_lowest_bit: Any = intrinsic(_make_find)  # type: ignore[no-redef]
