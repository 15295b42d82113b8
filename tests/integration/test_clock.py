"""The clock of a worker's machine is put forward and back while it works: no incident ends because of it, and none stays open."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from tests.integration.made_metrics import START_MS, STEP_MS, make_metrics
from tests.integration.running_worker import RunningWorker
from tests.integration.test_crash import alert_values
from tests.integration.test_restart import assert_nothing_lost
from tests.integration.topic_set import Row, TopicSet
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

N_STEPS, N_FAR = 200, 12
DAY_SECS = 86_400
STEPPED_CLOCK = """
import os, time
path, real_ns = os.environ["CLOCK_FILE"], time.time_ns
time.time_ns = lambda: real_ns() + int(open(path).read()) * 1_000_000_000
time.time = lambda: time.time_ns() / 1e9
"""
"""Run by Python before anything else: a wall clock that is as far off as a file says.  Monotonic time stays as it is."""


def far_rows(node: int) -> list[Row]:
    """Samples of one series that stay far off: its episode is not over."""
    rows = []
    for step in range(N_STEPS, N_STEPS + N_FAR):
        at_ms = START_MS + step * STEP_MS + node
        labels = {"service": f"dag-{node % 3}", "node": f"n{node}", "region": "us-east-1"}
        record = {"name": "dag_tps", "labels": labels, "ts": at_ms, "value": 400.0 + 40 * step}
        rows.append(Row(orjson.dumps(record), f"n{node}".encode(), at_ms))
    return rows


@pytest.mark.soak
def test_steps_of_the_machines_clock(topics: TopicSet, start_worker: Callable[..., RunningWorker], tmp_path: Path) -> None:
    source = topics.add_source("metrics")
    topics.config["detectors"][0]["threshold"] = {"type": "fixed", "score": 0.999}
    topics.config["alerts"] = {"incident": {"group_by": ["node"], "resolve_after_secs": 30.0, "update_min_secs": 20.0}}
    topics.config["worker"] |= {"event_secs_per_sec": 60.0}
    config_path = topics.create()
    clock = tmp_path / "clock"
    clock.write_text("0")
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "sitecustomize.py").write_text(STEPPED_CLOCK)
    paths = os.pathsep.join([str(tmp_path / "python"), *sys.path])
    worker = start_worker(config_path, environment={"PYTHONPATH": paths, "CLOCK_FILE": str(clock)}).wait_ready()

    def step(secs: int) -> None:
        aside = tmp_path / "clock.aside"
        aside.write_text(str(secs))
        aside.replace(clock)

    def is_open() -> dict[str, int]:
        return {severity: n for severity, n in worker.state().n_open_by_severity.items() if n}

    rows = make_metrics(N_STEPS, seed=61)
    topics.produce(source, [*rows, *far_rows(3)])
    worker.wait_records(len(rows) + N_FAR)
    wait_until(lambda: worker.state().lag_records == 0 and worker.metric("stage_lag_records") == 0, 30)
    # What is over in event time is told by then; what is left goes on.
    seen: list[int] = []
    wait_until(lambda: bool(seen.append(sum(is_open().values()))) or (len(seen) > 40 and len(set(seen[-40:])) == 1), 30)
    n_open = seen[-1]
    assert n_open > 0
    before = alert_values(topics)
    logged = worker.events()[-1]["time"]
    step(2 * DAY_SECS)
    time.sleep(3.0)
    assert sum(is_open().values()) == n_open, "two days that did not pass end no incident"
    assert alert_values(topics) == before
    step(-3 * DAY_SECS)
    end = make_metrics(40, seed=62, jump_every=10**9, start_step=N_STEPS + N_FAR)
    topics.produce(source, end)
    worker.wait_records(len(rows) + N_FAR + len(end))
    # Time that does pass ends it, though the clock will not be where it was for five days.
    wait_until(lambda: not is_open(), 30, lambda: str(is_open()))
    assert worker.stop() == 0
    stamps = {event["time"][:10] for event in worker.events()}
    assert len(stamps) >= 2, f"the worker saw the clock that was put back (from {logged} on)"
    assert not any(b'"stale"' in (value or b"") for value in alert_values(topics).values())

    beside = topics.beside("steady", event_secs_per_sec=60.0)
    beside.config["alerts"] = topics.config["alerts"]
    steady = start_worker(beside.write_config("steady.yaml")).wait_ready()
    wait_until(lambda: steady.state().lag_records == 0 and len(alert_values(beside)) == len(alert_values(topics)), 60)
    assert alert_values(beside) == alert_values(topics)
    assert_nothing_lost(topics, source)
    assert steady.stop() == 0
    beside.delete()
