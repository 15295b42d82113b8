"""The one way this project compiles a kernel.

Notes
-----
Compiled kernels are kept on disk under a hash of all their sources (`models.kernel_cache`): an edit anywhere below a kernel
compiles it anew, and an edit elsewhere does not.

fastmath stays off: full fastmath makes ``isnan`` false and reassociates sums, which would break bit-equality between the
one-by-one and the batch form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba.core import config as _numba_config

from models.kernel_cache import cache_dir

__all__ = ["cache_dir", "kernel", "kernel_bare", "kernel_inline"]

F = TypeVar("F", bound=Callable[..., object])

_LOCATORS = "models.kernel_cache.SourceLocator,UserWideCacheLocator,IPythonCacheLocator"


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
    """Like `kernel`, inlined into its callers; the callers must stand in the same file."""
    return _compile(function, inline="always")


def kernel_bare(function: F) -> F:
    """Like `kernel`, without reference counts: for kernels that walk bytes, and must not allocate (they would not compile).

    Where arrays are passed to inlined functions inside of loops, numba counts references at each call: of a walk over the
    records of a batch that was seven eighths of the time.
    """
    return _compile(function, _nrt=False)


def _compile(function: F, **options: Any) -> F:
    # numba reads which locators to use when a function is decorated; other users of numba keep theirs.
    before = getattr(_numba_config, "CACHE_LOCATOR_CLASSES")  # noqa: B009 - the module declares no attributes
    setattr(_numba_config, "CACHE_LOCATOR_CLASSES", _LOCATORS)  # noqa: B010
    try:
        return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy", **options)(function))
    finally:
        setattr(_numba_config, "CACHE_LOCATOR_CLASSES", before)  # noqa: B010
