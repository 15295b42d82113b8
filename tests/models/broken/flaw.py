"""What the estimators with one flaw each are made of: the flaw, and the check that must see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from models.base import BoolColumn, FloatColumn, IntColumn, Scores
from tests.models.plain_estimator import PlainLevel

__all__ = ["Batched", "Flaw", "entering"]

Broken = TypeVar("Broken", bound=type[PlainLevel])


class Flaw(NamedTuple):
    """A class, the check that must refuse it, and what the check says then."""

    broken: type[PlainLevel]
    check_name: str
    message: str


def entering(flaws: list[Flaw]) -> Callable[[str, str], Callable[[Broken], Broken]]:
    """A decorator, of the check's name and its message, that enters a class into `flaws`."""

    def flaw(check_name: str, message: str) -> Callable[[Broken], Broken]:
        def enter(broken: Broken) -> Broken:
            flaws.append(Flaw(broken, check_name, message))
            return broken

        return enter

    return flaw


class Batched(PlainLevel):
    """A hook around the batch call."""

    def score_learn_parts(
        self, slots: IntColumn, event_time_ns: IntColumn, X: FloatColumn, out: Scores, parts: FloatColumn
    ) -> BoolColumn:
        ready = super().score_learn_parts(slots, event_time_ns, X, out, parts)
        self.after(slots, X, out, ready)
        return ready

    def after(self, slots: IntColumn, X: FloatColumn, out: Scores, ready: BoolColumn) -> None:
        """Called with what the batch call put out."""
