"""Episodes: runs of anomalous samples with hysteresis, against a literal version and rule by rule."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.base import Scores
from pipeline.config.schema import EpisodeSettings
from pipeline.engine.episode import PHASES, EpisodeEvents, Episodes

UNKNOWN, NORMAL, ODD = 0, 1, 2


def follow(
    episodes: Episodes,
    verdicts: list[int],
    *,
    secs: list[float] | None = None,
    slots: list[int] | None = None,
    value: list[float] | None = None,
    expected: float = math.nan,
    tail: list[float] | None = None,
) -> EpisodeEvents:
    n = len(verdicts)
    at = np.arange(n, dtype=np.int64)
    times = at * 10**9 if secs is None else (np.array(secs) * 1e9).astype(np.int64)
    return episodes.follow(
        np.array(slots or [0] * n, dtype=np.int64),
        np.array(verdicts, dtype=np.int8),
        times,
        at + 100,
        at % 2,
        np.array(value or [0.0] * n),
        Scores(np.zeros(n), np.full(n, expected), np.zeros(n)),
        np.array(tail or [0.5] * n),
    )


def told(events: EpisodeEvents) -> list[tuple[int, str]]:
    return [(int(i), PHASES[p]) for i, p in zip(events.sample, events.phase, strict=True)]


def make(**settings_: float) -> Episodes:
    episodes = Episodes(EpisodeSettings(**settings_), "both")  # type: ignore[arg-type]
    episodes.reserve(3)
    return episodes


def test_one_run_is_one_episode_and_single_normal_samples_do_not_end_it() -> None:
    events = follow(make(clear_after_samples=3), [ODD, ODD, NORMAL, NORMAL, ODD, NORMAL, NORMAL, NORMAL, NORMAL])
    assert told(events) == [(0, "opened"), (7, "cleared")]
    assert events.n_folded == 2
    assert events.facts[1]["n_anomalous"] == 3


def test_a_run_too_short_opens_nothing_and_is_forgotten() -> None:
    episodes = make(open_after_samples=3, clear_after_samples=1)
    events = follow(episodes, [ODD, ODD, NORMAL, ODD, ODD, UNKNOWN, ODD, NORMAL])
    assert told(events) == [(6, "opened"), (7, "cleared")]
    assert events.facts[0]["started_ns"] == 3 * 10**9
    assert (events.facts[0]["open_offset"], events.facts[0]["open_position"]) == (106, 0)
    assert events.n_folded == 4


def test_one_that_goes_on_is_told_again_by_event_time() -> None:
    events = follow(make(repeat_secs=10.0), [ODD] * 6, secs=[0, 5, 9.99, 10, 19, 20])
    assert told(events) == [(0, "opened"), (3, "continued"), (5, "continued")]
    assert events.facts["n_folded"].tolist() == [0, 2, 1]


def test_the_peak_is_the_least_likely_sample_so_far() -> None:
    events = follow(make(repeat_secs=0.5, clear_after_samples=1), [ODD, ODD, ODD, NORMAL], tail=[1e-3, 1e-6, 1e-4, 0.9])
    assert events.facts["peak_tail"].tolist() == [1e-3, 1e-6, 1e-6, 1e-6]


def test_a_peak_that_was_not_known_gives_way_to_one_that_is() -> None:
    events = follow(make(repeat_secs=0.5), [ODD, ODD], tail=[math.nan, 1e-3])
    assert math.isnan(events.facts["peak_tail"][0])
    assert events.facts["peak_tail"][1] == 1e-3


@pytest.mark.parametrize(("direction", "odd"), [("above", [1.0]), ("below", [-1.0]), ("both", [-1.0, 0.0, 1.0])])
def test_only_the_side_that_counts_counts(direction: str, odd: list[float]) -> None:
    for value in (-1.0, 0.0, 1.0):
        episodes = Episodes(EpisodeSettings(), direction)
        episodes.reserve(1)
        events = follow(episodes, [ODD], value=[value], expected=0.0)
        assert bool(told(events)) == (value in odd)
        assert events.n_wrong_side == (value not in odd)


@pytest.mark.parametrize("direction", ["above", "below"])
def test_where_nothing_was_expected_every_side_counts(direction: str) -> None:
    episodes = Episodes(EpisodeSettings(), direction)
    episodes.reserve(1)
    assert told(follow(episodes, [ODD])) == [(0, "opened")]


def test_the_wrong_side_helps_to_end_an_episode() -> None:
    episodes = Episodes(EpisodeSettings(clear_after_samples=1), "above")
    episodes.reserve(1)
    assert told(follow(episodes, [ODD, ODD], value=[1.0, -1.0], expected=0.0)) == [(0, "opened"), (1, "cleared")]


@settings(max_examples=80, deadline=None)
@given(
    verdicts=st.lists(st.integers(0, 2), min_size=1, max_size=80),
    seed=st.integers(0, 2**32),
    open_after=st.integers(1, 3),
    clear_after=st.integers(1, 3),
    cut=st.integers(0, 80),
)
def test_it_is_the_rule_told_literally_however_it_is_cut(
    verdicts: list[int], seed: int, open_after: int, clear_after: int, cut: int
) -> None:
    rng = np.random.default_rng(seed)
    slots = rng.integers(0, 3, len(verdicts)).tolist()
    secs = np.cumsum(rng.integers(0, 4, len(verdicts))).tolist()
    options = {"open_after_samples": open_after, "clear_after_samples": clear_after, "repeat_secs": 5.0}
    naive: list[tuple[int, str]] = []
    state = [{"run": 0, "normal": 0, "open": False, "told": 0.0} for _ in range(3)]
    for i, verdict in enumerate(verdicts):
        one = state[slots[i]]
        if verdict == ODD:
            one["run"], one["normal"] = one["run"] + 1, 0
            if not one["open"] and one["run"] >= open_after:
                one["open"], one["told"] = True, secs[i]
                naive.append((i, "opened"))
            elif one["open"] and secs[i] - one["told"] >= 5:
                one["told"] = secs[i]
                naive.append((i, "continued"))
        elif verdict == NORMAL:
            one["normal"] += 1
            if not one["open"]:
                one["run"] = 0
            elif one["normal"] >= clear_after:
                naive.append((i, "cleared"))
                one.update(run=0, open=False)
    whole, cut_up = make(**options), make(**options)
    assert told(follow(whole, verdicts, secs=secs, slots=slots)) == naive
    cut = min(cut, len(verdicts))
    first = told(follow(cut_up, verdicts[:cut], secs=secs[:cut], slots=slots[:cut])) if cut else []
    rest = told(follow(cut_up, verdicts[cut:], secs=secs[cut:], slots=slots[cut:])) if cut < len(verdicts) else []
    assert first + [(i + cut, phase) for i, phase in rest] == naive
    assert whole.n_open == cut_up.n_open == sum(one["open"] for one in state)


def test_a_reset_row_has_nothing_open() -> None:
    episodes = make()
    follow(episodes, [ODD, ODD], slots=[0, 1])
    episodes.reset(np.array([0]))
    assert episodes.n_open == 1
    assert not episodes.get(0)["is_open"]
    assert told(follow(episodes, [ODD])) == [(0, "opened")]
