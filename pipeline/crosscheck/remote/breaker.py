"""A circuit breaker: who fails again and again is left alone for a while."""

from __future__ import annotations

from typing import Literal

__all__ = ["CircuitBreaker"]

MAX_OPEN_FACTOR = 8.0


class CircuitBreaker:
    """Closed until a number of failures in a row, then open for a time, then one call is tried.

    Parameters
    ----------
    n_failures : int
        Failures in a row that open it, 1 or more.
    open_secs : float
        How long it stays open the first time; doubled each time the trial call fails, up to eight times this.

    References
    ----------
    M. Nygard, Release It!, 2nd edition, 2018, chapter 5.

    Examples
    --------
    >>> breaker = CircuitBreaker(n_failures=2, open_secs=30)
    >>> breaker.record_failure(0.0); breaker.record_failure(1.0)
    >>> breaker.admit(2.0), breaker.state(2.0)
    (29.0, 'open')
    >>> breaker.admit(31.0), breaker.admit(31.0) > 0, breaker.state(31.0)
    (0.0, True, 'half_open')
    >>> breaker.record_success()
    >>> breaker.admit(31.0)
    0.0
    """

    def __init__(self, n_failures: int, open_secs: float) -> None:
        self._n_allowed = n_failures
        self._open_secs = open_secs
        self._n_failures = 0
        self._factor = 1.0
        self._open_until_secs: float | None = None
        self._is_trying = False

    def state(self, now_secs: float) -> Literal["closed", "open", "half_open"]:
        """What it would do with a call."""
        if self._open_until_secs is None:
            return "closed"
        return "open" if now_secs < self._open_until_secs else "half_open"

    def admit(self, now_secs: float) -> float:
        """0.0 when a call may go ahead, else the seconds after which asking again is of use.

        In the half-open state one call goes ahead; its outcome must be recorded, or `release` be called.
        """
        if self._open_until_secs is None:
            return 0.0
        if now_secs < self._open_until_secs:
            return self._open_until_secs - now_secs
        if self._is_trying:
            return self._open_secs
        self._is_trying = True
        return 0.0

    def release(self) -> None:
        """The admitted call came to no outcome."""
        self._is_trying = False

    def record_success(self) -> None:
        """A call succeeded: closed."""
        self._n_failures = 0
        self._factor = 1.0
        self._open_until_secs = None
        self._is_trying = False

    def record_failure(self, now_secs: float) -> None:
        """A call failed for a reason that other calls share."""
        self._n_failures += 1
        if self._is_trying:
            self._factor = min(self._factor * 2.0, MAX_OPEN_FACTOR)
        if self._is_trying or self._n_failures >= self._n_allowed:
            self._open_until_secs = now_secs + self._open_secs * self._factor
        self._is_trying = False
