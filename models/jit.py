"""The one way this project compiles a kernel.

Notes
-----
numba's on-disk cache is keyed by the kernel's own file only: an edit of a jitted callee in *another* file leaves a
stale binary behind.  The cache folder is therefore keyed by a hash of every ``kernel*.py`` source of the project, so that any
edit anywhere starts a fresh folder.  ``NUMBA_CACHE_DIR`` in the environment wins (containers point it at a writable volume).

fastmath stays off: full fastmath makes ``isnan`` false and reassociates sums, which would break bit-equality between the
one-by-one and the batch form.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

import numba
from numba.core import config as _numba_config

__all__ = ["cache_dir", "kernel", "kernel_inline"]

F = TypeVar("F", bound=Callable[..., object])


def _source_hash() -> str:
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256(numba.__version__.encode())
    for package in ("models", "pipeline"):
        for path in sorted((root / package).rglob("*kernel*.py")):
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_dir() -> Path:
    """Folder of compiled kernels, keyed by the hash of all kernel sources.

    Examples
    --------
    >>> cache_dir() == cache_dir()
    True
    """
    named = os.environ.get("NUMBA_CACHE_DIR")
    if named:
        return Path(named)
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(home) / "streamwarden" / "numba" / _source_hash()


setattr(_numba_config, "CACHE_DIR", str(cache_dir()))  # noqa: B010 - the module declares no attributes


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
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def kernel_inline(function: F) -> F:
    """Like `kernel`, inlined into its callers; the callers must stand in the same file."""
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")(function))
