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
    model = estimator_factory()
    model.reserve(n_slots)
    return model


def require_equal(found: Run, expected: Run, what: str) -> None:
    for label, mine, theirs in zip(
        (*Scores._fields, "ready"), (*found.out, found.ready), (*expected.out, expected.ready), strict=True
    ):
        if mine.tobytes() != theirs.tobytes():
            width = mine.dtype.itemsize
            differ = (mine.view(np.uint8).reshape(-1, width) != theirs.view(np.uint8).reshape(-1, width)).any(axis=1)
            first = int(np.flatnonzero(differ)[0])
            raise AssertionError(f"{what}: {label}[{first}] is {mine[first]!r}; expected {theirs[first]!r}")


def require_raises(error: type[Exception], call: Callable[[], Any]) -> None:
    try:
        call()
    except error:
        return
    raise AssertionError(f"{error.__name__} was not raised")


def flatten(snapshot: Snapshot | Any) -> bytes:
    """A snapshot as bytes, to compare."""
    if isinstance(snapshot, dict):
        return b"".join(str(key).encode() + b"=" + flatten(value) + b";" for key, value in snapshot.items())
    if isinstance(snapshot, np.ndarray):
        return f"{snapshot.dtype}{snapshot.shape}".encode() + snapshot.tobytes()
    return repr(snapshot).encode()


def to_arguments(model: Any, value: float) -> tuple[Any, ...]:
    """Arguments of a call of one sample whose every feature, and target, is `value`."""
    needs_target = getattr(model, "needs_target", False)
    names = getattr(model, "feature_names", None) or [str(column) for column in range(model.n_features - needs_target)]
    if needs_target:
        return dict.fromkeys(names, value), value
    return (value,) if model.n_features == 1 else (dict.fromkeys(names, value),)
