"""Rate windows against a naive version, and restored at any point."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import StateError
from pipeline.logs.rate_windows import ZERO_WINDOWS, ClosedRate, RateWindows
from tests.unit.logs.naive_miner import NaiveRate, NaiveWindows

WINDOW_NS = 10


@st.composite
def logs(draw: st.DrawFn) -> list[tuple[int, str]]:
    """Times that mostly rise, some back, a few leaps ahead."""
    steps = st.one_of(
        st.integers(0, 4),
        st.integers(0, 4),
        st.integers(-25, 25),
        st.sampled_from([100, 10 * (ZERO_WINDOWS - 1), 10 * ZERO_WINDOWS, 10 * (ZERO_WINDOWS + 1), 10**7]),
    )
    time_ns = draw(st.integers(0, 10**4))
    lines = []
    for step in draw(st.lists(steps, max_size=40)):
        time_ns = max(time_ns + step, 0)
        lines.append((time_ns, draw(st.sampled_from("abc"))))
    return lines


def run(windows: RateWindows[str], lines: list[tuple[int, str]]) -> tuple[list[tuple[int, ClosedRate[str]]], list[bool]]:
    rates, late = [], []
    for i, (time_ns, key) in enumerate(lines):
        rates += [(i, rate) for rate in windows.advance(time_ns)]
        late.append(windows.is_closed(time_ns))
        if not late[-1]:
            assert windows.count(time_ns, key, f"line {i}")
    return rates, late


@settings(max_examples=600, deadline=None)
@given(logs(), st.sampled_from([0, 3, 10, 25, 100]))
def test_rates_and_late_lines_are_those_of_the_naive_version(lines: list[tuple[int, str]], lateness_ns: int) -> None:
    rates, late = run(RateWindows(WINDOW_NS, lateness_ns, 100), lines)
    expected, expected_late = NaiveWindows(WINDOW_NS, lateness_ns).rates(lines)
    assert [NaiveRate(i, rate.key, rate.end_ns, rate.n_lines) for i, rate in rates] == expected
    assert late == expected_late
    for i, rate in rates:
        if rate.n_lines:
            first = next(
                j
                for j, (time, key) in enumerate(lines[:i])
                if key == rate.key and 0 < rate.end_ns - time <= WINDOW_NS and not late[j]
            )
            assert rate.example == f"line {first}"


@settings(max_examples=300, deadline=None)
@given(logs(), logs(), st.sampled_from([0, 10, 25]))
def test_restored_they_go_on_as_if_never_stopped(
    before: list[tuple[int, str]], after: list[tuple[int, str]], lateness_ns: int
) -> None:
    windows, copy = RateWindows[str](WINDOW_NS, lateness_ns, 100), RateWindows[str](WINDOW_NS, lateness_ns, 100)
    run(windows, before)
    copy.restore(json.loads(json.dumps(windows.snapshot())), str)
    assert run(windows, after) == run(copy, after)
    assert windows.snapshot() == copy.snapshot()


def test_every_line_in_time_is_in_exactly_one_rate() -> None:
    lines = [(i * 3 % 97 + i, "abc"[i % 3]) for i in range(500)]
    windows = RateWindows[str](WINDOW_NS, 40, 100)
    rates, late = run(windows, lines)
    rates += [(500, rate) for rate in windows.advance(10_000)]
    assert sum(rate.n_lines for _, rate in rates) == late.count(False) < 500


def test_a_series_ends_after_its_zeros_and_may_begin_again() -> None:
    windows = RateWindows[str](WINDOW_NS, 0, 1)
    assert windows.advance(5) == []
    assert windows.count(5, "a", "x")
    assert not windows.count(6, "b", "x")
    rates = windows.advance(10 * 1_000)
    assert [rate.n_lines for rate in rates] == [1] + [0] * ZERO_WINDOWS
    assert windows.n_series == 0
    assert windows.count(10_000, "b", "x")
    assert [(rate.key, rate.n_lines) for rate in windows.advance(10_010)] == [("b", 1)]


def test_a_leap_in_time_costs_no_more_than_the_zeros_there_are() -> None:
    windows = RateWindows[str](1, 0, 10)
    windows.advance(0)
    for key in "abc":
        windows.count(0, key, "x")
    assert len(windows.advance(10**15)) == 3 * (1 + ZERO_WINDOWS)


def test_a_damaged_snapshot_is_refused() -> None:
    windows = RateWindows[str](WINDOW_NS, 0, 10)
    windows.advance(1)
    windows.count(1, "a", "x")
    snapshot = windows.snapshot()
    snapshot["open"] = [[0, [[3, 1, "x"]]]]
    with pytest.raises(StateError, match="damaged"):
        RateWindows[str](WINDOW_NS, 0, 10).restore(snapshot, str)
