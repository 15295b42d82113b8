"""Tells a cancellation that was asked for from one that came out of a library."""

from __future__ import annotations

import asyncio

__all__ = ["is_ordered"]


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
