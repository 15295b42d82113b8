"""Where a compiled kernel is kept on disk: under a hash of all the sources it is made of.

numba's own key is the kernel's file alone: an edit of a jitted callee, or of a constant, in *another* file leaves a stale binary
behind.  Here the key is the text of the kernel's module and of every module of the project that it imports, directly or not.  Times
and paths play no part, so clones, worktrees and image layers share one cache.
"""

from __future__ import annotations

import ast
import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite  # type: ignore[import-untyped]
import numba

from models.cache_home import cache_home

__all__ = ["SourceLocator", "cache_dir", "list_sources", "source_hash"]

_ROOT = Path(__file__).resolve().parent.parent
_PACKAGES = ("models", "pipeline")
# How kernels are kept changes nothing about them.
_NOT_COMPILED = frozenset(_ROOT / "models" / name for name in ("cache_home.py", "kernel_cache.py", "kernel_store.py"))


def cache_dir() -> Path:
    """Folder of compiled kernels; ``NUMBA_CACHE_DIR`` in the environment wins (containers point it at a writable volume).

    Examples
    --------
    >>> cache_dir() == cache_dir()
    True
    """
    named = os.environ.get("NUMBA_CACHE_DIR")
    return Path(named) if named else cache_home() / "numba"


@cache
def list_sources(path: Path) -> tuple[Path, ...]:
    """A source file and all files of the project that it imports, directly or not, sorted; this file and `kernel_store` aside.

    Examples
    --------
    >>> names = {one.name for one in list_sources(_ROOT / "models" / "gate_kernel.py")}
    >>> {"gate_kernel.py", "jit.py", "base.py"} <= names, "model.py" in names
    (True, False)
    """
    found = {path}
    waiting = [path]
    while waiting:
        for module in _imported_modules(waiting.pop()):
            source = _ROOT.joinpath(*module.split("."))
            for candidate in (source.with_suffix(".py"), source / "__init__.py"):
                if candidate.is_file() and candidate not in found:
                    found.add(candidate)
                    waiting.append(candidate)
    return tuple(sorted(found - _NOT_COMPILED))


def _imported_modules(path: Path) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module)
            modules.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {module for module in modules if module.split(".")[0] in _PACKAGES}


@cache
def source_hash(path: Path) -> str:
    """Hash over `list_sources` and the versions of the compiler: 16 hex digits.

    Examples
    --------
    >>> len(source_hash(_ROOT / "models" / "gate_kernel.py"))
    16
    """
    digest = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__}".encode())
    for source in list_sources(path):
        digest.update((source.relative_to(_ROOT).as_posix() if source.is_relative_to(_ROOT) else source.name).encode())
        digest.update(hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()[:16]


class SourceLocator:
    """Tells numba where the compiled form of one kernel is kept, by numba's protocol for cache locators.

    Parameters
    ----------
    function : callable
        The kernel, not compiled.
    py_file : str
        Its source file.
    """

    def __init__(self, function: Callable[..., Any], py_file: str) -> None:
        self._py_file = py_file
        self._line = function.__code__.co_firstlineno
        self._stamp = source_hash(Path(py_file).resolve())
        self._path = cache_dir() / f"{function.__module__}-{self._stamp}"

    @classmethod
    def from_function(cls, function: Callable[..., Any], py_file: str) -> SourceLocator | None:
        """The locator of a kernel that stands in a file; None = numba should look elsewhere."""
        return cls(function, py_file) if Path(py_file).is_file() else None

    def ensure_cache_path(self) -> None:
        """Nothing: whether the folder can be written is seen when something is to be written (`models.kernel_store`)."""

    def get_cache_path(self) -> str:
        """The folder."""
        return str(self._path)

    def get_source_stamp(self) -> str:
        """What must be equal for a kept binary to be of use."""
        return self._stamp

    def get_disambiguator(self) -> str:
        """Tells kernels of one name in one file apart."""
        return str(self._line)
