"""Cancellations that were asked for, and those that come out of a library."""

from __future__ import annotations

import asyncio
from typing import Protocol

__all__ = ["Stoppable", "is_ordered", "stop_client"]


class Stoppable(Protocol):
    """A client of aiokafka."""

    async def stop(self) -> None:
        """Close its connections."""


def is_ordered(error: BaseException) -> bool:
    """Whether the task that runs was told to stop, and `error` is how it learned of it.

    aiokafka can let the cancellation of a task of its own escape.  Were that taken for an order, a task would end and nobody would see.

    Examples
    --------
    >>> async def leak() -> bool:
    ...     try:
    ...         raise asyncio.CancelledError
    ...     except asyncio.CancelledError as error:
    ...         return is_ordered(error)
    >>> asyncio.run(leak())
    False
    """
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


async def stop_client(client: Stoppable) -> None:
    """Stop a client of aiokafka; only a cancellation that was asked for escapes.

    aiokafka stops a task of its own by cancelling and awaiting it; one that has not begun yet would pass the cancellation on.
    """
    await asyncio.sleep(0)
    try:
        await client.stop()
    except asyncio.CancelledError as cancellation:
        if is_ordered(cancellation):
            raise
