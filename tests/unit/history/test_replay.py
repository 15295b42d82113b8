"""Times of a replay."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.history.reader import Span
from pipeline.history.replay import plan_replay

MS = 1_000_000


@given(
    first_ns=st.integers(0, 2 * 10**18),
    length_ns=st.integers(0, 10**17),
    at=st.floats(0, 1),
    speed=st.none() | st.floats(0.01, 10_000),
    now_ns=st.integers(10**18, 2 * 10**18),
)
def test_shifted_history_never_lies_in_the_future(
    first_ns: int, length_ns: int, at: float, speed: float | None, now_ns: int
) -> None:
    span = Span(first_ns, first_ns + length_ns, 2)
    plan = plan_replay(span, speed=speed, now_ns=now_ns)
    assert plan.shift_ns % MS == 0
    event_time_ns = first_ns + int(at * length_ns)
    sent_ns = now_ns + plan.due_secs(event_time_ns) * 1e9
    # A float of seconds is good to some microseconds over a century of event time.
    tolerance_ns = MS + length_ns * 1e-12
    assert event_time_ns + plan.shift_ns <= sent_ns + tolerance_ns
    end_ns = now_ns + plan.due_secs(span.last_ns) * 1e9
    if speed is None or speed >= 1:
        assert abs(span.last_ns + plan.shift_ns - end_ns) <= tolerance_ns
    else:
        assert abs(first_ns + plan.shift_ns - now_ns) <= tolerance_ns


def test_recorded_times_stay_without_a_shift() -> None:
    plan = plan_replay(Span(10**18, 10**18 + 60 * 10**9, 2), speed=60.0, now_ns=None)
    assert plan.shift_ns == 0
    assert plan.due_secs(10**18 + 60 * 10**9) == 1.0
    assert plan.due_secs(0) == 0.0
