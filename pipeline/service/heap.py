"""The heap: what was let go of is given back to the machine, and what stays is left alone by the collector of garbage."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from functools import cache

__all__ = ["keep_heap", "trim_heap"]


def keep_heap() -> None:
    """Let the collector of garbage look no more at what there is now; what comes later it looks after as ever.

    A worker that has been warmed up holds hundreds of thousands of objects of modules, compiled kernels and settings, which stay until
    it ends.  Each full collection walked over all of them: some 100 ms, in the midst of a batch.

    Examples
    --------
    >>> keep_heap()
    >>> gc.get_freeze_count() > 1_000
    True
    >>> gc.unfreeze()
    """
    gc.collect()
    gc.freeze()


def trim_heap() -> bool:
    """Give free pages of the heap back; whether there were any.

    Copies of state, for a checkpoint or out of one, are made of arrays that the C library keeps for the next time: a third of the
    memory of a worker with a million series.  Costs some 0.2 ms, and 20 ms where 300 MB go; holds no lock of Python's.  With a C
    library other than glibc nothing is done.

    Examples
    --------
    >>> trim_heap() in (True, False)
    True
    """
    trim = _find_trim()
    return trim is not None and bool(trim(0))


@cache
def _find_trim() -> Callable[[int], int] | None:
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
    return trim
