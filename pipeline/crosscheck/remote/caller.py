"""One way for every remote call: rate limit, circuit breaker, a thread of its own, retries with jitter, the meter."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from pipeline.clock import Clock
from pipeline.config.providers import RemoteProvider
from pipeline.crosscheck.remote.backoff import retry_delay_secs
from pipeline.crosscheck.remote.breaker import CircuitBreaker
from pipeline.crosscheck.remote.cost import Bill, CallMeter, Price
from pipeline.crosscheck.remote.failure import RETRIABLE_CODES, SHARED_CODES, explain_failure
from pipeline.crosscheck.remote.token_bucket import TokenBucket
from pipeline.errors import ProviderError

__all__ = ["RemoteCaller"]

Answer = TypeVar("Answer")


class RemoteCaller:
    """Makes the blocking calls of one provider, off the event loop's thread.

    Parameters
    ----------
    name : str
        Of the provider, for messages.
    settings : RemoteProvider
        Attempts, calls a minute, breaker, threads.
    clock : Clock
        Its monotonic reading measures limits and deadlines.
    prices : mapping of str to Price
        By API.
    sleep : async callable, optional
        Waits the given seconds; `asyncio.sleep` when absent.
    seed : int
        Of the jitter.

    Attributes
    ----------
    meter : CallMeter
        What was called and what it cost.

    Notes
    -----
    Every call runs in a daemon thread: one that hangs holds one of `n_threads` places until its socket gives up, and holds up
    neither the loop nor the end of the process.
    """

    def __init__(
        self,
        name: str,
        settings: RemoteProvider,
        clock: Clock,
        prices: Mapping[str, Price],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        seed: int = 0,
    ) -> None:
        self.name = name
        self.meter = CallMeter(prices)
        self._settings = settings
        self._clock = clock
        self._sleep = sleep
        # A burst and a minute's tokens together are the most there are in any minute; the configuration sees that some are left.
        per_minute = max(settings.max_calls_per_minute - settings.burst_calls, 0.1)
        self._bucket = TokenBucket(per_minute, settings.burst_calls)
        self._breaker = CircuitBreaker(settings.breaker_failures, settings.breaker_open_secs)
        self._random = random.Random(seed)  # noqa: S311 - jitter, not a secret
        self._n_places = settings.n_threads
        self._place_freed = asyncio.Event()

    @property
    def breaker_state(self) -> str:
        """``closed``, ``open`` or ``half_open``."""
        return self._breaker.state(self._clock.monotonic_secs())

    def secs_until_free(self) -> float:
        """How long a call made now would wait for the rate limit."""
        return self._bucket.secs_until_free(self._clock.monotonic_secs())

    async def pause(self, secs: float) -> None:
        """Wait."""
        await self._sleep(secs)

    async def call(
        self, api: str, request: Callable[[], Answer], *, until_secs: float, n_items: int = 1, bill: Bill | None = None
    ) -> Answer:
        """Call until it succeeds, fails for good, or time is up.

        Parameters
        ----------
        api : str
            Name of the API, for the meter.
        request : callable
            Makes one attempt, blocking; runs in another thread.
        until_secs : float
            On the clock's monotonic reading: an answer after this is of no use.
        n_items : int
            Items the call asks about, for the cost.
        bill : Bill, optional
            Gets its cost too.

        Raises
        ------
        ProviderError
            With a code of `pipeline.crosscheck.remote.failure`.
        """
        n_failed = 0
        while True:
            try:
                return await self._attempt(api, request, until_secs, n_items, bill)
            except ProviderError as error:
                n_failed += 1
                if error.code not in RETRIABLE_CODES or n_failed >= self._settings.max_attempts:
                    raise
                delay_secs = retry_delay_secs(n_failed, self._random.random(), error.retry_after_secs)
                if self._clock.monotonic_secs() + delay_secs >= until_secs:
                    raise
                await self._sleep(delay_secs)

    async def _attempt(
        self, api: str, request: Callable[[], Answer], until_secs: float, n_items: int, bill: Bill | None
    ) -> Answer:
        where = f"{self.name} {api}"
        closed_secs = self._breaker.admit(self._clock.monotonic_secs())
        if closed_secs > 0.0:
            raise ProviderError(
                f"{where}: too many failures in a row; asking again in {closed_secs:.0f} s at the soonest",
                code="CIRCUIT_OPEN",
                retry_after_secs=closed_secs,
            )
        try:
            await self._wait_for_turn(where, until_secs)
            started_secs = self._clock.monotonic_secs()
            outcome = "ok"
            try:
                answer = await self._run(where, request, until_secs - started_secs)
            except ProviderError as error:
                outcome = error.code
                raise
            finally:
                secs = self._clock.monotonic_secs() - started_secs
                self.meter.count(api, outcome, n_items=n_items, secs=secs, bill=bill)
        except ProviderError as error:
            if error.code in SHARED_CODES:
                self._breaker.record_failure(self._clock.monotonic_secs())
            elif error.code in ("RATE_LIMITED", "BUSY"):
                self._breaker.release()
            else:
                # The service answered, if only that it would not do this.
                self._breaker.record_success()
            raise
        except BaseException:
            self._breaker.release()
            raise
        self._breaker.record_success()
        return answer

    async def _wait_for_turn(self, where: str, until_secs: float) -> None:
        now_secs = self._clock.monotonic_secs()
        wait_secs = self._bucket.secs_until_free(now_secs)
        if now_secs + wait_secs >= until_secs:
            limit = f"{self._settings.max_calls_per_minute:g} calls a minute"
            raise ProviderError(
                f"{where}: {limit} leave no room before the deadline; raise max_calls_per_minute or crosscheck.deadline_secs",
                code="RATE_LIMITED",
                retry_after_secs=wait_secs,
            )
        self._bucket.reserve(now_secs)
        if wait_secs > 0.0:
            try:
                await self._sleep(wait_secs)
            except BaseException:
                self._bucket.give_back()
                raise

    async def _run(self, where: str, request: Callable[[], Answer], timeout_secs: float) -> Answer:
        """One attempt in a thread.  The thread goes on when its answer has become useless; its place is free when it ends."""
        loop = asyncio.get_running_loop()
        give_up_secs = loop.time() + timeout_secs
        while self._n_places == 0:
            self._place_freed.clear()
            try:
                async with asyncio.timeout_at(give_up_secs):
                    await self._place_freed.wait()
            except TimeoutError:
                raise ProviderError(
                    f"{where}: all {self._settings.n_threads} threads wait for answers; raise n_threads, or check the service",
                    code="BUSY",
                ) from None
        self._n_places -= 1
        future: asyncio.Future[Answer] = loop.create_future()

        def settle(answer: Answer | None, error: BaseException | None) -> None:
            self._n_places += 1
            self._place_freed.set()
            if future.done():
                return
            if error is None:
                future.set_result(answer)  # type: ignore[arg-type]
            else:
                future.set_exception(explain_failure(where, error))

        def work() -> None:
            answer, error = None, None
            try:
                answer = request()
            except BaseException as raised:  # noqa: BLE001 - handed over to the loop's thread
                error = raised
            with contextlib.suppress(RuntimeError):
                # The loop may be gone by now.
                loop.call_soon_threadsafe(settle, answer, error)

        threading.Thread(target=work, name=f"streamwarden-{self.name}", daemon=True).start()
        done, _ = await asyncio.wait({future}, timeout=max(give_up_secs - loop.time(), 0.0))
        if not done:
            future.cancel()
            raise ProviderError(f"{where}: no answer in {timeout_secs:.1f} s, the time left to the deadline", code="TIMEOUT")
        return future.result()
