"""The default detector's tail: a naive twin, bounds on how often it alarms whatever the stream, and calibration on recorded sets."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.quality.calibration import share_by_series
from benchmarks.quality.labelled_sets import find_shared, load_labelled_set
from models.base import Scores
from models.seasonal.model import SeasonalScorer
from models.seasonal.state import make_fresh_row, upgrade_rows
from models.seasonal.tail_kernel import ALARM_TAIL, get_tail_probability, learn_tail

HIGHEST = 50.0
"""No point score is above: nine parts of at most 1e4 each."""

MOST_ALARMS_BEFOREHAND = 20
"""Four are free; then each multiplies the excess by 1.28, and 14 of them by more than 50 point scores are wide in least excesses."""


class Tail:
    """The tail over one stream, step by step."""

    def __init__(self) -> None:
        self.row = make_fresh_row()[0]
        self.n = 0

    def tell(self, y: float) -> float:
        p = get_tail_probability(self.row, y)
        learn_tail(self.row, y, p, self.n)
        self.n += 1
        return p

    def find_least_odd_alarm(self) -> float:
        """The lowest point score that alarms now; inf when none does."""
        low, high = 0.0, HIGHEST
        if get_tail_probability(self.row, high) >= ALARM_TAIL:
            return math.inf
        while high - low > 1e-6:
            middle = (low + high) / 2.0
            low, high = (low, middle) if get_tail_probability(self.row, middle) < ALARM_TAIL else (middle, high)
        return high


def follow_naively(ys: list[float]) -> list[float]:
    """What the tail is by its description: runs and quiet times counted anew from all that came before."""
    quantile, excess, strain, standing = 4.1, 0.4, -1.0, 0.0
    in_a_row, far_in_a_row = 0, 0
    alarms: list[int] = []
    found = []
    for n, y in enumerate(ys):
        reach = excess * max(1.0, math.exp(strain))
        start = max(quantile, standing)
        if y > start:
            p = max(0.1 * math.exp(-(y - start) / reach), 1e-15)
        elif y > quantile:
            p = 0.1
        elif y > 0.7 * quantile:
            p = 0.5 * 0.2 ** ((y / quantile - 0.7) / 0.3)
        else:
            p = 1.0 - 0.5 * y / (0.7 * quantile)
        found.append(p)

        is_far = y > quantile and 0.1 * math.exp(-(y - quantile) / reach) < 1e-5
        step = 0.5 * max(0.00005, 1.0 / (n + 1000))
        if y > quantile:
            trust = 60 / (60 + in_a_row)
            if y - quantile > 7.0 * reach:
                trust *= min(1.0, 0.1 + n / 500)
            excess = max(0.3, excess + trust * (min(y - quantile, 7.0 * reach) - excess) / (15 + min(0.1 * n, 2500)))
            quantile += 9.0 * trust * step
            in_a_row = min(in_a_row + 1, 10_000)
        else:
            quantile = max(3.5, quantile - step)
            in_a_row = max(in_a_row - 1, 0)
        is_new = p < 0.001 and (not alarms or n - alarms[-1] > 30)
        if p < 0.001:
            alarms.append(n)
        strain = max(-1.0, strain + (0.25 if is_new else 0.0) - 0.00025)
        far_in_a_row = min(far_in_a_row + 1, 241) if is_far else max(far_in_a_row - 1, 0)
        if y <= standing:
            standing = 0.9 * standing + 0.1 * y
        elif far_in_a_row > 240 or standing > quantile:
            standing = 0.98 * max(standing, quantile) + 0.02 * y
    return found


def count_alarms(tails: list[float]) -> int:
    at = [i for i, p in enumerate(tails) if p < ALARM_TAIL]
    return (1 if at else 0) + sum(later - earlier > 30 for earlier, later in pairwise(at))


def follow(ys: npt.NDArray[np.float64]) -> tuple[list[float], dict[str, list[float]]]:
    """Tails, and the state after each."""
    tail, tails = Tail(), []
    states: dict[str, list[float]] = {name: [] for name in ("high", "excess", "strain", "standing")}
    for y in np.clip(ys, 0.0, HIGHEST).tolist():
        tails.append(tail.tell(y))
        for name, values in states.items():
            values.append(float(tail.row[name]))
    return tails, states


@pytest.mark.parametrize("seed", range(3))
def test_equals_its_naive_twin_on_a_spiky_stream(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ys = 2.9 + rng.normal(0.0, 0.6, 4000) + rng.exponential(0.2, 4000)
    ys[20] += 30.0
    ys[100:1500:70] += np.linspace(8.0, 25.0, 20)
    ys[1700:1760] += 20.0
    tails, states = follow(ys)
    assert min(tails) == 1e-15
    assert min(states["strain"]) == -1.0 < 0.0 < max(states["strain"])
    assert max(states["excess"]) > 1.0
    np.testing.assert_allclose(tails, follow_naively(np.clip(ys, 0.0, HIGHEST).tolist()), rtol=1e-9)


def test_equals_its_naive_twin_on_a_stream_that_shifts() -> None:
    ys = 1.5 + np.random.default_rng(1).exponential(0.4, 16_000)
    ys[12_000:13_000] += 15.0
    ys[14_000:] *= 0.1
    tails, states = follow(ys)
    assert max(states["standing"]) > 14.0 > 3.5 > states["standing"][13_100]
    assert states["high"][-1] == 3.5
    np.testing.assert_allclose(tails, follow_naively(ys.tolist()), rtol=1e-9)


@given(
    st.lists(st.tuples(st.floats(0.0, HIGHEST), st.integers(1, 300)), max_size=12),
    st.lists(st.floats(0.0, HIGHEST), min_size=2, max_size=20),
)
@settings(deadline=None, max_examples=60)
def test_a_higher_point_score_is_never_more_likely(stretches: list[tuple[float, int]], asked: list[float]) -> None:
    tail = Tail()
    for height, length in stretches:
        for _ in range(length):
            tail.tell(height)
    tails = [get_tail_probability(tail.row, y) for y in sorted(asked)]
    assert all(earlier >= later for earlier, later in pairwise(tails))
    assert 1e-15 <= tails[-1] <= tails[0] <= 1.0


@given(
    st.lists(
        st.tuples(st.floats(0.0, HIGHEST), st.integers(31, 400), st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=8
    )
)
@settings(deadline=None, max_examples=25)
def test_no_stream_keeps_opening_more_alarms_than_one_in_a_thousand(plans: list[tuple[float, int, int, int]]) -> None:
    tail, tails = Tail(), []
    for height, period, length, times in plans:
        tails += [tail.tell(height if i % period < length else 2.5) for i in range(min(period * times, 4000))]
    assert count_alarms(tails) <= MOST_ALARMS_BEFOREHAND + ALARM_TAIL * len(tails)


@pytest.mark.parametrize("pause", [31, 60, 250])
def test_nor_does_one_that_knows_the_state(pause: int) -> None:
    tail, n_alarms, n = Tail(), 0, 40_000
    for i in range(n):
        y = tail.find_least_odd_alarm() + 1e-6 if i % pause == 0 else 2.5
        n_alarms += tail.tell(min(y, HIGHEST)) < ALARM_TAIL
    assert 4 < n_alarms <= MOST_ALARMS_BEFOREHAND + ALARM_TAIL * n


def test_what_stands_for_good_is_the_new_normal_until_it_is_gone() -> None:
    tail = Tail()
    for _ in range(20_000):
        tail.tell(2.5)
    plateau = [tail.tell(20.0) for _ in range(3000)]
    assert max(plateau[:240]) < 1e-5
    assert sum(p < ALARM_TAIL for p in plateau) < 500
    assert min(plateau[500:]) > ALARM_TAIL
    back = [tail.tell(2.5) for _ in range(60)]
    assert min(back) > 0.1
    assert tail.tell(20.0) < 1e-5


def test_an_incident_does_not_make_the_next_one_ordinary() -> None:
    tail = Tail()
    for _ in range(4):
        for _ in range(10_000):
            tail.tell(2.5)
        incident = [tail.tell(15.0) for _ in range(60)]
        assert max(incident) < ALARM_TAIL


def test_an_incident_in_the_first_hours_does_not_make_the_next_one_ordinary() -> None:
    tail = Tail()
    for _ in range(50):
        tail.tell(2.5)
    for _ in range(20):
        tail.tell(16.0)
    for _ in range(400):
        tail.tell(2.5)
    assert tail.tell(16.0) < 1e-5


def test_echoes_on_a_series_that_never_moves_are_ordinary() -> None:
    tail = Tail()
    for _ in range(50_000):
        tail.tell(0.0)
    assert tail.tell(3.5) >= 0.1
    assert tail.tell(5.0) > ALARM_TAIL
    assert tail.tell(9.0) < 1e-5


def test_a_tail_of_version_1_stands_where_it_stood() -> None:
    fields = [("n", np.int64), *((name, np.float64) for name in ("centre", "spread", "high", "excess"))]
    old = np.array([(9000, 2.9, 0.65, 5.0, 0.9), (9000, 0.01, 0.05, 3.0, 0.8)], dtype=fields)
    rows = upgrade_rows(old)
    assert get_tail_probability(rows[0], 2.9 + 0.65 * 5.0) == pytest.approx(0.02)
    assert get_tail_probability(rows[0], 2.9 + 0.65 * (5.0 + 0.9)) == pytest.approx(0.02 / math.e)
    assert get_tail_probability(rows[1], 3.5) == pytest.approx(0.1)


def get_shares(tails: npt.NDArray[np.float64], slots: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return np.array(share_by_series(slots, tails))[:, 1]


@pytest.mark.parametrize(
    ("name", "middle", "nine_in_ten", "worst"),
    [("mscloud", 0.002, 0.012, 0.025), ("kpi", 0.001, 0.003, 0.006), ("asd", 0.003, 0.008, 0.02)],
)
def test_one_threshold_means_much_the_same_on_every_recorded_series(
    name: str, middle: float, nine_in_ten: float, worst: float
) -> None:
    shared = find_shared()
    if shared is None:
        pytest.skip("no labelled data: set STREAMWARDEN_SHARED")
    labelled = load_labelled_set(name, shared)
    shares = []
    for values in labelled.metrics[:: 4 if name == "asd" else 1]:
        model, out = SeasonalScorer(), Scores.empty(labelled.slots.size)
        model.reserve(int(labelled.slots.max()) + 1)
        ready = model.score_learn_many(labelled.slots, labelled.event_time_ns, np.ascontiguousarray(values), out)
        told = ready & ~labelled.is_anomaly
        shares.append(get_shares(1.0 - out.score[told], labelled.slots[told]))
    every = np.concatenate(shares)
    assert np.median(every) <= middle
    assert np.quantile(every, 0.9) <= nine_in_ten
    assert every.max() <= worst
