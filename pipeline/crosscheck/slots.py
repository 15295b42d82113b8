"""A weighted semaphore: at most so many candidates in flight, in the order they came."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["InFlightSlots"]


class InFlightSlots:
    """Slots that are taken several at a time, first come, first served.

    Parameters
    ----------
    n_slots : int
        How many there are, 1 or more.

    Examples
    --------
    >>> async def use() -> int:
    ...     slots = InFlightSlots(4)
    ...     async with slots.take(3):
    ...         return slots.n_free
    >>> asyncio.run(use())
    1
    """

    def __init__(self, n_slots: int) -> None:
        self.n_slots = n_slots
        self.n_free = n_slots
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def take(self, n_wanted: int) -> AsyncIterator[None]:
        """Hold this many slots; waits for them.

        Raises
        ------
        ValueError
            More than there are.
        """
        if not 1 <= n_wanted <= self.n_slots:
            raise ValueError(f"{n_wanted} slots wanted: expected 1 to {self.n_slots}")
        await self._acquire(n_wanted)
        try:
            yield
        finally:
            self._release(n_wanted)

    async def _acquire(self, n_wanted: int) -> None:
        if not self._waiting and self.n_free >= n_wanted:
            self.n_free -= n_wanted
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (n_wanted, turn)
        self._waiting.append(entry)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # The slots were handed over in the same moment: give them back.
                self._release(n_wanted)
            else:
                self._waiting.remove(entry)
                self._wake()
            raise

    def _release(self, n_slots: int) -> None:
        self.n_free += n_slots
        self._wake()

    def _wake(self) -> None:
        while self._waiting:
            n_wanted, turn = self._waiting[0]
            if turn.cancelled():
                # Its task takes itself out of the queue when it runs.
                return
            if n_wanted > self.n_free:
                return
            self._waiting.popleft()
            self.n_free -= n_wanted
            turn.set_result(None)
