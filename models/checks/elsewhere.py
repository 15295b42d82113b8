"""What a model comes to in a process of its own, where nothing has been called, compiled or hashed before."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache, reduce
from importlib import import_module
from typing import Any, NamedTuple

import numba
import numpy as np
from numba.core.event import install_recorder

from models.base import Estimator, Scores
from models.checks.comparison import flatten, make_model, to_arguments
from models.checks.questions import ask
from models.checks.stream import Stream, make_stream, run_stream, score_digest

__all__ = ["Report", "digest_stream", "find_late_kernels", "make_report", "run_elsewhere"]

_PROGRAM = "import json, sys; from models.checks.elsewhere import make_report; print(json.dumps(make_report(*sys.argv[1:])))"


class Report(NamedTuple):
    """What a process has to tell.

    Attributes
    ----------
    scores, snapshot : str
        SHA-256 of what a fresh model puts out for the checks' stream, and of its snapshot then.
    late_kernels : list of str
        Kernels that were compiled, or loaded, after everything had been called once.
    """

    scores: str
    snapshot: str
    late_kernels: list[str]


def digest_stream(model: Estimator) -> tuple[str, str]:
    """`Report.scores` and `Report.snapshot` of a fresh model.

    Examples
    --------
    >>> from models.ew.model import EWScorer
    >>> [len(digest) for digest in digest_stream(EWScorer())]
    [64, 64]
    """
    scores = score_digest(model, make_stream(model.n_features))
    return scores, hashlib.sha256(flatten(model.snapshot(np.arange(3, dtype=np.int64)))).hexdigest()


def find_late_kernels(estimator_factory: Callable[[], Any]) -> list[str]:
    """Kernels that `models.warmup.exercise` has left to be compiled by later calls; all of them only where nothing was called before.

    Examples
    --------
    >>> from models.ew.model import EWScorer
    >>> find_late_kernels(EWScorer)
    []
    """
    from models.warmup import exercise

    exercise(estimator_factory())
    model: Any = make_model(estimator_factory)
    stream = make_stream(model.n_features, n_samples=900)
    frozen = stream[:]
    frozen.X.flags.writeable = False
    wide = Stream(stream.slots, stream.event_time_ns, stream.X.reshape(stream.size, -1))
    parts = np.empty((stream.size, len(model.part_names)))
    slots = np.arange(3, dtype=np.int64)
    before = _count_signatures()
    with install_recorder("numba:compile") as recorder:
        for part in (stream, stream[:1], stream[:0], frozen, wide):
            run_stream(model, part)
        model.score_learn_parts(stream.slots, stream.event_time_ns, stream.X, Scores.empty(stream.size), parts)
        for value in (1, 1.5, np.float64(0.5)):
            ask(model, value)
            if hasattr(model, "learn_one"):
                model.learn_one(*to_arguments(model, [value] * model.n_features))
        model.restore(slots[::-1], model.snapshot(slots))
        model.reset(slots)
        model.reserve(2000)
    late = {event.data["dispatcher"].py_func.__qualname__ for _, event in recorder.buffer if event.data}
    # What is kept on disk is no compilation here, but would be one where the disk is empty.
    late |= {name for name, count in _count_signatures().items() if count != before.get(name, 0)}
    return sorted(late)


def make_report(module: str, name: str, parameters: str) -> Report:
    """Report on a class by its module, qualified name and parameters as JSON: what the other process does."""
    kind = reduce(getattr, name.split("."), import_module(module))
    chosen = json.loads(parameters)
    late = find_late_kernels(lambda: kind(**chosen))  # type: ignore[operator]
    return Report(*digest_stream(kind(**chosen)), late)  # type: ignore[operator]


def run_elsewhere(model: Estimator) -> Report:
    """Report of another process, with another hash seed, on a model like this one.

    Raises
    ------
    AssertionError
        Its class cannot be imported elsewhere, or the process failed.
    """
    kind = type(model)
    can_import = kind.__module__ != "__main__" and "<" not in kind.__qualname__
    assert can_import, f"{kind.__qualname__} of {kind.__module__} cannot be imported by another process: put it into a module"
    return _run(kind.__module__, kind.__qualname__, json.dumps(dict(model.parameters)))


@cache
def _run(*arguments: str) -> Report:
    found = subprocess.run(  # noqa: S603 - the interpreter that runs this
        [sys.executable, "-c", _PROGRAM, *arguments],
        env={**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, f"the other process failed: {found.stderr[-2000:]}"
    return Report(*json.loads(found.stdout))


def _count_signatures() -> dict[str, int]:
    """Signatures compiled or loaded so far, of every kernel that stands in a module."""
    return {
        f"{module_name}.{attribute}": len(value.signatures)
        for module_name, module in list(sys.modules.items())
        for attribute, value in list(getattr(module, "__dict__", {}).items())
        if isinstance(value, numba.core.dispatcher.Dispatcher)
    }
