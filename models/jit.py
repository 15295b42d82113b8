"""The one way this project compiles a kernel.

Notes
-----
Compiled kernels are kept on disk under a hash of all their sources (`models.kernel_cache`): an edit anywhere below a kernel
compiles it anew, and an edit elsewhere does not.  Where the disk is full or cannot be written they are kept in memory alone
(`models.kernel_store`).

fastmath stays off: full fastmath makes ``isnan`` false and reassociates sums, which would break bit-equality between the
one-by-one and the batch form.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

from models.kernel_cache import cache_dir
from models.kernel_store import open_cache

__all__ = ["cache_dir", "kernel", "kernel_bare", "kernel_call", "kernel_inline", "kernel_spliced"]

F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Compile `function` lazily for the types it is called with: cached on disk, without the GIL, strict IEEE arithmetic.

    Division by zero follows IEEE (inf, nan) instead of raising: kernels never raise, they return status codes.

    Examples
    --------
    A function to be cached must stand in a file::

        @kernel
        def half(x: float) -> float:
            return x / 2.0
    """
    return _compile(function)


def kernel_inline(function: F) -> F:
    """Like `kernel_bare`, made a part of the kernels that call it by LLVM, after numba is done with it.

    It is compiled once.  Where numba itself inlines (`kernel_spliced`) every call is compiled anew, types and all: the scanner of
    metrics took 17 s that way and takes 6 s this way, with the same speed.
    """
    return _compile(function, _nrt=False, forceinline=True)


def kernel_spliced(function: F) -> F:
    """Like `kernel_bare`, inlined by numba: slower to compile than `kernel_inline`, and faster in a few places.

    LLVM gets a `kernel_inline` with its loops unrolled and vectorised already, which cost Half-Space Trees and LODA 5 to 10 %.
    """
    return _compile(function, _nrt=False, inline="always")


def kernel_bare(function: F) -> F:
    """Like `kernel`, without reference counts: for kernels that walk bytes or rows of state, and must not allocate (they would not
    compile).

    Where arrays or their rows are passed to inlined functions inside of loops, numba counts references at each call: of a walk over
    the records of a batch that was seven eighths of the time, of the series clock three quarters.
    """
    return _compile(function, _nrt=False)


def kernel_call(function: F) -> F:
    """Like `kernel_bare`, holding the GIL: for calls from Python that take one value, which are over sooner than the lock could be
    let go and taken again (40 of 140 ns).
    """
    return _compile(function, _nrt=False, nogil=False)


def _compile(function: F, **options: Any) -> F:
    compiled = numba.njit(**{"nogil": True, "error_model": "numpy", **options})(function)
    # What ``cache=True`` does, with a cache that cannot stop a worker.
    compiled._cache = open_cache(function)
    names = list(inspect.signature(function).parameters)
    if "slot" in names and hasattr(compiled, "get_call_template"):  # with NUMBA_DISABLE_JIT it is the plain function
        _forget_constant(compiled, names.index("slot"))
    return cast(F, compiled)


def _forget_constant(compiled: Any, at: int) -> None:
    """Let calls for slot 0, which one sample at a time is learned in, share the kernel of calls for any slot.

    Numba compiles a function anew for every constant it is called with, which pays where a loop or an offset is known by it.
    """
    get_call_template = compiled.get_call_template

    def get_template(args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
        plain = numba.types.unliteral(args[at]) if at < len(args) else None  # type: ignore[no-untyped-call]
        return get_call_template((*args[:at], plain, *args[at + 1 :]) if plain else args, kws)

    compiled.get_call_template = get_template
