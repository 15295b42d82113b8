"""The log miner: a function of the log alone, whatever the batches, and restorable between any two of them."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.codecs.base import LogLines
from pipeline.codecs.log_json import LogJsonCodec
from pipeline.codecs.record import RecordBatch
from pipeline.config.schema import LogSettings, SourceTopic
from pipeline.demo.log_templates import SERVICES, fill
from pipeline.engine import accounting
from pipeline.errors import StateError
from pipeline.logs import mined_lines
from pipeline.logs.mined_lines import LINE_FILTERED, LINE_LATE, LINE_SCORED, LOG_RATE_NAME
from pipeline.logs.miner import NEWS_PER_WINDOW, OTHER, LogMiner
from pipeline.logs.rate_windows import ZERO_WINDOWS
from pipeline.samples.labels import LabelSet
from tests.unit.logs.naive_miner import NaiveTree, alike_lines, mask_naively

NS = 1_000_000_000
START_NS = 1_700_000_000 * NS // (60 * NS) * (60 * NS)
Line = tuple[float, str, str, dict[str, str]]


def make_miner(lateness_secs: float = 5.0, labels: dict[str, str] | None = None, **settings: Any) -> LogMiner:
    source = SourceTopic(name="logs", kind="logs", format="log_json", lateness_secs=lateness_secs, labels=labels or {})
    return LogMiner(LogSettings(**{"window_secs": 60.0, "new_template_after_lines": 10, **settings}), source)


def take(miner: LogMiner, lines: list[Line], first_offset: int = 0) -> list[tuple[Any, ...]]:
    """Everything one batch gives, rows as offsets."""
    batch = RecordBatch.from_rows("logs", 0, [(first_offset + i, 0, None, b"") for i in range(len(lines))])
    mined = miner.take(
        batch,
        LogLines(
            row=np.arange(len(lines)),
            event_time_ns=np.array([START_NS + round(secs * NS) for secs, *_ in lines], dtype=np.int64),
            message=[message for _, message, _, _ in lines],
            level=[level for _, _, level, _ in lines],
            labels=[labels for *_, labels in lines],
        ),
    )
    points = mined.points
    assert len(points) == len(mined.facts) == points.value.size == points.row.size == points.position.size
    assert mined.outcome.size == len(lines)
    out: list[tuple[Any, ...]] = [
        ("rate", first_offset + row, position, time_ns, value, str(LabelSet(points.labels_of(key))), facts)
        for row, position, time_ns, value, key, facts in zip(
            points.row.tolist(),
            points.position.tolist(),
            points.event_time_ns.tolist(),
            points.value.tolist(),
            points.keys,
            mined.facts,
            strict=True,
        )
    ]
    out += [("new", first_offset + new.row, *new[1:]) for new in mined.new_templates]
    out += [("withheld", first_offset + row) for row in mined.withheld]
    out += [("line", first_offset + i, code) for i, code in enumerate(mined.outcome.tolist())]
    return sorted(out, key=lambda one: (one[0], one[1]))


def simulated_lines(seed: int, n: int) -> list[Line]:
    rng = random.Random(seed)
    lines: list[Line] = []
    secs = 0.0
    services = list(SERVICES)
    for i in range(n):
        secs += rng.expovariate(0.5)
        service = rng.choice(services)
        template = rng.choice(SERVICES[service])
        text = fill(template.text, rng) if rng.random() < 0.97 else f"panic {chr(97 + i % 26)} in module {rng.choice('xyz')}"
        at = secs - (rng.uniform(0, 200) if rng.random() < 0.05 else 0)
        lines.append((max(at, 0.0), text, template.level, {"service": service, "region": rng.choice(("eu", "us")), "host": "h"}))
    return lines


def in_batches(miner: LogMiner, lines: list[Line], sizes: list[int]) -> list[tuple[Any, ...]]:
    out: list[tuple[Any, ...]] = []
    start = 0
    while start < len(lines):
        size = sizes[len(out) % len(sizes)] if sizes else len(lines)
        out += take(miner, lines[start : start + size], start)
        start += size
    return sorted(out, key=lambda one: (one[0], one[1]))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 60), max_size=5), st.sampled_from([2, 6, 5_000]))
def test_the_batches_change_nothing(seed: int, sizes: list[int], max_templates: int) -> None:
    lines = simulated_lines(seed, 400)
    whole = in_batches(make_miner(max_templates=max_templates), lines, [])
    assert in_batches(make_miner(max_templates=max_templates), lines, sizes) == whole
    assert in_batches(make_miner(max_templates=max_templates), lines, [1]) == whole
    assert {one[0] for one in whole} >= {"rate", "line"}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 400), st.sampled_from([2, 6, 5_000]))
def test_restored_at_any_point_it_goes_on_bit_for_bit(seed: int, cut: int, max_templates: int) -> None:
    lines = simulated_lines(seed, 400)
    whole = make_miner(max_templates=max_templates)
    expected = take(whole, lines)
    first, second = make_miner(max_templates=max_templates), make_miner(max_templates=max_templates)
    found = take(first, lines[:cut])
    second.restore(json.loads(json.dumps(first.snapshot())))
    found += take(second, lines[cut:], cut)
    assert sorted(found, key=lambda one: (one[0], one[1])) == expected
    assert second.snapshot() == whole.snapshot()


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.4, 0.5, 0.6]))
def test_a_line_seen_before_has_the_template_that_a_search_gives_now(seed: int, similarity: float) -> None:
    miner, naive = make_miner(similarity=similarity), NaiveTree(similarity, 5_000)
    id_by_ordinal: dict[int | None, str] = {}
    for i, line in enumerate(alike_lines(seed)):
        batch = RecordBatch.from_rows("logs", 0, [(i, 0, None, b"")])
        text = " ".join(line)
        window = i * 60 * NS
        columns = LogLines(np.array([0]), np.array([window]), [text], [""], [{}])
        miner.take(batch, columns)
        ordinal = naive.learn(mask_naively(text))
        # The line's own window is the only open one: its series names the template.
        windows = miner.snapshot()["windows"]
        ((_, tallies),) = (one for one in windows["open"] if one[0] * 60 * NS == window)
        template_id = windows["series"][tallies[0][0]][0][0]
        assert id_by_ordinal.setdefault(ordinal, template_id) == template_id
    assert len(set(id_by_ordinal.values())) == len(id_by_ordinal)


def test_every_line_has_one_outcome_and_those_scored_are_in_the_rates() -> None:
    lines = simulated_lines(3, 2_000)
    lines.append((10**7, "the end", "INFO", {}))
    out = take(make_miner(), lines)
    outcomes = [one[2] for one in out if one[0] == "line"]
    assert len(outcomes) == len(lines)
    assert outcomes.count(LINE_LATE) > 20
    counted = sum(one[4] * 60 for one in out if one[0] == "rate")
    assert round(counted, 6) == outcomes.count(LINE_SCORED) - 1


def test_outcomes_are_numbered_as_records_are() -> None:
    assert (LINE_SCORED, LINE_LATE, LINE_FILTERED) == (accounting.SCORED, accounting.LATE, accounting.FILTERED)


def test_a_rate_has_the_labels_of_its_group_its_template_and_its_level() -> None:
    miner = make_miner(labels={"region": "eu"})
    rates = [
        one
        for one in take(
            miner,
            [
                (1, "disk sda is full", "ERROR", {"service": "db", "host": "a"}),
                (2, "disk sdb is full", "ERROR", {"service": "db", "host": "b"}),
                (3, "disk sdb is full", "WARN", {"service": "db", "host": "b"}),
                (4, "disk sdb is full", "ERROR", {"service": "db", "region": "us"}),
                (5, "disk sdc is full", "", {}),
                (65, "tick", "INFO", {}),
            ],
        )
        if one[0] == "rate"
    ]
    assert [(one[1], one[2], one[3] - START_NS) for one in rates] == [(5, i, 60 * NS) for i in range(4)]
    assert [one[4] * 60 for one in rates] == [2.0, 1.0, 1.0, 1.0]
    template_id = miner.snapshot()["templates"][0][0]
    rest = f'template="disk <*> is full",template_id="{template_id}"'
    assert [one[5] for one in rates] == [
        f'{LOG_RATE_NAME}{{level="ERROR",region="eu",service="db",{rest}}}',
        f'{LOG_RATE_NAME}{{level="WARN",region="eu",service="db",{rest}}}',
        f'{LOG_RATE_NAME}{{level="ERROR",region="us",service="db",{rest}}}',
        f'{LOG_RATE_NAME}{{region="eu",{rest}}}',
    ]
    assert rates[0][6] == ("disk <*> is full", 2, 5, "disk sda is full")


def test_a_template_that_generalises_later_keeps_its_series() -> None:
    miner = make_miner()
    first = take(miner, [(1, "user bob logged in", "INFO", {}), (66, "tick", "INFO", {})])
    second = take(miner, [(67, "user eve logged in", "INFO", {}), (130, "tick", "INFO", {})], 2)
    before, after = (next(one for one in out if one[0] == "rate") for out in (first, second))
    assert before[5] == after[5]
    assert 'template="user bob logged in"' in before[5]
    assert (before[6].template, after[6].template) == ("user bob logged in", "user <*> logged in")


def test_zeros_are_told_for_a_while_and_a_template_may_come_back() -> None:
    miner = make_miner(lateness_secs=0)
    lines: list[Line] = [(1, "rare", "INFO", {})]
    lines += [(60.0 * k + 1, "tick", "INFO", {}) for k in range(1, ZERO_WINDOWS + 5)]
    lines += [(60.0 * (ZERO_WINDOWS + 10), "rare", "INFO", {}), (60.0 * (ZERO_WINDOWS + 12), "tick", "INFO", {})]
    rates = [one for one in take(miner, lines) if one[0] == "rate" and '"rare"' in one[5]]
    assert [one[4] * 60 for one in rates] == [1.0] + [0.0] * ZERO_WINDOWS + [1.0, 0.0]


def test_new_templates_are_news_only_after_enough_lines_and_once() -> None:
    lines: list[Line] = [(i, f"tick {i}", "INFO", {"service": "a"}) for i in range(9)]
    lines += [(9, "early bird", "INFO", {"service": "a"}), (10, "late bird sings", "ERROR", {"service": "b", "host": "h"})]
    lines += [(11, "late bird sings", "ERROR", {"service": "a"})]
    news = [one for one in take(make_miner(), lines) if one[0] == "new"]
    assert len(news) == 1
    _, offset, time_ns, labels, template, example, n_lines = news[0]
    assert (offset, time_ns, template, example, n_lines) == (10, START_NS + 10 * NS, "late bird sings", "late bird sings", 10)
    assert labels == {
        "__name__": LOG_RATE_NAME,
        "service": "b",
        "level": "ERROR",
        "template": "late bird sings",
        "template_id": labels["template_id"],
    }


def test_the_series_of_a_new_template_is_the_one_its_rate_gets() -> None:
    miner = make_miner(new_template_after_lines=0)
    out = take(miner, [(1, "user bob left", "INFO", {}), (2, "user eve left", "INFO", {}), (70, "tick", "INFO", {})])
    news, rate = next(one for one in out if one[0] == "new"), next(one for one in out if one[0] == "rate")
    assert str(LabelSet(news[3])) == rate[5]


def test_a_flood_of_new_templates_is_told_of_in_part() -> None:
    miner = make_miner(new_template_after_lines=0)
    words = [f"{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(60)]
    out = take(miner, [(1 + i / 10, f"{word} {word}x {word}y", "", {}) for i, word in enumerate(words)])
    assert [one[1] for one in out if one[0] == "new"] == list(range(NEWS_PER_WINDOW))
    assert [one[1] for one in out if one[0] == "withheld"] == list(range(NEWS_PER_WINDOW, 60))
    assert [one[2] for one in out if one[0] == "line"] == [LINE_SCORED] * 60
    # Old lines do not make room: the time that counts is that of the watermark.
    late = [(50.0, "one more thing", "", {}), (61.0, "and a next window", "", {}), (59.0, "then another kind of line", "", {})]
    out = take(miner, late, 60)
    assert [one[1] for one in out if one[0] == "withheld"] == [60]
    assert [one[1] for one in out if one[0] == "new"] == [61, 62]


@pytest.mark.parametrize("change", [{"window_secs": 7.0}, {"window_secs": 3_600.0}, {"group_by": ["region"]}])
def test_other_settings_keep_the_templates_and_count_anew(change: dict[str, Any]) -> None:
    lines = simulated_lines(5, 3_000)
    before, after = make_miner(), make_miner(**change)
    take(before, lines[:300])
    after.restore(json.loads(json.dumps(before.snapshot())))
    assert after.n_templates == before.n_templates
    assert (after.n_lines, after.n_series) == (before.n_lines, 0)
    out = take(after, [*lines[300:], (10**7, "the end", "INFO", {})], 300)
    # Nothing is counted twice or in a window that was closed before, and all that counts is in the rates.
    snapshot = before.snapshot()["windows"]
    closed_ns = (snapshot["last_closed"] + 1) * 60 * NS
    window_secs = change.get("window_secs", 60.0)
    rates = [one for one in out if one[0] == "rate"]
    assert rates
    assert all(one[3] - round(window_secs * NS) >= closed_ns for one in rates)
    outcomes = [one[2] for one in out if one[0] == "line"]
    assert round(sum(one[4] * window_secs for one in rates), 3) == outcomes.count(LINE_SCORED) - 1
    assert outcomes.count(LINE_SCORED) > 30


def test_examples_are_cut() -> None:
    news = next(one for one in take(make_miner(new_template_after_lines=0), [(1, "x" * 10**6, "", {})]) if one[0] == "new")
    assert len(news[5]) == 1_000
    LabelSet(news[3])


def test_beyond_the_ceiling_lines_count_under_other_and_are_no_news() -> None:
    miner = make_miner(max_templates=1, new_template_after_lines=0)
    lines: list[Line] = [
        (1, "a b c", "", {}),
        (2, "d e", "", {}),
        (3, "f g h i", "", {}),
        (4, "a b z", "", {}),
        (70, "a b c", "", {}),
    ]
    out = take(miner, lines)
    assert [one[1] for one in out if one[0] == "new"] == [0]
    rates = {one[6].template: (one[4] * 60, one[5]) for one in out if one[0] == "rate"}
    assert rates[OTHER] == (2.0, f'{LOG_RATE_NAME}{{template="other",template_id="other"}}')
    assert rates["a b <*>"][0] == 2.0
    assert miner.n_templates == 1


def test_beyond_the_ceiling_of_series_lines_are_filtered() -> None:
    miner = make_miner(max_templates=1)
    lines: list[Line] = [(1, "same", "", {"service": f"s{i}"}) for i in range(6)]
    assert [one[2] for one in take(miner, lines) if one[0] == "line"] == [LINE_SCORED] * 4 + [LINE_FILTERED] * 2
    assert mined_lines.CEILING_REASON


def test_whatever_is_sent_memory_is_bounded() -> None:
    miner = make_miner(max_templates=50, new_template_after_lines=0, lateness_secs=0)
    rng = random.Random(1)
    n_lines = 30_000
    for start in range(0, n_lines, 1_000):
        lines: list[Line] = [
            (
                (start + i) / 10,
                " ".join("".join(rng.choices("abcdefgh", k=6)) for _ in range(rng.randrange(1, 6))),
                "".join(rng.choices("ABCD", k=4)),
                {"service": f"s{rng.randrange(10**6)}"},
            )
            for i in range(1_000)
        ]
        take(miner, lines, start)
    assert miner.n_lines == n_lines
    assert miner.n_templates == 50
    assert miner.n_series <= 200
    finder = miner._finder
    for recent, ceiling in ((finder._found, 4_096), (finder._tree._found, 4_096)):
        assert 0 < len(recent._newer) <= ceiling
        assert len(recent._older) <= ceiling
    known = finder._masker._mask.__self__  # type: ignore[attr-defined]
    assert len(known) <= 16_384
    assert len(json.dumps(miner.snapshot())) < 200_000


def test_late_lines_teach_nothing() -> None:
    miner = make_miner(lateness_secs=0)
    take(miner, [(1, "a", "", {}), (61, "a", "", {})])
    before = miner.snapshot()
    assert take(miner, [(59, "something quite new", "", {})]) == [("line", 0, LINE_LATE)]
    assert miner.snapshot() == before


def test_a_snapshot_of_another_version_is_refused() -> None:
    miner = make_miner()
    with pytest.raises(StateError, match="version 99"):
        miner.restore({**miner.snapshot(), "version": 99})


def test_from_bytes_to_rates() -> None:
    values = [
        json.dumps(
            {"ts": START_NS // 10**6 + 100 * i, "level": "info", "message": f"job {i} done", "labels": {"service": "a"}}
        ).encode()
        for i in range(1_500)
    ]
    batch = RecordBatch.from_rows("logs", 0, [(i, 0, None, value) for i, value in enumerate(values)])
    miner = make_miner(lateness_secs=0)
    mined = miner.take(batch, LogJsonCodec().decode(batch))
    assert (mined.points.value * 60).tolist() == [600.0, 600.0]
    assert mined.points.row.tolist() == [600, 1_200]
    assert miner.n_templates == 1
