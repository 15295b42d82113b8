"""A cross-check provider that takes connections and never says a word: alerts go on without it, and nothing piles up."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from pipeline.alerts.event import AlertEvent
from tests.integration.made_metrics import make_metrics
from tests.integration.running_worker import RunningWorker
from tests.integration.test_crosscheck_road import AWS, read_checked
from tests.integration.test_slow_sink import Watch, told_anomalies
from tests.integration.topic_set import TopicSet
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

DEADLINE_SECS = 1.0
N_THREADS = 4
N_SERIES, N_STEPS = 8, 180
MAX_POLL_RECORDS = 40
MAX_IN_FLIGHT = 10


class SilentServer:
    """Reads whatever comes on any connection and answers nothing.

    Attributes
    ----------
    n_bytes, n_connections, most_open : int
        Read so far; made so far; open at a time, at most.
    """

    def __init__(self) -> None:
        self.n_bytes = self.n_connections = self.most_open = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listening, selectors.EVENT_READ)
        self._is_closed = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def _serve(self) -> None:
        open_ones: set[socket.socket] = set()
        while not self._is_closed:
            for key, _ in self._selector.select(0.1):
                if key.fileobj is self._listening:
                    connection, _address = self._listening.accept()
                    self._selector.register(connection, selectors.EVENT_READ)
                    open_ones.add(connection)
                    self.n_connections += 1
                    self.most_open = max(self.most_open, len(open_ones))
                    continue
                assert isinstance(key.fileobj, socket.socket)
                data = key.fileobj.recv(65_536)
                self.n_bytes += len(data)
                if not data:
                    self._selector.unregister(key.fileobj)
                    open_ones.discard(key.fileobj)
                    key.fileobj.close()
        for connection in open_ones:
            connection.close()
        self._selector.close()
        self._listening.close()

    def close(self) -> None:
        self._is_closed = True
        self._thread.join()


@pytest.fixture
def silent() -> Iterator[SilentServer]:
    server = SilentServer()
    yield server
    server.close()


def test_a_provider_that_never_answers_silences_nothing(
    topics: TopicSet, start_worker: Callable[..., RunningWorker], silent: SilentServer
) -> None:
    source = topics.add_source("metrics")
    topics.config["detectors"][0]["threshold"] = {"type": "fixed", "score": 0.999}
    topics.config["alerts"] = {"incident": {"group_by": ["node"], "resolve_after_secs": 30.0, "update_min_secs": 20.0}}
    topics.config["worker"] |= {"max_poll_records": MAX_POLL_RECORDS, "event_secs_per_sec": 120.0}
    topics.config["crosscheck"] = {
        "deadline_secs": DEADLINE_SECS,
        "max_in_flight": MAX_IN_FLIGHT,
        # Alerts wait for the verdict, and refutations would mute: what is unknown must do neither for ever.
        "policy": dict.fromkeys(("P0", "P1", "P2", "P3"), "hold"),
        "on_refuted": "mute",
        "provider": {
            "type": "cloudwatch",
            "endpoint_url": silent.url,
            "max_calls_per_minute": 6_000.0,
            # Nothing but the deadline ends the wait: the client would wait nearly as long, and is not given up on.
            "call_timeout_secs": 0.9 * DEADLINE_SECS,
            "breaker_failures": 1_000_000,
            "n_threads": N_THREADS,
            "metrics": [{"namespace": "Dag", "dimensions": {"Node": "{node}"}}],
        },
    }
    config_path = topics.create()
    worker = start_worker(config_path, environment=AWS).wait_ready()
    watch = Watch(worker)
    rows = make_metrics(N_STEPS, seed=41, n_series=N_SERIES, jump_every=29)
    rows += make_metrics(30, seed=42, n_series=N_SERIES, jump_every=10**9, start_step=N_STEPS)
    topics.produce(source, rows)

    def is_through() -> bool:
        watch.look()
        return worker.state().n_records == len(rows) and not worker.metric("stage_lag_records") and watch.stage_lag > 0

    wait_until(is_through, 60)
    assert silent.n_bytes > 0, "it was asked"
    assert silent.most_open <= N_THREADS
    checked = read_checked(topics)
    opened = {one.anomaly.id: one for one in checked if one.anomaly.phase == "opened"}
    assert len(opened) > 15
    assert all(one.is_final for one in checked), "held until there is a verdict or none is to be had"
    verdicts = [one.verdict for one in opened.values() if one.verdict]
    assert len(verdicts) == len(opened)
    assert {verdict.outcome for verdict in verdicts} == {"unknown"}
    assert {verdict.reason for verdict in verdicts} <= {"deadline", "timeout"}
    assert 0 < watch.n_pending <= 2 * MAX_POLL_RECORDS
    assert watch.grown_mb < 60
    assert worker.metric("verdicts_total", outcome="unknown") == len(opened)

    n_told = len({one.anomaly.id for one in checked if one.anomaly.phase != "cleared"})
    wait_until(lambda: told_anomalies(topics) == n_told, 30, lambda: f"{told_anomalies(topics)} of {n_told} told")
    events = [AlertEvent.from_json(record.value or b"") for record in topics.output("alerts")]
    assert {series.episode_id for event in events for series in event.series} == {
        one.anomaly.episode_id for one in opened.values()
    }
    assert len(worker.events("partitions_assigned")) == 1, "heartbeats went on"
    assert worker.stop() == 0
