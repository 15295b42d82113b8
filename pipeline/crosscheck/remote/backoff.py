"""How long to wait before a call is tried again."""

from __future__ import annotations

__all__ = ["retry_delay_secs"]

BASE_SECS = 0.2
CAP_SECS = 10.0


def retry_delay_secs(n_failed: int, draw: float, retry_after_secs: float | None = None) -> float:
    """Exponential backoff with full jitter, and never sooner than the other side asked for.

    Parameters
    ----------
    n_failed : int
        Attempts that have failed, 1 or more.
    draw : float
        Uniform in [0, 1).
    retry_after_secs : float, optional
        What the other side said.

    References
    ----------
    M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015 ("full jitter").

    Examples
    --------
    >>> retry_delay_secs(1, 0.5), retry_delay_secs(3, 0.5), retry_delay_secs(30, 0.5), retry_delay_secs(1, 0.5, 4.0)
    (0.1, 0.4, 5.0, 4.1)
    """
    ceiling = min(CAP_SECS, BASE_SECS * 2.0 ** min(n_failed - 1, 30))
    return ceiling * draw + (retry_after_secs or 0.0)
