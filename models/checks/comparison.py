"""What the checks hold models to: equal bits, unchanged state, a refusal by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from models.base import Estimator, Scores, Snapshot
from models.checks.stream import Run

__all__ = ["EstimatorFactory", "flatten", "make_model", "require_equal", "require_raises", "to_arguments"]

EstimatorFactory = Callable[[], Estimator]


def make_model(estimator_factory: EstimatorFactory, n_slots: int = 3) -> Estimator:
    """A fresh model with rows reserved.

    Examples
    --------
    >>> from models.ew.model import EWScorer
    >>> make_model(EWScorer).n_slots
    3
    """
    model = estimator_factory()
    model.reserve(n_slots)
    return model


def require_equal(found: Run, expected: Run, what: str) -> None:
    """Compare two runs bit by bit.

    Raises
    ------
    AssertionError
        They differ; it names the column and the sample in which they do first, beginning with `what`.

    Examples
    --------
    >>> run, other = (Run(Scores.empty(2), np.ones(2, np.bool_)) for _ in range(2))
    >>> for column, same in zip(run.out, other.out):
    ...     column[:] = same[:] = 0.5
    >>> require_equal(run, other, "twice the same")
    >>> other.out.score[1] = 0.75
    >>> require_equal(run, other, "not the same")
    Traceback (most recent call last):
        ...
    AssertionError: not the same: score[1] is np.float64(0.5); expected np.float64(0.75)
    """
    for label, mine, theirs in zip(
        (*Scores._fields, "ready"), (*found.out, found.ready), (*expected.out, expected.ready), strict=True
    ):
        if mine.tobytes() != theirs.tobytes():
            width = mine.dtype.itemsize
            differ = (mine.view(np.uint8).reshape(-1, width) != theirs.view(np.uint8).reshape(-1, width)).any(axis=1)
            first = int(np.flatnonzero(differ)[0])
            raise AssertionError(f"{what}: {label}[{first}] is {mine[first]!r}; expected {theirs[first]!r}")


def require_raises(error: type[Exception], call: Callable[[], Any], what: str) -> None:
    """Call, and be refused.

    Raises
    ------
    AssertionError
        `what` was not refused by an `error`.

    Examples
    --------
    >>> require_raises(ValueError, lambda: float("x"), "a letter")
    """
    try:
        call()
    except error:
        return
    raise AssertionError(f"{what}: {error.__name__} was not raised")


def flatten(snapshot: Snapshot | Any) -> bytes:
    """A snapshot as bytes, to compare.

    Examples
    --------
    >>> flatten({"n_rows": 1, "columns": {"n": np.array([1, 2], np.uint8)}})
    b'n_rows=1;columns=n=uint8(2,)\\x01\\x02;;'
    """
    if isinstance(snapshot, dict):
        return b"".join(str(key).encode() + b"=" + flatten(value) + b";" for key, value in snapshot.items())
    if isinstance(snapshot, np.ndarray):
        return f"{snapshot.dtype}{snapshot.shape}".encode() + snapshot.tobytes()
    return repr(snapshot).encode()


def to_arguments(model: Any, row: list[float]) -> tuple[Any, ...]:
    """A row of the batch call as arguments of `score_one` and `learn_one`: a value, a dict, or a dict and a target.

    Examples
    --------
    >>> from models.hst.model import HalfSpaceTrees
    >>> to_arguments(HalfSpaceTrees(n_features=2), [0.5, 0.25])
    ({'0': 0.5, '1': 0.25},)
    """
    needs_target = getattr(model, "needs_target", False)
    names = getattr(model, "feature_names", None) or [str(column) for column in range(model.n_features - needs_target)]
    if needs_target:
        return dict(zip(names, row[1:], strict=True)), row[0]
    return (row[0],) if model.n_features == 1 else (dict(zip(names, row, strict=True)),)
