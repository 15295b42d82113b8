"""Feeding: order, pace, the pause before the live part, and who gets what."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.demo.feed import Feeder, FeedPhase
from pipeline.demo.simulation import TimedEntry
from pipeline.errors import BrokerError
from pipeline.history import HistoryRecord, SampleEntry
from pipeline.history.entry import SeriesText
from pipeline.samples.labels import LabelSet

SEC = 1_000_000_000
T0 = 1_795_000_000 * SEC
TEXT = SeriesText(LabelSet({"__name__": "cpu"}))


class Writer:
    def __init__(self, fail_at: int = -1) -> None:
        self.written: list[tuple[str, HistoryRecord, float]] = []
        self.n_flushed_at: list[int] = []
        self._fail_at = fail_at

    def write(self, topic: str, record: HistoryRecord) -> None:
        if len(self.written) == self._fail_at:
            raise BrokerError("gone")
        self.written.append((topic, record, time.monotonic()))

    def flush(self) -> None:
        self.n_flushed_at.append(len(self.written))


def entries(n: int, gap_secs: float = 10.0) -> Iterator[TimedEntry]:
    for i in range(n):
        at_ns = T0 + round(i * gap_secs * SEC)
        yield TimedEntry(at_ns, "metric_json" if i % 3 else "log_json", SampleEntry(at_ns, TEXT, float(i)))


def feeder(writer: Any, n: int = 10, speed: float = 1000.0, live_after: int = 5, **changes: Any) -> Feeder:
    return Feeder(
        writer,
        changes.pop("topics", {"metric_json": "m", "log_json": "l"}),
        entries(n),
        shift_ns=7 * SEC,
        live_start_ns=T0 + live_after * 10 * SEC,
        speed=speed,
    )


def wait_for(feed: Feeder, phase: FeedPhase) -> None:
    deadline = time.monotonic() + 10
    while feed.phase is not phase:
        assert time.monotonic() < deadline, feed.phase
        time.sleep(0.005)


def test_history_goes_at_once_and_the_live_part_waits_for_the_word() -> None:
    writer = Writer()
    feed = feeder(writer)
    feed.start()
    wait_for(feed, FeedPhase.WAITING)
    assert len(writer.written) == 5
    assert writer.n_flushed_at == [5]
    assert feed.event_time_ns == T0 + 57 * SEC
    feed.begin_live()
    feed.join(10)
    assert feed.phase is FeedPhase.DONE
    assert feed.error is None
    assert [record.timestamp_ms for _, record, _ in writer.written] == [(T0 + (7 + 10 * i) * SEC) // 1_000_000 for i in range(10)]
    assert feed.n_by_topic == {"m": 6, "l": 4}
    assert feed.n_written == 10
    assert writer.n_flushed_at == [5, 10]


def test_live_records_are_never_sent_before_they_are_due() -> None:
    writer = Writer()
    feed = feeder(writer, speed=200.0)
    feed.start()
    feed.begin_live()
    feed.join(10)
    for _, record, at_secs in writer.written[5:]:
        assert at_secs >= feed.sent_at_secs(record.timestamp_ms * 1_000_000) - 1e-6


def test_formats_without_a_topic_are_left_out() -> None:
    writer = Writer()
    feed = feeder(writer, topics={"metric_json": "m"})
    feed.begin_live()
    feed.start()
    feed.join(10)
    assert {topic for topic, _, _ in writer.written} == {"m"}
    assert feed.n_written == len(writer.written) == 6


@pytest.mark.parametrize("begun", [False, True])
def test_stop_ends_it_wherever_it_stands(begun: bool) -> None:
    writer = Writer()
    feed = feeder(writer, speed=0.001)
    feed.start()
    if begun:
        feed.begin_live()
        wait_for(feed, FeedPhase.LIVE)
        while len(writer.written) < 6:
            time.sleep(0.005)
    else:
        wait_for(feed, FeedPhase.WAITING)
    feed.stop()
    feed.join(10)
    assert not feed.is_alive()
    assert feed.error is None
    assert len(writer.written) == (6 if begun else 5)
    assert writer.n_flushed_at[-1] == len(writer.written)


def test_an_error_of_the_broker_is_kept_and_ends_the_thread() -> None:
    feed = feeder(Writer(fail_at=3))
    feed.start()
    feed.join(10)
    assert feed.phase is FeedPhase.DONE
    assert isinstance(feed.error, BrokerError)
