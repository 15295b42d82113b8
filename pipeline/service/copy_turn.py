"""Whose turn it is to hold a copy of a lane's state: one lane at a time, so that many do not cost the memory of all."""

from __future__ import annotations

import asyncio

__all__ = ["CopyTurn"]


class CopyTurn:
    """A lock of the event loop that can also be tried without waiting.

    Examples
    --------
    >>> turn = CopyTurn()
    >>> turn.try_take(), turn.try_take()
    (True, False)
    >>> turn.give_back(), turn.try_take()
    (None, True)
    """

    def __init__(self) -> None:
        self._free = asyncio.Event()
        self._free.set()

    def try_take(self) -> bool:
        """Take it if it is free; whether it was."""
        is_free = self._free.is_set()
        self._free.clear()
        return is_free

    async def take(self) -> None:
        """Wait until it is free, and take it."""
        while not self.try_take():
            await self._free.wait()

    def give_back(self) -> None:
        """Let the next one have it."""
        self._free.set()
