"""The series clock rule by rule; that it equals a literal one is in ``tests/properties``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from pipeline.clock import NS_PER_SEC
from pipeline.config.schema import SeriesSettings
from pipeline.samples.batch import SampleBatch
from pipeline.samples.lateness import ACCEPTED, DUPLICATE, LATE, NEVER, UNUSABLE, SeriesClock, Verdicts

SETTINGS = SeriesSettings(
    silence_intervals=3.0, silence_min_secs=15.0, silence_min_samples=4, evict_after_secs=1_000.0, context_samples=8
)


class Told:
    """A clock, fed one record at a time; what it says, by record."""

    def __init__(self, settings: SeriesSettings = SETTINGS, *, lateness_secs: float = 20.0, n_slots: int = 4) -> None:
        self.clock = SeriesClock(settings, lateness_secs)
        self.clock.reserve(n_slots)
        self.silent: list[list[int]] = []
        self.idle: list[list[int]] = []

    def feed(self, *samples: tuple[int, float]) -> list[int]:
        codes = []
        for slot, secs in samples:
            zero = np.zeros(1, dtype=np.int64)
            batch = SampleBatch(zero + slot, zero + round(secs * NS_PER_SEC), np.array([secs]), zero, zero, zero)
            verdicts = Verdicts.empty(1)
            quiet = self.clock.take(batch, 0, 1, verdicts)
            assert quiet.end == 1
            self.silent.append(quiet.silent.tolist())
            self.idle.append(quiet.idle.tolist())
            codes.append(int(verdicts.code[0]))
        return codes


def test_newer_is_accepted_equal_is_a_duplicate_older_is_accepted_up_to_the_lateness() -> None:
    told = Told()
    assert told.feed((0, 100), (0, 100), (0, 110), (0, 100), (0, 90), (0, 89.9), (0, 90)) == [
        ACCEPTED,
        DUPLICATE,
        ACCEPTED,
        DUPLICATE,
        ACCEPTED,
        LATE,
        DUPLICATE,
    ]


def test_what_is_older_than_all_that_are_remembered_is_late_because_it_may_be_a_duplicate() -> None:
    told = Told(lateness_secs=1e9)
    told.feed(*[(0, 100.0 + i) for i in range(8)])
    assert told.feed((0, 99.0), (0, 100.0), (0, 100.5), (0, 100.2)) == [LATE, DUPLICATE, ACCEPTED, LATE]


def test_series_do_not_mix() -> None:
    told = Told()
    assert told.feed((0, 1_000), (1, 10), (1, 10), (0, 10)) == [ACCEPTED, ACCEPTED, DUPLICATE, LATE]


@pytest.mark.parametrize(("slot", "moves"), [(0, True), (-1, True), (-2, False)])
def test_refused_series_move_the_watermark_unusable_samples_do_not(slot: int, moves: bool) -> None:
    told = Told()
    assert told.clock.watermark_ns == NEVER
    told.feed((1, 100))
    (code,) = told.feed((slot, 200))
    assert code == (ACCEPTED if slot == 0 else UNUSABLE)
    assert told.clock.watermark_ns == (200 if moves else 100) * NS_PER_SEC


def test_silence_is_told_once_and_again_only_after_the_series_was_heard() -> None:
    told = Told()
    told.feed(*[(0, 5.0 * i) for i in range(6)])
    told.silent.clear()
    told.feed(*[(1, 25.0 + 5 * i) for i in range(1, 9)])
    assert [slots for slots in told.silent if slots] == [[0]]
    assert told.clock.n_silent == 1
    told.feed((0, 66))
    assert told.clock.n_silent == 0
    told.feed(*[(1, 66.0 + 5 * i) for i in range(1, 20)])
    assert sum(slots == [0] for slots in told.silent) == 2


def test_a_series_heard_too_rarely_is_never_silent() -> None:
    told = Told()
    told.feed((0, 0), (0, 5), (0, 10))
    told.feed(*[(1, 10.0 + 5 * i) for i in range(1, 100)])
    assert not any(told.silent)


def test_an_irregular_series_is_given_more_time_than_a_clockwork_one() -> None:
    clockwork, irregular = Told(), Told()
    clockwork.feed(*[(0, 10.0 * i) for i in range(40)])
    irregular.feed(*[(0, 10.0 * i + (9 if i % 2 else 0)) for i in range(40)])
    assert clockwork.clock.usual_interval_ns(0) == pytest.approx(10 * NS_PER_SEC)
    assert irregular.clock.usual_interval_ns(0) > 15 * NS_PER_SEC


def test_a_gap_of_the_whole_feed_is_nobodys_silence() -> None:
    told = Told()
    told.feed(*[(slot, 5.0 * i + slot) for i in range(6) for slot in (0, 1, 2)])
    told.silent.clear()
    # Ten minutes of nothing; then 0 and 1 go on, 2 does not.
    told.feed(*[(slot, 700.0 + 5 * i + slot) for i in range(2) for slot in (0, 1)])
    assert not any(told.silent)
    told.feed(*[(slot, 710.0 + 5 * i + slot) for i in range(8) for slot in (0, 1)])
    assert [slots for slots in told.silent if slots] == [[2]]


def test_one_that_speaks_rarely_by_habit_shows_the_silence_of_the_others_at_once() -> None:
    told = Told()
    told.feed(*[(0, 60.0 * i) for i in range(6)])
    told.feed(*[(1, 300.0 + 5 * i) for i in range(1, 8)])
    told.silent.clear()
    told.feed((0, 360), (0, 420))
    assert [slots for slots in told.silent if slots] == [[1]]


def test_an_outage_longer_than_the_eviction_age_costs_nothing_and_who_does_not_return_goes_later() -> None:
    told = Told()
    told.feed(*[(slot, 5.0 * i + slot) for i in range(6) for slot in (0, 1)])
    told.idle.clear()
    told.feed(*[(0, 90_000.0 + 5 * i) for i in range(100)])
    assert not any(told.idle)
    told.feed(*[(0, 90_500.0 + 5 * i) for i in range(120)])
    assert next(slots for slots in told.idle if slots) == [1]


def test_idle_series_are_found_by_age() -> None:
    told = Told()
    told.feed((0, 0), (1, 500), (2, 990))
    told.idle.clear()
    told.feed((2, 1_000), (2, 1_001), (2, 1_011))
    assert told.idle == [[], [], [0]]
    told.clock.reset(np.array([0]))
    told.feed((2, 1_500), (2, 1_511))
    assert told.idle[3:] == [[], [1]]


def test_context_is_the_last_samples_as_accepted_the_last_one_last() -> None:
    told = Told()
    clock = told.clock

    def remember(slot: int, secs: Sequence[float]) -> None:
        clock.remember(np.full(len(secs), slot), np.array(secs, dtype=np.int64), np.array(secs))

    remember(0, range(5))
    remember(1, range(100, 120))
    assert clock.context(0)[1].tolist() == [0, 1, 2, 3, 4]
    assert clock.context(1)[1].tolist() == list(range(112, 120))
    remember(0, range(5, 13))
    assert clock.context(0)[0].tolist() == list(range(5, 13))
    times, values = clock.context_with(0, np.array([0, 1, 0]), np.array([20, 21, 22]), np.array([2.0, 2.1, 2.2]))
    assert times.tolist() == [7, 8, 9, 10, 11, 12, 20, 22]
    assert values[-2:].tolist() == [2.0, 2.2]
    clock.reset(np.array([0]))
    assert clock.context(0)[0].size == 0
