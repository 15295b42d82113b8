"""What a feed sink is, and how its blocking calls are tried again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from pipeline.crosscheck.remote.backoff import retry_delay_secs
from pipeline.crosscheck.remote.failure import RETRIABLE_CODES, explain_failure
from pipeline.errors import ProviderError

__all__ = ["FeedSink", "Place", "call_patiently"]

Answer = TypeVar("Answer")
Place = tuple[str, int]
"""A partition: topic and number."""

MAX_ATTEMPTS = 12


class FeedSink(Protocol):
    """Takes samples of any series and writes those it is for."""

    n_written: int
    """Objects or entries written so far."""

    def add(self, place: Place, offset: int, labels: Mapping[str, str], event_time_ns: int, value: float) -> None:
        """Take in one sample of a partition, in offset order within it."""

    def flush(self, *, everything: bool = False) -> None:
        """Write what is complete (`everything`: what there is).

        Raises
        ------
        ProviderError
            It cannot be written; what was not written is still held.
        """

    def safe_offset(self, place: Place, next_offset: int) -> int:
        """Offset from which to read on after a crash, so that nothing is missing in what is written then."""

    def forget(self, place: Place) -> None:
        """A partition went to another process: drop what is under way of it."""


def call_patiently(
    where: str,
    request: Callable[[], Answer],
    *,
    sleep: Callable[[float], None] = time.sleep,
    draw: Callable[[], float] = lambda: 0.5,
) -> Answer:
    """Call until it succeeds or fails for good: a feed has no deadline.

    Parameters
    ----------
    where : str
        What is called, for messages.
    request : callable
        Makes one attempt, blocking.
    sleep, draw : callable
        Waits the given seconds; uniform in [0, 1), for the jitter.

    Raises
    ------
    ProviderError
        It failed for a reason that lasts, or `MAX_ATTEMPTS` times.
    """
    n_failed = 0
    while True:
        try:
            return request()
        except Exception as raised:
            error: ProviderError = explain_failure(where, raised)
            n_failed += 1
            if error.code not in RETRIABLE_CODES or n_failed >= MAX_ATTEMPTS:
                raise error from raised
            sleep(retry_delay_secs(n_failed, draw(), error.retry_after_secs))
