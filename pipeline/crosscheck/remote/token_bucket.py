"""A rate limit that lets a burst through and queues what comes after it."""

from __future__ import annotations

__all__ = ["TokenBucket"]


class TokenBucket:
    """Calls a minute in the long run, a few at once after a pause.

    Parameters
    ----------
    per_minute : float
        Tokens that come back in a minute, above 0.
    burst : int
        Most tokens there are at a time, 1 or more; the bucket begins full.

    Notes
    -----
    In any window of `m` minutes at most ``burst + per_minute * m`` calls are let through.

    Examples
    --------
    >>> bucket = TokenBucket(per_minute=60, burst=2)
    >>> [bucket.reserve(0.0) for _ in range(4)]
    [0.0, 0.0, 1.0, 2.0]
    >>> bucket.secs_until_free(2.5), bucket.secs_until_free(3.0)
    (0.5, 0.0)
    """

    def __init__(self, per_minute: float, burst: int) -> None:
        self._per_sec = per_minute / 60.0
        self._burst = float(burst)
        self._n_tokens = float(burst)
        self._filled_secs: float | None = None

    def _fill(self, now_secs: float) -> None:
        if self._filled_secs is not None and now_secs > self._filled_secs:
            self._n_tokens = min(self._burst, self._n_tokens + (now_secs - self._filled_secs) * self._per_sec)
        self._filled_secs = now_secs if self._filled_secs is None else max(now_secs, self._filled_secs)

    def secs_until_free(self, now_secs: float) -> float:
        """How long a call reserved now would have to wait, in seconds."""
        self._fill(now_secs)
        missing = 1.0 - self._n_tokens
        # What is missing only by rounding is there.
        return missing / self._per_sec if missing > 1e-9 else 0.0

    def reserve(self, now_secs: float) -> float:
        """Take a token, on credit if need be; the seconds to wait before the call it stands for."""
        wait_secs = self.secs_until_free(now_secs)
        self._n_tokens -= 1.0
        return wait_secs

    def give_back(self) -> None:
        """Return a token that was reserved and not used."""
        self._n_tokens = min(self._burst, self._n_tokens + 1.0)
