"""One-at-a-time calls without numba's dispatch: the compiled function itself, bound to a model's state."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import numba

from models.columnar import UnivariateEstimator
from models.native_call import bind_value

__all__ = ["BoundEstimator", "Call", "find_entry"]

Call = tuple[Any, tuple[Any, ...]]
"""A kernel, and its arguments before the value."""


def find_entry(dispatcher: Any, *arguments: Any) -> Callable[..., Any]:
    """The compiled function of a kernel for arguments like `arguments`.

    Calling it skips the look-up of the types of the arguments, about 110 of 300 ns; arguments of other types raise TypeError.

    Examples
    --------
    >>> from models.moments_kernel import compute_variance
    >>> find_entry(compute_variance, 3.0, 4.0)(3.0, 4.0)
    2.0
    """
    if not hasattr(dispatcher, "overloads"):  # NUMBA_DISABLE_JIT: the kernel is the plain function
        return partial(dispatcher)
    types = tuple(map(numba.typeof, arguments))
    dispatcher.compile(types)
    entry: Callable[..., Any] = dispatcher.overloads[types].entry_point
    return entry


class BoundEstimator(UnivariateEstimator):
    """Base of the lightest models, where a call costs more than the arithmetic.

    A subclass reserves slot 0 when it is made, and names its two kernels in `_get_calls`.
    """

    bound: ClassVar[tuple[str, ...]] = ("_learn_y", "_score_y")

    @abstractmethod
    def _get_calls(self) -> tuple[Call, Call]:
        """What learns and what scores one value in slot 0."""

    def _bind(self) -> None:
        # Bound on the first call: making a model must not wait for a compiler.
        self._learn_y: Callable[[Any], Any] = self._learn_first
        self._score_y: Callable[[Any], float] = self._score_first

    def _bind_calls(self) -> None:
        (learn, learn_arguments), (score, score_arguments) = self._get_calls()
        self._learn_y = bind_value(learn, *learn_arguments)
        self._score_y = bind_value(score, *score_arguments)

    def _learn_first(self, y: Any) -> None:
        self._bind_calls()
        self._learn_y(y)

    def _score_first(self, y: Any) -> float:
        self._bind_calls()
        return self._score_y(y)

    def _learn_value(self, y: float) -> None:
        self._learn_y(y)

    def _score_value(self, y: float) -> float:
        return self._score_y(y)

    def learn_one(self, x: object, y: float | None = None) -> None:
        """Learn one value in slot 0: ``learn_one(None, y)`` as in river, or ``learn_one(y)``."""
        self._learn_y(x if y is None else y)

    def score_one(self, x: object, y: float | None = None) -> float:
        """Score one value by slot 0: ``score_one(None, y)`` as in river, or ``score_one(y)``.  The state is not changed."""
        return self._score_y(x if y is None else y)
