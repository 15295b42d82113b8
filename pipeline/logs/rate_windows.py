"""Lines counted per series in windows of event time, and the rates they become when a window closes.

Window k holds the event times from ``k * window`` up to ``(k + 1) * window``.  It closes when the watermark, the highest event time of
a line so far, reaches its end plus the lateness.  Each series that has a line in it gives its rate; a series without one gives 0, for
up to `ZERO_WINDOWS` windows after its last line.  Then it ends, on purpose and without an absence: most kinds of lines are rare.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from pipeline.errors import StateError

__all__ = ["ZERO_WINDOWS", "ClosedRate", "RateWindows"]

K = TypeVar("K")

ZERO_WINDOWS = 60
"""Windows without a line that a series reports as 0 before it ends."""

_MAX_EXAMPLE_CHARACTERS = 300
_NONE_CLOSED = -1


class ClosedRate(NamedTuple, Generic[K]):
    """One series in one closed window.

    Attributes
    ----------
    key : hashable
        The series.
    end_ns : int
        End of the window, ns UTC.
    n_lines : int
        Its lines in the window.
    example : str
        The first of them, cut to 300 characters.
    """

    key: K
    end_ns: int
    n_lines: int
    example: str


class _Tally:
    __slots__ = ("example", "n_lines")

    def __init__(self, n_lines: int, example: str) -> None:
        self.n_lines = n_lines
        self.example = example


class RateWindows(Generic[K]):
    """Counts lines per key in windows of event time.

    Parameters
    ----------
    window_ns, lateness_ns : int
        Length of a window, how long it is kept open; ns.
    max_series : int
        Ceiling of live keys.

    Examples
    --------
    >>> windows = RateWindows(window_ns=10, lateness_ns=0, max_series=5)
    >>> windows.advance(3), windows.count(3, "a", "line"), windows.count(4, "a", "line")
    ([], True, True)
    >>> [(rate.end_ns, rate.n_lines) for rate in windows.advance(25)]
    [(10, 2), (20, 0)]
    >>> windows.is_closed(9), windows.is_closed(20)
    (True, False)
    """

    def __init__(self, window_ns: int, lateness_ns: int, max_series: int) -> None:
        self._window_ns = window_ns
        self._lateness_ns = lateness_ns
        self._max_series = max_series
        self._watermark_ns = -1
        self._last_closed = _NONE_CLOSED
        # Watermark from which there is something to close.
        self._closes_at_ns = window_ns + lateness_ns
        # Newest closed window with a line of the key, in order of first lines; -1 = none closed yet.
        self._last_line: dict[K, int] = {}
        self._open: dict[int, dict[K, _Tally]] = {}

    @property
    def watermark_ns(self) -> int:
        """Highest event time so far, ns UTC; -1 = none yet."""
        return self._watermark_ns

    @property
    def n_series(self) -> int:
        """Live keys."""
        return len(self._last_line)

    def is_closed(self, event_time_ns: int) -> bool:
        """Whether the window of an event time is closed: a line of that time is late."""
        return event_time_ns // self._window_ns <= self._last_closed

    def advance(self, event_time_ns: int) -> list[ClosedRate[K]]:
        """Move the watermark and close what is due, in order of windows, then of keys by their first lines.

        To be called with the event time of each line before it is counted.
        """
        if event_time_ns <= self._watermark_ns:
            return []
        self._watermark_ns = event_time_ns
        if event_time_ns < self._closes_at_ns:
            return []
        last = (event_time_ns - self._lateness_ns) // self._window_ns - 1
        closed: list[ClosedRate[K]] = []
        window = self._last_closed + 1
        while window <= last:
            if window not in self._open and all(spoken < 0 for spoken in self._last_line.values()):
                # No line and no series that still reports zeros: on to the next window with lines.
                window = min(self._open, default=last + 1)
                continue
            self._close(window, closed)
            window += 1
        self._last_closed = last
        self._closes_at_ns = (last + 2) * self._window_ns + self._lateness_ns
        return closed

    def count(self, event_time_ns: int, key: K, line: str) -> bool:
        """Count a line of a window that is open; False = its series would be one too many, and it is not counted."""
        window = event_time_ns // self._window_ns
        tallies = self._open.get(window)
        if tallies is not None:
            tally = tallies.get(key)
            if tally is not None:
                tally.n_lines += 1
                return True
        if key not in self._last_line:
            if len(self._last_line) >= self._max_series:
                return False
            self._last_line[key] = _NONE_CLOSED
        if tallies is None:
            tallies = self._open[window] = {}
        tallies[key] = _Tally(1, line[:_MAX_EXAMPLE_CHARACTERS])
        return True

    def snapshot(self) -> dict[str, Any]:
        """Plain values; keys are kept as they are, so they must be plain values too.

        Examples
        --------
        >>> windows = RateWindows(window_ns=10, lateness_ns=0, max_series=5)
        >>> _ = windows.advance(3), windows.count(3, "a", "line")
        >>> copy = RateWindows(window_ns=10, lateness_ns=0, max_series=5)
        >>> copy.restore(windows.snapshot(), str)
        >>> copy.advance(10) == windows.advance(10)
        True
        """
        ordinals = {key: ordinal for ordinal, key in enumerate(self._last_line)}
        return {
            "watermark_ns": self._watermark_ns,
            "last_closed": self._last_closed,
            "series": [[key, spoken] for key, spoken in self._last_line.items()],
            "open": [
                [window, [[ordinals[key], tally.n_lines, tally.example] for key, tally in tallies.items()]]
                for window, tallies in self._open.items()
            ],
        }

    def restore(self, snapshot: Mapping[str, Any], to_key: Callable[[Any], K]) -> None:
        """Replace everything by what `snapshot` returned.

        Parameters
        ----------
        snapshot : mapping
            Plain values.
        to_key : callable
            A key as plain values have it → the key.

        Raises
        ------
        StateError
            It is damaged.
        """
        keys = [to_key(key) for key, _ in snapshot["series"]]
        self._last_line = dict(zip(keys, (int(spoken) for _, spoken in snapshot["series"]), strict=True))
        if len(self._last_line) != len(keys) or any(
            not 0 <= ordinal < len(keys) for _, tallies in snapshot["open"] for ordinal, _, _ in tallies
        ):
            raise StateError(
                "log windows: a series is there twice or missing; the snapshot is damaged, take an older one", code="LOG_WINDOWS"
            )
        self._open = {
            int(window): {keys[ordinal]: _Tally(n_lines, example) for ordinal, n_lines, example in tallies}
            for window, tallies in snapshot["open"]
        }
        self._watermark_ns = int(snapshot["watermark_ns"])
        self._last_closed = int(snapshot["last_closed"])
        self._closes_at_ns = (self._last_closed + 2) * self._window_ns + self._lateness_ns

    def begin_after(self, snapshot: Mapping[str, Any], window_ns: int) -> None:
        """Replace everything by the watermark of a snapshot of windows of another length, and nothing counted yet.

        Parameters
        ----------
        snapshot : mapping
            What `snapshot` of those windows returned.
        window_ns : int
            Their length, ns.
        """
        closed_ns = (int(snapshot["last_closed"]) + 1) * window_ns
        self._last_line, self._open = {}, {}
        self._watermark_ns = int(snapshot["watermark_ns"])
        # A window that reaches into what was closed would be counted in part only.
        self._last_closed = -(-closed_ns // self._window_ns) - 1
        self._closes_at_ns = (self._last_closed + 2) * self._window_ns + self._lateness_ns

    def _close(self, window: int, closed: list[ClosedRate[K]]) -> None:
        tallies = self._open.pop(window, {})
        end_ns = (window + 1) * self._window_ns
        ended: list[K] = []
        for key, spoken in self._last_line.items():
            tally = tallies.get(key)
            if tally is not None:
                self._last_line[key] = window
                closed.append(ClosedRate(key, end_ns, tally.n_lines, tally.example))
            elif spoken >= 0:
                closed.append(ClosedRate(key, end_ns, 0, ""))
                if window - spoken >= ZERO_WINDOWS:
                    ended.append(key)
        for key in ended:
            if any(key in later for later in self._open.values()):
                self._last_line[key] = _NONE_CLOSED
            else:
                del self._last_line[key]
