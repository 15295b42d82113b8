"""Clocks.  Stages receive time as an argument; only `service`, `crosscheck` and `sinks` hold one of these."""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["NS_PER_SEC", "Clock", "ManualClock", "QuickClock", "SystemClock"]

NS_PER_SEC = 1_000_000_000


class Clock(Protocol):
    """What tells the time: UTC in ns since the epoch, and a monotonic reading for deadlines."""

    def now_ns(self) -> int:
        """Wall clock, ns since 1970-01-01 UTC."""

    def monotonic_secs(self) -> float:
        """Seconds that never go backwards."""


class SystemClock:
    """The machine's clocks.

    Examples
    --------
    >>> SystemClock().now_ns() > 1_600_000_000 * NS_PER_SEC
    True
    """

    def now_ns(self) -> int:
        """Wall clock, ns since 1970-01-01 UTC."""
        return time.time_ns()

    def monotonic_secs(self) -> float:
        """Seconds that never go backwards."""
        return time.monotonic()


class QuickClock:
    """A wall clock that goes on without a step from where it is made, and may be faster than the machine's, as replayed history is.

    When the machine's wall clock is put forward or back this one does not notice: what is told from the time that has passed, such as
    that nothing was heard for an hour, stays true.

    Parameters
    ----------
    speed : float
        Its seconds a second, above 0.
    clock : Clock, optional
        The machine's when absent.

    Examples
    --------
    >>> manual = ManualClock(now_ns=1_000)
    >>> quick = QuickClock(60.0, manual)
    >>> manual.advance_secs(2)
    >>> quick.now_ns(), quick.monotonic_secs()
    (120000001000, 120.0)
    >>> manual.step_secs(-3600)
    >>> quick.now_ns()
    120000001000
    """

    def __init__(self, speed: float, clock: Clock | None = None) -> None:
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._speed = speed
        self._began_ns = self._clock.now_ns()
        self._began_secs = self._clock.monotonic_secs()

    def now_ns(self) -> int:
        """Its wall clock, ns since 1970-01-01 UTC."""
        return self._began_ns + round((self._clock.monotonic_secs() - self._began_secs) * self._speed * NS_PER_SEC)

    def monotonic_secs(self) -> float:
        """Its seconds, which never go backwards."""
        return self._began_secs + (self._clock.monotonic_secs() - self._began_secs) * self._speed


class ManualClock:
    """A clock that a test moves by hand.

    Examples
    --------
    >>> clock = ManualClock(now_ns=5)
    >>> clock.advance_secs(2)
    >>> clock.now_ns(), clock.monotonic_secs()
    (2000000005, 2.0)
    """

    def __init__(self, now_ns: int = 0) -> None:
        self._now_ns = now_ns
        self._monotonic_secs = 0.0

    def now_ns(self) -> int:
        """The hand-set wall clock, ns since 1970-01-01 UTC."""
        return self._now_ns

    def monotonic_secs(self) -> float:
        """Seconds advanced so far."""
        return self._monotonic_secs

    def advance_secs(self, secs: float) -> None:
        """Move both readings forward."""
        self.step_secs(secs)
        self._monotonic_secs += secs

    def step_secs(self, secs: float) -> None:
        """Put the wall clock forward, or back, while no time passes."""
        self._now_ns += round(secs * NS_PER_SEC)
