"""When a worker is to stop: because a signal asks for it, or because something has ended it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from typing import Any

from pipeline.telemetry.events import Telemetry

__all__ = ["Stop"]

_SAME_SIGNAL_SECS = 0.3


class Stop:
    """Whether to stop, for all that wait for something else meanwhile.

    Parameters
    ----------
    telemetry : Telemetry
        Is told of the first signal.

    Examples
    --------
    >>> from pipeline.telemetry.events import Telemetry
    >>> async def wait_in_vain() -> tuple[bool, bool]:
    ...     stop, task = Stop(Telemetry()), asyncio.create_task(asyncio.sleep(3_600.0))
    ...     stop.ask()
    ...     await stop.wait_beside(task)
    ...     return stop.is_asked, task.cancelled()
    >>> asyncio.run(wait_in_vain())
    (True, True)
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._asked = asyncio.Event()
        self._signalled_secs: float | None = None

    @property
    def is_asked(self) -> bool:
        """True from the first `ask`, or signal, on."""
        return self._asked.is_set()

    def ask(self) -> None:
        """Have everything stop."""
        self._asked.set()

    def listen_to_signals(self) -> None:
        """Have SIGTERM and SIGINT ask for it; asked twice, the process ends at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number)

    def _on_signal(self, number: signal.Signals) -> None:
        now_secs = time.monotonic()
        if self._signalled_secs is not None:
            # Asked twice: at once, and what was not committed is read again.  Tools that signal a process and its group do so in
            # the same moment, and mean it once.
            if now_secs - self._signalled_secs > _SAME_SIGNAL_SECS:
                os._exit(128 + number)
            return
        self._signalled_secs = now_secs
        self._telemetry.emit("stop_requested", signal=signal.Signals(number).name)
        self.ask()

    async def wait_beside(self, task: asyncio.Task[Any], *, cancel: bool = True) -> None:
        """Wait for a task, or to be stopped; the task is cancelled then if `cancel`.  Errors of the task are raised."""
        stopping = asyncio.create_task(self._asked.wait())
        done, _ = await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if task in done:
            task.result()
        elif cancel:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
