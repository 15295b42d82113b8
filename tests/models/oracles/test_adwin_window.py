"""ADWIN's window against one that merges every sample as it comes, as the paper has it: entry by entry, and from old snapshots."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import registry
from models.adwin import kernel
from models.adwin.window_kernel import settle
from models.checks import Stream, run_stream

OLD_ROW = np.dtype(
    [
        ("total", np.float64),
        ("variance", np.float64),
        ("width", np.float64),
        ("tick", np.int64),
        ("n_levels", np.int32),
        ("is_drift", np.int32),
        ("is_warm", np.int64),
    ]
)


class Naive:
    """Levels of (sum, sum of squared deviations), oldest first."""

    def __init__(self, delta: float, clock: int, max_buckets: int, min_window_length: int, grace_period: int) -> None:
        self.delta, self.clock, self.room = delta, clock, max_buckets
        self.least, self.grace = min_window_length, grace_period
        self.is_warm = False
        self.start_anew()

    def start_anew(self) -> None:
        """Forget everything but that the series was long enough."""
        self.levels: list[list[tuple[float, float]]] = [[]]
        self.total = self.variance = self.width = 0.0
        self.tick = 0
        self.is_drift = False

    def update(self, x: float) -> None:
        """Take one sample."""
        if self.is_drift:
            self.start_anew()
        if self.width:
            gap = x - self.total / self.width
            self.variance += self.width * gap * gap / (self.width + 1.0)
        self.width += 1.0
        self.total += x
        self.levels[0].append((x, 0.0))
        for level, entries in enumerate(self.levels):
            if len(entries) > self.room:
                (a, u), (b, v) = entries[:2]
                del entries[:2]
                if level + 1 == len(self.levels):
                    self.levels.append([])
                size = 2.0**level
                gap = a / size - b / size
                self.levels[level + 1].append((a + b, u + v + size * 0.5 * gap * gap))
        self.tick += 1
        if self.tick % self.clock == 0 and self.width > self.grace:
            while self.has_cut():
                self.is_drift = True
                self.drop_oldest()
        self.is_warm |= self.tick + 1 >= self.clock and self.width + 1 > self.grace

    def has_cut(self) -> bool:
        """True when one part differs from the rest."""
        if self.width < 2.0:
            return False
        old, new, n_old, n_new = 0.0, self.total, 0.0, self.width
        confidence = math.log(2.0 * math.log(self.width) / self.delta)
        for level in range(len(self.levels) - 1, -1, -1):
            for total, _ in self.levels[level]:
                old, new, n_old, n_new = old + total, new - total, n_old + 2.0**level, n_new - 2.0**level
                if n_old >= self.least and n_new >= self.least:
                    weight = 1.0 / (n_old - self.least + 1.0) + 1.0 / (n_new - self.least + 1.0)
                    spread = 2.0 * weight * (self.variance / self.width) * confidence
                    if abs(old / n_old - new / n_new) > math.sqrt(max(spread, 0.0)) + 2.0 / 3.0 * confidence * weight:
                        return True
        return False

    def drop_oldest(self) -> None:
        """Take the oldest entry out of the window."""
        count = 2.0 ** (len(self.levels) - 1)
        total, squares = self.levels[-1].pop(0)
        self.width -= count
        self.total -= total
        gap = total / count - self.total / self.width
        self.variance -= squares + count * self.width * gap * gap / (count + self.width)
        while not self.levels[-1]:
            self.levels.pop()

    def to_old_columns(self) -> dict[str, Any]:
        """The state arrays of version 1."""
        buckets, sizes = np.zeros((1, 40, self.room + 1, 2)), np.zeros((1, 40), np.int32)
        for level, entries in enumerate(self.levels):
            sizes[0, level] = len(entries)
            buckets[0, level, : len(entries)] = entries or np.zeros((0, 2))
        row = (self.total, self.variance, self.width, self.tick, len(self.levels), self.is_drift, self.is_warm)
        return {"rows": np.array([row], OLD_ROW), "buckets": buckets, "sizes": sizes}


def make_values(seed: int, n: int) -> list[float]:
    """Levels that change, of several magnitudes, with constant stretches."""
    rng = random.Random(seed)
    values: list[float] = []
    while len(values) < n:
        level, spread = rng.choice((0.0, 0.4, 3.0, 1e6)), rng.choice((0.0, 0.1, 1.0, 100.0))
        values += [rng.gauss(level, spread) for _ in range(rng.randrange(1, 300))]
    return values[:n]


PARAMETERS: list[dict[str, Any]] = [
    {"delta": 0.002, "clock": 32, "max_buckets": 5, "min_window_length": 5, "grace_period": 10},
    {"delta": 0.3, "clock": 1, "max_buckets": 1, "min_window_length": 1, "grace_period": 0},
    {"delta": 0.1, "clock": 7, "max_buckets": 2, "min_window_length": 3, "grace_period": 40},
    {"delta": 0.9, "clock": 75, "max_buckets": 9, "min_window_length": 20, "grace_period": 0},
]


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_window_is_the_one_that_merges_every_sample(parameters: dict[str, Any]) -> None:
    naive = Naive(**parameters)
    model: Any = registry.build("adwin", parameters)
    n_changes = 0
    for step, x in enumerate(make_values(3, 1500)):
        naive.update(x)
        model.update(x)
        assert model.drift_detected == naive.is_drift
        n_changes += naive.is_drift
        if step % 7 and not naive.is_drift:
            continue
        assert (model.width, model.total, model.variance) == (naive.width, naive.total, naive.variance)
        assert model.describe(0)["ready"] == naive.is_warm
        if naive.is_drift:
            continue
        rows, recent, buckets = (array[:1].copy() for array in model._state.values())
        settle(rows, recent, buckets, model._make_scratch(), kernel.SLOT_0)
        assert recent[0, : rows["n_recent"][0]].tolist() == [total for total, _ in naive.levels[0]]
        for level, entries in enumerate(naive.levels[1:]):
            assert buckets[0, :, : len(entries), level].T.tolist() == [list(entry) for entry in entries]
            assert not buckets[0, :, len(entries) :, level].any()
        assert not buckets[0, :, :, len(naive.levels) - 1 :].any()
    assert n_changes > 5


@settings(deadline=None, max_examples=120)
@given(seed=st.integers(0, 2**32), n=st.integers(0, 700), which=st.integers(0, len(PARAMETERS) - 1))
def test_a_snapshot_of_version_1_goes_on_where_it_stood(seed: int, n: int, which: int) -> None:
    parameters = PARAMETERS[which]
    values = make_values(seed, n + 200)
    naive = Naive(**parameters)
    for x in values[:n]:
        naive.update(x)
    model: Any = registry.build("adwin", parameters)
    slots = np.zeros(1, dtype=np.int64)
    model.reserve(1)
    model.restore(slots, model.snapshot(slots) | {"version": 1, "columns": naive.to_old_columns()})
    assert (model.width, model.total, model.variance) == (naive.width, naive.total, naive.variance)
    assert (model.drift_detected, model.describe(0)["ready"]) == (naive.is_drift, naive.is_warm)
    zeros = np.zeros(200, dtype=np.int64)
    run = run_stream(model, Stream(zeros, zeros, np.array(values[n:])))
    expected = []
    for x in values[n:]:
        was_warm = naive.is_warm
        naive.update(x)
        expected.append((was_warm, float(was_warm and naive.is_drift)))
    assert list(zip(run.ready.tolist(), run.out.score.tolist(), strict=True)) == expected


@pytest.mark.parametrize("change", [{"buckets": np.zeros((1, 40, 7, 2))}, {"sizes": np.zeros((1, 39), np.int32)}])
def test_a_damaged_snapshot_of_version_1_is_refused(change: dict[str, Any]) -> None:
    model: Any = registry.build("adwin")
    model.reserve(1)
    slots = np.zeros(1, dtype=np.int64)
    columns = Naive(**PARAMETERS[0]).to_old_columns() | change
    with pytest.raises(ValueError, match="version 1"):
        model.restore(slots, model.snapshot(slots) | {"version": 1, "columns": columns})


def test_a_window_beyond_the_levels_starts_anew() -> None:
    model: Any = registry.build("adwin")
    model.reserve(1)
    slots = np.zeros(1, dtype=np.int64)
    snapshot = model.snapshot(slots)
    n = kernel.LONGEST // 32 * 32 + 32
    snapshot["columns"]["rows"]["n"] = n
    snapshot["columns"]["rows"]["n_recent"] = 4
    snapshot["columns"]["rows"]["is_warm"] = 1
    model.restore(slots, snapshot)
    assert model.width == n
    for step in range(100):
        model.update(1.0)
        assert model.width == step + 1


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3, 1e140])
def test_bounds_that_spare_divisions_never_hide_a_cut(size: float) -> None:
    """Jumps of every height about the one that is just a cut: what the bounds let through is what the divisions say."""
    parameters = PARAMETERS[0] | {"delta": 0.2}
    n_changes = 0
    for number in range(60):
        rng = random.Random(number)
        naive = Naive(**parameters)
        model: Any = registry.build("adwin", parameters)
        jump = size * (0.2 + 0.02 * number)
        for step in range(256):
            x = rng.gauss(0.0, 0.3 * size) + (jump if step >= 128 else 0.0)
            naive.update(x)
            model.update(x)
            assert model.drift_detected == naive.is_drift
            n_changes += naive.is_drift
    assert n_changes > 5 or size < 1.0
