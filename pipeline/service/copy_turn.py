"""Whose turn it is to hold a copy of a lane's state: one lane at a time, and all of them together for a small part of the time."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["MOST_OF_TIME", "CopyTurn"]

MOST_OF_TIME = 0.04
"""Share of the time that checkpoints may take: after one that took a second there is none for 25."""


class CopyTurn:
    """Shared by the lanes of a process.  A checkpoint tries, and comes again; it gets the turn only when checkpoints have taken no more
    than `MOST_OF_TIME` so far.

    Parameters
    ----------
    monotonic_secs : callable
        The clock.

    Examples
    --------
    >>> now_secs = 100.0
    >>> turn = CopyTurn(lambda: now_secs)
    >>> turn.try_take(), turn.try_take(), turn.give_back(spent_secs=2.0), turn.try_take()
    (True, False, None, False)
    >>> now_secs = 151.0
    >>> turn.try_take(), turn.try_hold(), turn.give_back(spent_secs=2.0), turn.try_hold()
    (True, False, None, True)
    """

    def __init__(self, monotonic_secs: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_secs = monotonic_secs
        self._is_free = True
        self._rest_until_secs = 0.0

    def try_take(self) -> bool:
        """Take it for a checkpoint, if it is free and it is time; whether it was taken."""
        if not self._is_free or self._monotonic_secs() < self._rest_until_secs:
            return False
        self._is_free = False
        return True

    def try_hold(self) -> bool:
        """Take it for a checkpoint that cannot wait for its time, if it is free; whether it was taken."""
        was_free, self._is_free = self._is_free, False
        return was_free

    def give_back(self, spent_secs: float = 0.0) -> None:
        """Let the next one have it; a checkpoint tells how long it took, s."""
        if spent_secs:
            self._rest_until_secs = self._monotonic_secs() + spent_secs / MOST_OF_TIME
        self._is_free = True
