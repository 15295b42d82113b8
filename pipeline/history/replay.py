"""The times of a replay: how far history is shifted, and when each record is due."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.clock import NS_PER_SEC
from pipeline.history.reader import Span

__all__ = ["ReplayPlan", "plan_replay"]

_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """When each record of a replay is due and what time it carries.

    Attributes
    ----------
    first_ns : int
        Recorded event time of the first record, ns UTC.
    shift_ns : int
        Added to every event time; whole milliseconds.
    speed : float or None
        Event seconds a wall second; None = as fast as the broker takes them.

    Examples
    --------
    >>> plan = ReplayPlan(first_ns=0, shift_ns=0, speed=60.0)
    >>> plan.due_secs(120 * NS_PER_SEC)
    2.0
    """

    first_ns: int
    shift_ns: int
    speed: float | None

    def due_secs(self, event_time_ns: int) -> float:
        """Wall seconds after the start of the replay at which a record is due; 0 = at once."""
        if self.speed is None:
            return 0.0
        return max((event_time_ns - self.first_ns) / NS_PER_SEC / self.speed, 0.0)


def plan_replay(span: Span, *, speed: float | None, now_ns: int | None) -> ReplayPlan:
    """Plan a replay that starts now.

    Parameters
    ----------
    span : Span
        First and last recorded event time.
    speed : float or None
        Event seconds a wall second, above 0; None = no waiting.
    now_ns : int or None
        Wall clock at the start, to shift history to now; None = times stay as recorded.

    Notes
    -----
    Shifted history never lies in the future and ends, or begins, now: faster than real time, the last record carries the
    moment at which it is due (earlier ones lie in the past when they are sent); slower, the first record carries the moment of
    the start.

    Examples
    --------
    >>> hour = Span(0, 3600 * NS_PER_SEC, 2)
    >>> now_ns = 10_000 * NS_PER_SEC
    >>> plan = plan_replay(hour, speed=60.0, now_ns=now_ns)
    >>> (hour.last_ns + plan.shift_ns - now_ns) / NS_PER_SEC == plan.due_secs(hour.last_ns) == 60.0
    True
    """
    if now_ns is None:
        return ReplayPlan(span.first_ns, 0, speed)
    length_ns = span.last_ns - span.first_ns
    due_ns = 0 if speed is None else round(length_ns / speed)
    shift_ns = now_ns + min(due_ns, length_ns) - span.last_ns
    return ReplayPlan(span.first_ns, shift_ns // _NS_PER_MS * _NS_PER_MS, speed)
