"""Compiled kernels on disk: a disk that is full, cannot be written or has damaged files costs time and stops nothing.

numba's own cache raises where a kernel is called: a folder that cannot be written, a disk that fills up, an index cut short by a power
failure would end a worker for the sake of a cache.  Here what cannot be read is compiled, what cannot be written is kept in
memory, and each kind of fault is told once.

Notes
-----
One file holds one kernel for one signature, under a name made of everything it depends on; so there is no index that two processes
could write at once.  It begins with a checksum, because machine code with a flipped bit is not an error but a crash.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import pickle
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from numba.core import caching, serialize

from models.kernel_cache import SourceLocator

__all__ = ["CacheFault", "FaultLog", "KernelCache", "KernelFiles", "cache_faults", "open_cache"]

# Parts of numba that have no annotations.
_caching: Any = caching
_dumps: Callable[[object], bytes] = serialize.dumps

_MAGIC = b"swk1"
_DIGEST_BYTES = 32
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CacheFault:
    """What went wrong with a file of the cache.

    Parameters
    ----------
    kind : str
        ``unwritable``: a kernel was compiled and could not be kept.  ``unreadable``: it may be there and cannot be read.
        ``damaged``: it is there, and is not what was written.
    path : Path
        The folder that cannot be written, or the file that cannot be used.
    code : str
        The system's name of the error, e.g. ``ENOSPC``; for damage ``CHECKSUM``.
    error : str
        The error in words.
    """

    kind: Literal["unwritable", "unreadable", "damaged"]
    path: Path
    code: str
    error: str

    @property
    def cure(self) -> str:
        """What to do about it.

        Examples
        --------
        >>> CacheFault("unwritable", Path("/k"), "EROFS", "Read-only file system").cure
        'make /k writable, or name another folder with NUMBA_CACHE_DIR; until then every start compiles anew'
        """
        if self.kind == "damaged":
            return (
                f"none is needed: it is compiled and written anew; if that comes again, look at the disk under {self.path.parent}"
            )
        if self.kind == "unreadable":
            return f"make {self.path} readable, or name another folder with NUMBA_CACHE_DIR; until then every start compiles anew"
        first = f"free some megabytes under {self.path}" if self.code in _NAMES_OF_FULL else f"make {self.path} writable"
        return f"{first}, or name another folder with NUMBA_CACHE_DIR; until then every start compiles anew"


_NAMES_OF_FULL = tuple(errno.errorcode[number] for number in _FULL)


class FaultLog:
    """Faults of the cache in this process: counted, and the first of each kind and code told to whoever listens.

    Attributes
    ----------
    n_by_kind : Counter of str
        Faults so far.
    """

    def __init__(self) -> None:
        self.n_by_kind: Counter[str] = Counter()
        self._told: dict[tuple[str, str], CacheFault] = {}
        self._listener: Callable[[CacheFault], None] | None = None
        self._lock = threading.Lock()

    def listen(self, listener: Callable[[CacheFault], None] | None) -> None:
        """Send faults here instead of to the log of this module, those told before as well; None = to the log again.

        Parameters
        ----------
        listener : callable, optional
            Called in the thread that compiles.
        """
        with self._lock:
            self._listener = listener
            told = list(self._told.values())
        if listener is not None:
            for fault in told:
                listener(fault)

    def add(self, fault: CacheFault) -> None:
        """Count a fault, and tell it if it is the first of its kind and code."""
        with self._lock:
            self.n_by_kind[fault.kind] += 1
            if (fault.kind, fault.code) in self._told:
                return
            self._told[fault.kind, fault.code] = fault
            listener = self._listener
        if listener is not None:
            listener(fault)
        else:
            _LOGGER.warning("kernel cache %s: %s: %s; %s", fault.kind, fault.path, fault.error, fault.cure)


cache_faults = FaultLog()
"""Faults of every kernel of this process."""


class KernelFiles:
    """Files of one kernel, one a signature.

    Parameters
    ----------
    folder : Path
        Where they are.
    name : str
        What their names begin with.
    faults : FaultLog
        Who is told what went wrong.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     files = KernelFiles(Path(folder), "half", FaultLog())
    ...     files.save("int64", {"code": 1})
    ...     files.load("int64"), files.load("float64")
    ({'code': 1}, None)
    """

    def __init__(self, folder: Path, name: str, faults: FaultLog) -> None:
        self._folder = folder
        self._name = name
        self._faults = faults

    def path_of(self, key: object) -> Path:
        """The file of a signature."""
        return self._folder / f"{self._name}.{hashlib.sha256(repr(key).encode()).hexdigest()[:24]}.kernel"

    def load(self, key: object) -> Any:
        """What was saved for a signature; None when there is nothing, or nothing of use."""
        path = self.path_of(key)
        try:
            data = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self._faults.add(CacheFault("unreadable", path, _code(error), _words(error)))
            return None
        start = len(_MAGIC) + _DIGEST_BYTES
        payload = memoryview(data)[start:]
        if data[:start] != _MAGIC + hashlib.sha256(payload).digest():
            found = "it is empty" if not data else f"its checksum does not fit its {len(data)} bytes"
            self._faults.add(CacheFault("damaged", path, "CHECKSUM", found))
            return None
        # Our own bytes, as they were written: numba keeps its results as pickles.
        return pickle.loads(payload)  # noqa: S301

    def save(self, key: object, data: object) -> None:
        """Keep it for other processes if that can be done."""
        payload = _dumps(data)
        try:
            self._write(self.path_of(key), _MAGIC + hashlib.sha256(payload).digest() + payload)
        except OSError as error:
            self._faults.add(CacheFault("unwritable", self._folder, _code(error), _words(error)))

    def flush(self) -> None:
        """Remove every file of this kernel."""
        for path in self._folder.glob(f"{self._name}.*.kernel"):
            path.unlink(missing_ok=True)

    def _write(self, path: Path, data: bytes) -> None:
        """Write aside and rename, so that other processes see all of it or nothing."""
        self._folder.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(f".{uuid.uuid4().hex}.aside")
        try:
            aside.write_bytes(data)
            aside.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)
            raise


class _Implementation(_caching.CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = (SourceLocator, _caching.IPythonCacheLocator)


class KernelCache(_caching.FunctionCache):  # type: ignore[misc]
    """Cache of one kernel, in the place of numba's.

    Parameters
    ----------
    function : callable
        The kernel, not compiled.

    Raises
    ------
    RuntimeError
        The function stands in no file and in no notebook.
    """

    _impl_class = _Implementation

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        folder = Path(self._impl.locator.get_cache_path())
        stamp = "" if isinstance(self._impl.locator, SourceLocator) else f"-{_short_hash(self._impl.locator.get_source_stamp())}"
        self._cache_file = KernelFiles(folder, f"{self._impl.filename_base}{stamp}", cache_faults)

    def _save_overload(self, sig: Any, data: Any) -> None:
        if self._enabled and self._impl.check_cachable(data):
            self._cache_file.save(self._index_key(sig, data.codegen), self._impl.reduce(data))


def open_cache(function: Callable[..., Any]) -> Any:
    """The cache of a kernel; for one that was typed at a prompt, which nothing can be kept of, one that keeps nothing.

    Examples
    --------
    >>> open_cache(eval("lambda x: x"))
    <numba.core.caching.NullCache object at ...>
    """
    try:
        return KernelCache(function)
    except RuntimeError:
        return _caching.NullCache()


def _short_hash(stamp: object) -> str:
    return hashlib.sha256(repr(stamp).encode()).hexdigest()[:16]


def _code(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, type(error).__name__)


def _words(error: OSError) -> str:
    return error.strerror or str(error)
