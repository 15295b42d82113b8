"""Watching a run: everything the output topics say, gathered from a thread of its own."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

import orjson

from pipeline.alerts.event import AlertEvent
from pipeline.client import ReadStart, TopicReader
from pipeline.config.schema import OutputTopics
from pipeline.engine.anomaly import Anomaly
from pipeline.errors import StreamwardenError

__all__ = ["Watcher"]

_N_NEWEST = 50


class Watcher(threading.Thread):
    """Reads anomalies, alerts and dead letters as they arrive.

    Parameters
    ----------
    settings : mapping
        Connection settings of kafka-python.
    outputs : OutputTopics
        Names of the topics.

    Attributes
    ----------
    newest : deque of Anomaly
        The newest anomalies that opened an episode, newest first.
    alerts : list of (float, AlertEvent)
        Every alert event with the monotonic time at which it was seen.
    open_incidents : dict of str to AlertEvent
        Incidents whose last event is no resolution.
    n_anomalies, n_dead_letters : int
        Seen so far.
    heard_secs : float
        Monotonic time of the last arrival.
    error : Exception or None
        What ended it early.
    """

    def __init__(self, settings: Mapping[str, Any], outputs: OutputTopics) -> None:
        super().__init__(name="watcher", daemon=True)
        self._outputs = outputs
        topics = [outputs.anomalies.name, outputs.alerts.name, outputs.dead_letters.name]
        self._reader = TopicReader(dict(settings), topics, ReadStart(0))
        self._must_stop = threading.Event()
        self.newest: deque[Anomaly] = deque(maxlen=_N_NEWEST)
        self.alerts: list[tuple[float, AlertEvent]] = []
        self.open_incidents: dict[str, AlertEvent] = {}
        self.n_anomalies = 0
        self.n_dead_letters = 0
        self.heard_secs = time.monotonic()
        self.error: Exception | None = None

    def run(self) -> None:
        """Read until stopped; called by the thread."""
        try:
            while not self._must_stop.is_set():
                for record in self._reader.poll(0.25):
                    self._take(record.topic, record.value or b"")
        except (StreamwardenError, orjson.JSONDecodeError, KeyError) as error:
            self.error = error
        finally:
            self._reader.close()

    def stop(self) -> None:
        """End; the thread ends within a moment."""
        self._must_stop.set()

    def _take(self, topic: str, value: bytes) -> None:
        self.heard_secs = time.monotonic()
        if topic == self._outputs.dead_letters.name:
            self.n_dead_letters += 1
        elif topic == self._outputs.anomalies.name:
            self.n_anomalies += 1
            anomaly = Anomaly.from_json(value)
            if anomaly.phase == "opened":
                self.newest.appendleft(anomaly)
        else:
            event = AlertEvent.from_dict(orjson.loads(value))
            self.alerts.append((self.heard_secs, event))
            # Replaced, not changed: the screen reads it from another thread.
            still_open = {known: one for known, one in self.open_incidents.items() if known != event.incident_id}
            if event.type != "resolved":
                still_open[event.incident_id] = event
            self.open_incidents = still_open
