"""A rate over the last few seconds."""

from __future__ import annotations

from collections import deque

__all__ = ["RateMeter"]


class RateMeter:
    """Change a second of a running total.

    Parameters
    ----------
    window_secs : float
        How far back it looks.

    Examples
    --------
    >>> meter = RateMeter(window_secs=2.0)
    >>> for secs, total in [(0.0, 0), (1.0, 100), (2.0, 300), (3.0, 700)]:
    ...     meter.add(secs, total)
    >>> meter.per_sec()
    300.0
    """

    def __init__(self, window_secs: float = 3.0) -> None:
        self._window_secs = window_secs
        self._points: deque[tuple[float, float]] = deque()

    def add(self, at_secs: float, total: float) -> None:
        """The total at a moment."""
        self._points.append((at_secs, total))
        while len(self._points) > 2 and at_secs - self._points[0][0] > self._window_secs:
            self._points.popleft()

    def per_sec(self) -> float:
        """The rate; 0 until there are two points."""
        if len(self._points) < 2:
            return 0.0
        (first_secs, first), (last_secs, last) = self._points[0], self._points[-1]
        return (last - first) / (last_secs - first_secs) if last_secs > first_secs else 0.0
