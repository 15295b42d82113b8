"""The event loop of the worker's process: made, and ended with whatever still runs on it."""

from __future__ import annotations

import asyncio

__all__ = ["end_loop", "make_loop"]

_LAST_SECS = 1.0


def make_loop() -> asyncio.AbstractEventLoop:
    """A fresh loop, uvloop's where it is to be had.

    Examples
    --------
    >>> loop = make_loop()
    >>> end_loop(loop)
    >>> loop.is_closed()
    True
    """
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def end_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what still runs and give it a moment; a client that waits for a broker which does not answer takes longer than that."""
    loop.set_exception_handler(lambda _loop, _context: None)
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=_LAST_SECS))
    loop.run_until_complete(loop.shutdown_asyncgens())
    asyncio.set_event_loop(None)
    if all(task.done() for task in tasks):
        loop.close()
