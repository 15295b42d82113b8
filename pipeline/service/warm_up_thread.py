"""The warm-up in a thread of its own, so that the worker answers its probes meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable

from models.kernel_store import CacheFault, cache_faults
from pipeline.config.schema import Config
from pipeline.service.warmup import warm_up

__all__ = ["warm_up_beside"]


async def warm_up_beside(config: Config, tell: Callable[[CacheFault], None]) -> dict[str, float]:
    """Warm up in a thread that does not keep the process from ending.

    Parameters
    ----------
    config : Config
        The whole configuration.
    tell : callable
        Called in the event loop with every fault of the kernel cache.

    Returns
    -------
    dict of str to float
        Seconds taken, by model and by topic: see `pipeline.service.warmup.warm_up`.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[dict[str, float]] = loop.create_future()

    def settle(secs: dict[str, float] | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        elif secs is not None:
            done.set_result(secs)

    def hear(fault: CacheFault) -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(tell, fault)

    def work() -> None:
        cache_faults.listen(hear)
        try:
            told: tuple[dict[str, float] | None, BaseException | None] = (warm_up(config), None)
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            told = (None, error)
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, *told)

    threading.Thread(target=work, name="warm-up", daemon=True).start()
    return await done
