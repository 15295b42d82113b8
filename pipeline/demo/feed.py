"""Feeding a run: the past as fast as the broker takes it, then the live part at its pace."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from enum import StrEnum

from pipeline.client import RecordWriter
from pipeline.clock import NS_PER_SEC
from pipeline.demo.simulation import TimedEntry
from pipeline.errors import StreamwardenError

__all__ = ["FeedPhase", "Feeder"]

_LONGEST_WAIT_SECS = 0.1


class FeedPhase(StrEnum):
    """Where a feed stands."""

    HISTORY = "history"
    WAITING = "waiting"
    LIVE = "live"
    DONE = "done"


class Feeder(threading.Thread):
    """Writes the records of a run from a thread of its own.

    Parameters
    ----------
    writer : RecordWriter
        Where to.
    topic_by_format : mapping of str to str
        Topic of each record format; records of other formats are left out.
    entries : iterator of TimedEntry
        In order of event time.
    shift_ns : int
        Added to every event time; whole milliseconds.
    live_start_ns : int
        Event time, before the shift, from which on records are paced.
    speed : float
        Event seconds a wall second in the live part.

    Attributes
    ----------
    n_by_topic : dict of str to int
        Records written.
    phase : FeedPhase
        Where it stands: it waits before the live part until `begin_live` is called.
    error : Exception or None
        What ended it early.
    """

    def __init__(
        self,
        writer: RecordWriter,
        topic_by_format: Mapping[str, str],
        entries: Iterator[TimedEntry],
        *,
        shift_ns: int,
        live_start_ns: int,
        speed: float,
    ) -> None:
        super().__init__(name="feeder", daemon=True)
        self._writer = writer
        self._topic_by_format = topic_by_format
        self._entries = entries
        self._shift_ns = shift_ns
        self._live_start_ns = live_start_ns
        self._speed = speed
        self._may_begin = threading.Event()
        self._must_stop = threading.Event()
        self._began_secs = 0.0
        self.n_by_topic: dict[str, int] = dict.fromkeys(topic_by_format.values(), 0)
        self.phase = FeedPhase.HISTORY
        self.error: Exception | None = None

    @property
    def n_written(self) -> int:
        """Records written so far."""
        return sum(self.n_by_topic.values())

    @property
    def event_time_ns(self) -> int:
        """Event time up to which records have been sent, with the shift, by the pace of the live part."""
        if self.phase in (FeedPhase.HISTORY, FeedPhase.WAITING):
            return self._live_start_ns + self._shift_ns
        return self._live_start_ns + self._shift_ns + round((time.monotonic() - self._began_secs) * self._speed * NS_PER_SEC)

    def sent_at_secs(self, event_time_ns: int) -> float:
        """Monotonic time at which a record of the live part with this (shifted) event time was due."""
        return self._began_secs + (event_time_ns - self._shift_ns - self._live_start_ns) / NS_PER_SEC / self._speed

    def begin_live(self) -> None:
        """Let the live part begin."""
        self._may_begin.set()

    def stop(self) -> None:
        """End early; the thread ends within a moment."""
        self._must_stop.set()
        self._may_begin.set()

    def run(self) -> None:
        """Write everything; called by the thread."""
        try:
            self._feed()
        except StreamwardenError as error:
            self.error = error
        finally:
            self.phase = FeedPhase.DONE

    def _feed(self) -> None:
        for timed in self._entries:
            if timed.event_time_ns >= self._live_start_ns:
                if self.phase is FeedPhase.HISTORY:
                    self._wait_for_live()
                self._wait_until_due(timed.event_time_ns)
            if self._must_stop.is_set():
                break
            topic = self._topic_by_format.get(timed.format)
            if topic is None:
                continue
            self._writer.write(topic, timed.entry.to_record(self._shift_ns))
            self.n_by_topic[topic] += 1
        self._writer.flush()

    def _wait_for_live(self) -> None:
        self._writer.flush()
        self.phase = FeedPhase.WAITING
        self._may_begin.wait()
        self._began_secs = time.monotonic()
        self.phase = FeedPhase.LIVE

    def _wait_until_due(self, event_time_ns: int) -> None:
        due_secs = self._began_secs + (event_time_ns - self._live_start_ns) / NS_PER_SEC / self._speed
        while (wait_secs := due_secs - time.monotonic()) > 0 and not self._must_stop.is_set():
            time.sleep(min(wait_secs, _LONGEST_WAIT_SECS))
